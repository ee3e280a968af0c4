package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"waypost/cdn"
	"waypost/edge/rules"
	"waypost/url"
)

func newSign() *cobra.Command {
	var key cdn.SigningKey
	var secret, client string
	var lasts time.Duration
	cmd := &cobra.Command{
		Use:   "sign URL --key-id ID --secret-file FILE",
		Short: "Make a URL that opens a private site for a while",
		Long: `sign prints a URL with a signature that opens a site whose access.keys has the
key, until its time is over; with --client to the addresses of one prefix alone.
It opens GET and HEAD alone. Path and query are signed: whoever changes them is
not let in. docs/RULES.md has the form, for an application that signs by itself.`,
		Example: `  waypost sign --key-id 2026a --secret-file 2026a.key 'https://members.example.test/film.mp4?q=hd'
  waypost sign --key-id 2026a --secret-file 2026a.key --for 24h --client 192.0.2.0/24 https://members.example.test/`,
		Args: exactArgs(1, "one URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := signable(args[0])
			if err != nil {
				return usage(err)
			}
			prefix, err := clientPrefix(client)
			if err != nil {
				return usage(err)
			}
			if lasts < time.Second {
				return usage(fmt.Errorf("--for %v: a second at least", lasts))
			}
			if err := readKey(&key, secret); err != nil {
				return usage(err)
			}
			// Times are in whole seconds: the last one counts.
			expires := time.Now().Add(lasts + time.Second - 1)
			fragment := ""
			if u.HasFragment() {
				fragment = "#" + u.Fragment()
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(),
				u.Scheme()+"://"+u.Host()+rules.Sign(key, u.RequestTarget(), expires, prefix)+fragment)
			return err
		},
	}
	cmd.Flags().StringVar(&key.ID, "key-id", "", "the key's `ID` in access.keys")
	cmd.Flags().StringVar(&secret, "secret-file", "", "`FILE` with the key's secret")
	cmd.Flags().DurationVar(&lasts, "for", 10*time.Minute, "how long the URL opens the site, from now on")
	cmd.Flags().StringVar(&client, "client", "", "the `PREFIX` of addresses that it is for, such as 192.0.2.0/24 (default: whoever has it)")
	_ = cmd.MarkFlagFilename("secret-file") // only for completion
	return cmd
}

// signable reads a URL that a signature can be put on.
func signable(text string) (*url.URL, error) {
	u, err := url.Parse(text, nil)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme() != "http" && u.Scheme() != "https":
		return nil, fmt.Errorf("sign %s: the scheme must be http or https", text)
	case u.HasCredentials():
		return nil, fmt.Errorf("sign %s: a URL with a name or a password is not signed", u.Redacted())
	case rules.Unsigned(u.RequestTarget()) != u.RequestTarget():
		return nil, fmt.Errorf("sign %s: it has parameters of a signature already", text)
	}
	return u, nil
}

// clientPrefix reads --client: a prefix, or an address that stands for itself.
func clientPrefix(text string) (netip.Prefix, error) {
	if text == "" {
		return netip.Prefix{}, nil
	}
	prefix, err := netip.ParsePrefix(text)
	if addr, wrong := netip.ParseAddr(text); wrong == nil && addr.Zone() == "" {
		prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if err != nil || prefix.Addr().Is4In6() {
		return prefix, fmt.Errorf("--client %q: write an address prefix such as 192.0.2.0/24 or 2001:db8::/64", text)
	}
	return prefix.Masked(), nil
}

// readKey reads the secret of a key, as a node does.
func readKey(key *cdn.SigningKey, file string) error {
	switch {
	case key.ID == "":
		return errors.New("no --key-id: name the key")
	case file == "":
		return errors.New("no --secret-file: name the file with the secret")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--secret-file: %w", err)
	}
	key.Secret = bytes.TrimSpace(text)
	return rules.CheckAccess(&cdn.Access{Keys: []cdn.SigningKey{*key}})
}
