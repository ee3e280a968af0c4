package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	mdns "github.com/miekg/dns"
	"github.com/spf13/cobra"

	"waypost/dns"
	"waypost/fault"
	"waypost/link"
	"waypost/report"
	"waypost/trace"
)

func newResolve() *cobra.Command {
	var flags names
	var showTrace bool
	var jsonFile string
	cmd := &cobra.Command{
		Use:   "resolve NAME [TYPE]",
		Short: "Resolve a name and show how",
		Long: `resolve asks for the records of a name, by default its addresses (A): the hosts
file first, then the system's name server, a given one, or every server on the
way down from the root.`,
		Example: `  waypost resolve www.example.com
  waypost resolve example.com MX --resolver 192.0.2.53
  waypost resolve www.example.com --iterate --trace`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage(fmt.Errorf("resolve wants a name and perhaps a type, e.g. waypost resolve www.example.com AAAA"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name, qtype, err := questionOf(args)
			if err != nil {
				return usage(err)
			}
			r, err := flags.resolver(link.OS{})
			if err != nil {
				return err
			}
			var ring trace.Ring
			p := newProgress(&ring)
			station := &trace.Station{Name: "resolver", Recorder: p}
			span := station.Begin()
			answer, failure := r.Lookup(trace.With(cmd.Context(), span), name, qtype)
			p.clear()
			events, missed := ring.Events(span.Context().Trace)
			load := trace.NewLoad(args[0], span.Context().Trace, events)
			load.Missed, load.Fault = missed, string(fault.Of(failure))
			style := styleOf(os.Stdout)
			if jsonFile == "-" { // standard output is taken
				return errors.Join(writeRecord(jsonFile, trace.Record{Loads: []trace.Load{load}}), failure)
			}
			if showTrace {
				if err := report.Steps(os.Stdout, &load, style); err != nil {
					return err
				}
				fmt.Println()
			}
			if jsonFile != "" {
				if err := writeRecord(jsonFile, trace.Record{Loads: []trace.Load{load}}); err != nil {
					return err
				}
			}
			if failure != nil {
				return failure
			}
			for _, rr := range answer.Records {
				fmt.Println(rr)
			}
			authority := "not authoritative"
			if answer.Authoritative {
				authority = "authoritative"
			}
			fmt.Println(style.Note(fmt.Sprintf("; %s, from %s, %s", dns.RcodeString(answer.Rcode), answer.Source, authority)))
			if answer.Rcode != mdns.RcodeSuccess {
				return fmt.Errorf("%s: %s", args[0], dns.RcodeString(answer.Rcode))
			}
			return nil
		},
	}
	flags.flags(cmd)
	cmd.Flags().BoolVar(&showTrace, "trace", false, "show every question, referral and answer on the way")
	cmd.Flags().StringVar(&jsonFile, "json", "", "write the record to `FILE` (- is standard output)")
	return cmd
}

func questionOf(args []string) (dns.Name, dns.Type, error) {
	name, err := dns.ParseName(args[0])
	if err != nil {
		return "", 0, fmt.Errorf("name %q: %w", args[0], err)
	}
	if len(args) == 1 {
		return name, mdns.TypeA, nil
	}
	qtype, err := dns.ParseType(args[1])
	if err != nil {
		return "", 0, err
	}
	return name, qtype, nil
}

// writeRecord writes a record as JSON.
func writeRecord(name string, r trace.Record) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return writeFile(name, func(f *os.File) error {
		_, err := f.Write(append(text, '\n'))
		return err
	})
}
