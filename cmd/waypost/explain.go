package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/link"
	"waypost/node"
	"waypost/trace"
	"waypost/url"
)

// maxAccount bounds what is read from a station's admin listener: more than a
// full recorder's events of one journey.
const maxAccount = 64 << 20

// askTimeout bounds one question to a station's admin listener, which answers
// from memory.
const askTimeout = 5 * time.Second

func newExplain() *cobra.Command {
	var c client
	var out output
	var ask stations
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "explain URL",
		Short: "Load a URL and ask the stations on the road for their side",
		Long: `explain loads a URL (without its subresources) with a trace context that travels
along the road, and then asks the nodes that you run for what their stations noted:
resolver, authority, edge and origin. So one record holds both sides of, say, a
504: which timer fired at the edge, and what became of the origin's answer.

Nodes are asked over their admin listeners. They record for clients that their
configuration trusts (trace.trust); the loopback addresses where it says nothing.`,
		Example: `  waypost explain -c waypost.yaml https://www.example.test/
  waypost explain --ask http://127.0.0.1:8900 --token-file token https://www.example.test/slow`,
		Args: exactArgs(1, "one URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(c.check(args[0], &out), ask.read()); err != nil {
				return err
			}
			o := c.options()
			o.Trace, o.DocumentOnly = true, true
			loads, failure := c.load(cmd.Context(), args[0], 1, o)
			if len(loads) == 0 {
				return failure
			}
			err := ask.join(cmd.Context(), &loads[0], wait)
			return errors.Join(out.write(loads, styleOf(os.Stdout)), failure, err)
		},
	}
	c.flags(cmd)
	out.flags(cmd)
	ask.flags(cmd)
	cmd.Flags().DurationVar(&wait, "wait", 10*time.Second, "how long to wait for a station whose work goes on, such as an origin that was given up on")
	return cmd
}

// stations are the nodes to ask.
type stations struct {
	config    string
	urls      []string
	tokenFile string
	token     string
}

func (s *stations) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.config, "config", "c", "", "ask the node that runs this configuration `FILE`")
	cmd.Flags().StringArrayVar(&s.urls, "ask", nil, "ask the node with its admin listener at this `URL`; may be repeated")
	cmd.Flags().StringVar(&s.tokenFile, "token-file", "", "`FILE` with the admin listeners' token")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml") // only for completion
	_ = cmd.MarkFlagFilename("token-file")
}

// read completes the stations from the files that the flags name.
func (s *stations) read() error {
	if s.config != "" {
		config, err := readConfig(s.config)
		if err != nil {
			return err
		}
		if config.Admin == nil {
			return usage(fmt.Errorf("%s has no admin listener to ask: add admin.listen and admin.token_file", s.config))
		}
		for _, a := range config.Admin.Listen {
			s.urls = append(s.urls, "http://"+a.String())
		}
		s.token = config.Admin.Token
	}
	if s.tokenFile != "" {
		text, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return usage(err)
		}
		s.token = strings.TrimSpace(string(text))
	}
	for i, u := range s.urls {
		s.urls[i] = strings.TrimSuffix(u, "/")
	}
	switch {
	case len(s.urls) == 0:
		return usage(errors.New("no station to ask: name a configuration with -c FILE, or an admin listener with --ask URL"))
	case s.token == "":
		return usage(errors.New("the admin listener wants a token: name its file with --token-file"))
	}
	return nil
}

// join adds the stations' accounts to l.
func (s *stations) join(ctx context.Context, l *trace.Load, wait time.Duration) error {
	client := &fetch.Client{Network: link.OS{}}
	defer client.Close()
	patient, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for _, base := range s.urls {
		if err := meet(ctx, client, base); err != nil {
			return fmt.Errorf("ask %s: %w", base, err)
		}
	}
	own, missed := l.Events, l.Missed
	events, missed, err := trace.Settle(patient, func() ([]trace.Event, int, error) {
		all, miss := own, missed
		for _, base := range s.urls {
			a, err := account(ctx, client, base, s.token, l.Trace)
			if err != nil {
				return all, miss, fmt.Errorf("ask %s: %w", base, err)
			}
			all, miss = append(all, a.Events...), miss+a.Missed
		}
		return all, miss, nil
	})
	fault, page := l.Fault, l.URL
	*l = trace.NewLoad(page, l.Trace, events)
	l.Fault, l.Missed = fault, missed
	return err
}

// account asks one node for what it noted of a journey.
func account(ctx context.Context, client *fetch.Client, base, token string, id trace.ID) (a node.Account, err error) {
	return a, askAdmin(ctx, client, base+"/trace/"+id.String(), token, &wire.Request{}, &a)
}

// meet makes sure that an admin listener stands at base before it is told the
// token: what stands at the port of another server may send it on, or write it
// into a log. The question is one that no proxy forwards (RFC 9110 §7.6.2).
func meet(ctx context.Context, client *fetch.Client, base string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	u, err := url.Parse(base, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(ctx, u, &wire.Request{Method: "OPTIONS", Path: "*", Fields: field.Fields{{Name: "Max-Forwards", Value: "0"}}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxGreeting)) // so that the connection can be used again
	if resp.Status != 401 || resp.Fields.Get("WWW-Authenticate") != node.AdminChallenge {
		return fmt.Errorf("this is no admin listener: it answers with %d instead of asking for the token (which was not sent); name the address of admin.listen, or of --admin", resp.Status)
	}
	return nil
}

// maxGreeting is what is read of the answer to meet.
const maxGreeting = 64 << 10

// askAdmin sends a request to an admin listener and reads its JSON into to.
func askAdmin(ctx context.Context, client *fetch.Client, at, token string, r *wire.Request, to any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	u, err := url.Parse(at, nil)
	if err != nil {
		return err
	}
	r.Fields.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(ctx, u, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAccount))
	if err != nil {
		return err
	}
	if resp.Status != 200 {
		if resp.Fields.Get("Content-Type") == "application/json" {
			_ = json.Unmarshal(body, to) // what has been done all the same
		}
		return fmt.Errorf("%d %s", resp.Status, strings.TrimSpace(string(body)))
	}
	return json.Unmarshal(body, to)
}
