package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"waypost/edge"
	"waypost/fetch"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/link"
)

func newPurge() *cobra.Command {
	var p edge.Purge
	var ask stations
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "purge [URL]",
		Short: "Make edges forget a URL, everything below a prefix, or a tag",
		Long: `purge tells the edges that you run to drop what they keep: one URL with its
variants, every URL that begins with a prefix, or every response that carries a
tag in Surrogate-Key or Cache-Tag. With --soft what is in memory stays, but is
confirmed with the origin before its next use; what is only on disk is dropped.
Each edge answers with a receipt.

Edges are asked over their admin listeners.`,
		Example: `  waypost purge -c waypost.yaml https://www.example.test/
  waypost purge -c waypost.yaml --prefix https://www.example.test/blog/
  waypost purge --ask http://127.0.0.1:8900 --token-file token --tag article-17 --soft`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := orderOf(cmd, args, &p); err != nil {
				return usage(err)
			}
			if err := ask.read(); err != nil {
				return err
			}
			order, err := json.Marshal(p)
			if err != nil {
				return err
			}
			client := &fetch.Client{Network: link.OS{}}
			defer client.Close()
			var failed error
			for _, base := range ask.urls {
				if err := meet(cmd.Context(), client, base); err != nil {
					failed = errors.Join(failed, fmt.Errorf("purge at %s: %w", base, err))
					continue
				}
				var r edge.Receipt
				request := &wire.Request{
					Method: "POST", Length: int64(len(order)), Body: bytes.NewReader(order),
					Fields: field.Fields{{Name: "Content-Type", Value: "application/json"}},
				}
				if err := askAdmin(cmd.Context(), client, base+"/purge", ask.token, request, &r); err != nil {
					if r.Error == "" {
						failed = errors.Join(failed, fmt.Errorf("purge at %s: %w", base, err))
						continue
					}
					failed = errors.Join(failed, fmt.Errorf("purge at %s: %s", base, r.Error)) // the receipt says how far it has come
				}
				if err := printReceipt(cmd, &r, asJSON); err != nil {
					return err
				}
			}
			return failed
		},
	}
	cmd.Flags().StringVar(&p.Prefix, "prefix", "", "everything whose `URL` begins with this")
	cmd.Flags().StringVar(&p.Tag, "tag", "", "every response that carries this `TAG`")
	cmd.Flags().StringVar(&p.Site, "site", "", "with --tag: of this `SITE` only")
	cmd.Flags().BoolVar(&p.Soft, "soft", false, "end the freshness instead of dropping")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the receipts as JSON, one per line")
	ask.flags(cmd)
	return cmd
}

// orderOf completes p, which has what the flags say, and refuses what is no
// order before anybody is asked.
func orderOf(cmd *cobra.Command, args []string, p *edge.Purge) error {
	for _, name := range [...]string{"prefix", "tag", "site"} {
		if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
			return fmt.Errorf("--%s is empty", name)
		}
	}
	switch {
	case len(args) > 1:
		return fmt.Errorf("%s wants one URL, got %d arguments; see %s --help", cmd.CommandPath(), len(args), cmd.CommandPath())
	case len(args) == 1 && args[0] == "":
		return errors.New("the URL is empty")
	case len(args) == 1 && (p.Prefix != "" || p.Tag != ""), p.Prefix != "" && p.Tag != "":
		return errors.New("one order at a time: give a URL, --prefix or --tag")
	case p.Site != "" && p.Tag == "":
		return errors.New("--site goes with --tag; a URL names its site itself")
	case len(args) == 0 && p.Prefix == "" && p.Tag == "":
		return errors.New("nothing to purge: give a URL, --prefix or --tag")
	case len(args) == 1:
		p.URL = args[0]
	}
	return p.Check()
}

func printReceipt(cmd *cobra.Command, r *edge.Receipt, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
	}
	what, verb := "1 object", "dropped"
	if r.Objects != 1 {
		what = fmt.Sprintf("%d objects", r.Objects)
	}
	if r.Soft {
		verb = "made stale"
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s %s at %s\n", r.Edge, what, verb, r.At.Format(time.RFC3339))
	return err
}
