package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waypost/http/wire"
	"waypost/node"
)

// oneEdge is what the flags of `waypost edge` say.
type oneEdge struct {
	name              string
	listen, listenTLS []string
	cert, key         string
	origin, parent    []string
	slice             string
	memory            string
	store, storeSize  string
	http3             bool
	perClient         int
	admin, token      string
}

func newEdge() *cobra.Command {
	var f oneEdge
	cmd := &cobra.Command{
		Use:   "edge --listen ADDR:PORT --origin URL",
		Short: "A caching reverse proxy for one origin, in one line",
		Long: `edge is a cache before one origin: the edge of serve, for every host name, with
the settings that serve has where a configuration says nothing. Over HTTPS every
client gets the one certificate, whatever name it asks for. Every response tells
in Cache-Status (RFC 9211) what the cache did.`,
		Example: `  waypost edge --listen 127.0.0.1:8080 --origin http://127.0.0.1:8000
  waypost edge --listen 127.0.0.1:8080 --origin http://127.0.0.1:8000 --admin 127.0.0.1:8900 --token-file token
  waypost edge --listen-tls 127.0.0.1:8443 --cert www.pem --key www.key --origin http://127.0.0.1:8000`,
		Args: exactArgs(0, "no arguments besides flags"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := f.config()
			if err != nil {
				return err
			}
			return serve(cmd.Context(), config, f.config) // SIGHUP: the certificate anew
		},
	}
	cmd.Flags().StringArrayVar(&f.listen, "listen", nil, "answer HTTP/1.1 and HTTP/2 in cleartext at `ADDR:PORT`; may be repeated")
	cmd.Flags().StringArrayVar(&f.listenTLS, "listen-tls", nil, "answer HTTPS at `ADDR:PORT`; may be repeated; needs --cert and --key")
	cmd.Flags().BoolVar(&f.http3, "http3", false, "answer HTTP/3 too: UDP at the addresses of --listen-tls")
	cmd.Flags().StringVar(&f.cert, "cert", "", "the certificate chain, PEM `FILE`, leaf first")
	cmd.Flags().StringVar(&f.key, "key", "", "its private key, PEM `FILE`")
	cmd.Flags().StringArrayVar(&f.origin, "origin", nil, "where the content comes from, `URL`; when repeated they are tried in order")
	cmd.Flags().StringArrayVar(&f.parent, "parent", nil, "an edge to ask before the origin, `URL`; of several, each has its share of what there is")
	cmd.Flags().StringVar(&f.name, "name", "", "`NAME` of the edge in Cache-Status and CDN-Loop, another for each edge that asks others (default: edge- and a number of this machine and its addresses)")
	cmd.Flags().StringVar(&f.slice, "slice", "", "fetch and hold large files in slices of `SIZE`, such as 1MiB")
	cmd.Flags().StringVar(&f.admin, "admin", "", "open the listener for purges and records at `ADDR:PORT`; needs --token-file")
	cmd.Flags().StringVar(&f.token, "token-file", "", "`FILE` with the token that the admin listener wants, 16 characters at least")
	cmd.Flags().IntVar(&f.perClient, "connections-per-client", wire.DefaultPerClient, "how many connections one client may have open, `N`; 0 is any number")
	cmd.Flags().StringVar(&f.store, "store", "", "keep the cache on disk in `DIR` too, for the next start with the same --origin; docs/CONFIG.md (edge.store) has its bounds")
	cmd.Flags().StringVar(&f.storeSize, "store-size", "", "`SIZE` of the files in --store (default 8GiB)")
	cmd.Flags().StringVar(&f.memory, "memory", "256MiB", "`SIZE` of the cache in memory; one object may take a quarter of it, and larger files are kept with --slice only")
	return cmd
}

// config is the configuration file that the flags stand for.
func (f *oneEdge) config() (*node.Config, error) {
	switch {
	case len(f.origin) == 0:
		return nil, usage(errors.New("no --origin: say where the content comes from, such as --origin http://127.0.0.1:8000"))
	case len(f.listen)+len(f.listenTLS) == 0:
		return nil, usage(errors.New("nowhere to listen: give --listen 127.0.0.1:8080, or --listen-tls with --cert and --key"))
	case len(f.listenTLS) > 0 && (f.cert == "" || f.key == ""):
		return nil, usage(errors.New("--listen-tls needs --cert FILE and --key FILE"))
	case len(f.listenTLS) == 0 && f.cert+f.key != "":
		return nil, usage(errors.New("--cert and --key go with --listen-tls ADDR:PORT: --listen alone answers in cleartext"))
	case len(f.listenTLS) == 0 && f.http3:
		return nil, usage(errors.New("--http3 goes with --listen-tls ADDR:PORT: HTTP/3 stands beside HTTPS"))
	case f.admin != "" && f.token == "":
		return nil, usage(errors.New("--admin needs --token-file FILE: without a token anybody on this machine could purge"))
	case f.token != "" && f.admin == "":
		return nil, usage(errors.New("--token-file goes with --admin ADDR:PORT, the listener that wants the token"))
	case f.storeSize != "" && f.store == "":
		return nil, usage(errors.New("--store-size goes with --store DIR: it is the size of the files there"))
	}
	if f.name == "" {
		f.name = nameOf(append(slices.Clone(f.listen), f.listenTLS...))
	}
	var text strings.Builder
	fmt.Fprintf(&text, "edge:\n  name: %q\n  memory: %q\n  connections_per_client: %d\n", f.name, f.memory, f.perClient)
	if f.store != "" {
		fmt.Fprintf(&text, "  store: %q\n", f.store)
	}
	if f.storeSize != "" {
		fmt.Fprintf(&text, "  store_size: %q\n", f.storeSize)
	}
	list(&text, "  http", f.listen)
	list(&text, "  https", f.listenTLS)
	if f.http3 {
		text.WriteString("  http3: true\n")
	}
	if f.cert != "" {
		fmt.Fprintf(&text, "  certificates: [{cert: %q, key: %q}]\n", f.cert, f.key)
	}
	if f.admin != "" {
		fmt.Fprintf(&text, "admin: {listen: [%q], token_file: %q}\n", f.admin, f.token)
	}
	text.WriteString("sites:\n  - name: origin\n    hosts: [\"*\"]\n    origin:\n")
	list(&text, "      urls", f.origin)
	list(&text, "    parents", f.parent)
	if f.slice != "" {
		fmt.Fprintf(&text, "    slice: %q\n", f.slice)
	}
	config, err := node.Parse("flags", []byte(text.String()), os.ReadFile)
	if err != nil {
		return nil, flagError(err)
	}
	config.Edge.AnyName = true // one certificate, and every host name
	config.Edge.FilledFrom = config.Edge.Sites[0].Origin.URLs
	return config, nil
}

// flagError says what is wrong in the words of the flags instead of the
// configuration's keys.
func flagError(err error) error {
	var problems node.Problems
	if !errors.As(err, &problems) {
		return usage(err)
	}
	var all []error
	for _, p := range problems {
		flag := p.Key
		for _, f := range [...]struct{ key, flag string }{
			{"edge.name", "--name"}, {"edge.http[", "--listen"}, {"admin.listen", "--admin"}, {"admin.token_file", "--token-file"}, {"edge.https[", "--listen-tls"}, {"edge.http3", "--http3"}, {"edge.memory", "--memory"}, {"edge.connections_per_client", "--connections-per-client"}, {"edge.store_size", "--store-size"}, {"edge.store", "--store"},
			{"edge.certificates[0].cert", "--cert"}, {"edge.certificates[0].key", "--key"}, {"sites[0].origin.urls", "--origin"},
			{"sites[0].parents", "--parent"}, {"sites[0].slice", "--slice"},
		} {
			if strings.HasPrefix(p.Key, f.key) {
				flag = f.flag
			}
		}
		all = append(all, fmt.Errorf("%s: %s", flag, p.What))
	}
	return usage(errors.Join(all...))
}

// list writes a key with its values, where there are any.
func list(w *strings.Builder, key string, values []string) {
	if len(values) == 0 {
		return
	}
	fmt.Fprintf(w, "%s: [", key)
	for i, v := range values {
		if i > 0 {
			w.WriteString(", ")
		}
		fmt.Fprintf(w, "%q", v)
	}
	w.WriteString("]\n")
}
