package journey

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/txtar"

	"waypost/demo/site"
	"waypost/node"
	"waypost/tls/cert"
	"waypost/trace"
)

// service is what runs on a host and can be stopped and started again: a
// fresh one, with empty caches but for what edge.store holds.
type service struct {
	start func(ctx context.Context) error
	stop  func() error
	node  *node.Node // nil while stopped, and for origins
	file  string     // the node's configuration
	on    bool       // of an origin
}

// serveAction is serve HOST FILE: the node of that configuration, read as
// waypost serve reads it.
type serveAction struct {
	host, file string
}

func parseServe(a *args) action {
	s := &serveAction{host: a.of("host")}
	s.file = a.configuration()
	return s
}

// configuration takes the name of a node's configuration.
func (a *args) configuration() string {
	at := a.peek()
	file := a.file("the configuration's file")
	if a.failed {
		return file
	}
	// What is wrong with it is found now, not when it runs. Certificates do
	// not exist yet; what they are is not looked at.
	read := func(name string) ([]byte, error) {
		if text, ok := fileOf(a.journey.files, name); ok {
			return text, nil
		}
		if a.given[name] {
			return placeholder(name)
		}
		return nil, fmt.Errorf("there is no file -- %s -- in this journey%s", name, didYouMean(name, a.givenNames()))
	}
	text, err := read(file)
	if err == nil {
		_, err = node.Parse(file, text, read)
	}
	if err != nil {
		a.failAt(at, "%v", err)
	}
	return file
}

// placeholder is what a file will be that certificate makes: a certificate or
// its key, for the same name, so that the two fit.
func placeholder(name string) ([]byte, error) {
	base := strings.TrimSuffix(name, path.Ext(name))
	h := fnv.New64a()
	h.Write([]byte(base)) //nolint:errcheck // a hash takes everything
	ca, err := cert.NewSeededCA("waypost journey CA", time.Now(), rand.New(rand.NewPCG(1, h.Sum64())).Uint64)
	if err != nil || name == caFile {
		return ca.PEM(), err
	}
	issued, err := ca.Issue(base)
	if err != nil {
		return nil, err
	}
	chain, key, err := cert.PEM(issued)
	if path.Ext(name) == ".key" {
		return key, err
	}
	return chain, err
}

func (p *parser) givenNames() []string {
	var all []string
	for name := range p.given {
		all = append(all, name)
	}
	return all
}

func (s *serveAction) do(t *task) error {
	h, w := t.hosts[s.host], t.world
	if h.service != nil {
		return fmt.Errorf("%s serves already", s.host)
	}
	v := &service{file: s.file}
	v.start = func(ctx context.Context) error {
		n, err := w.node(h, v.file)
		if err != nil {
			return err
		}
		if err := n.Start(ctx); err != nil {
			return errors.Join(err, n.Stop())
		}
		v.node = n
		return nil
	}
	v.stop = func() error {
		n := v.node
		v.node = nil
		return n.Stop()
	}
	h.service = v
	return v.start(t.ctx)
}

// node makes the node of a configuration on a host.
func (w *world) node(h *host, file string) (*node.Node, error) {
	c, err := w.configuration(file)
	if err != nil {
		return nil, err
	}
	return node.New(c, node.Options{
		Network:  h,
		Recorder: w.record,
		Seed:     w.seed(h.next()),
		Root:     func(dir string) (fs.FS, error) { return w.tree(dir) },
		Content: func(st *trace.Station, trust []netip.Prefix) (node.Content, error) {
			return site.New(site.Options{Station: st, TrustTrace: trust, Rand: w.random("site " + h.name)})
		},
	})
}

// configuration is a node's, as it holds in a journey.
func (w *world) configuration(file string) (*node.Config, error) {
	text, err := w.file(file)
	if err != nil {
		return nil, err
	}
	c, err := node.Parse(file, text, w.file)
	if err != nil {
		return nil, err
	}
	w.open(c)
	if c.Edge != nil && c.Edge.Store != "" {
		dir, err := w.scratch()
		if err != nil {
			return nil, err
		}
		c.Edge.Store = filepath.Join(dir, url.PathEscape(c.Edge.Store))
	}
	return c, nil
}

// scratch is a directory that lasts as long as the journey: what nodes put on
// disk is there, whatever their configuration calls it.
func (w *world) scratch() (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	if w.disk == "" {
		w.disk, err = os.MkdirTemp("", "waypost-journey-")
	}
	return w.disk, err
}

// next names the node that is about to begin on a host, for its seed: one that
// begins again must not give the ids that were given before.
func (h *host) next() string {
	h.starts++
	if h.starts == 1 {
		return "node " + h.name
	}
	return fmt.Sprintf("node %s %d", h.name, h.starts)
}

// open lets everybody be recorded, and everybody be told of the trace, where
// the configuration says nothing: in a journey all stations are ours.
func (w *world) open(c *node.Config) {
	unsaid := func(p *[]netip.Prefix) {
		if slices.Equal(*p, loopback) {
			*p = everybody
		}
	}
	unsaid(&c.Trust)
	if c.Resolver != nil {
		unsaid(&c.Resolver.Peers)
	}
	if c.Edge != nil {
		unsaid(&c.Edge.Peers)
	}
}

// loopback is what a configuration trusts that says nothing.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// tree is the files below a directory of the journey.
func (w *world) tree(dir string) (fs.FS, error) {
	root, err := txtar.FS(w.journey.files)
	if err != nil {
		return nil, err
	}
	sub, err := fs.Sub(root, path.Clean(dir))
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(sub, "."); err != nil {
		return nil, fmt.Errorf("no file of this journey stands below %s/", dir)
	}
	return sub, nil
}

// file reads a file of the journey, or one that certificate made.
func (w *world) file(name string) ([]byte, error) {
	w.mu.Lock()
	made, ok := w.made[name]
	w.mu.Unlock()
	if ok {
		return made, nil
	}
	if text, ok := fileOf(w.journey.files, name); ok {
		return text, nil
	}
	return nil, fmt.Errorf("there is no file -- %s -- in this journey", name)
}

func fileOf(a *txtar.Archive, name string) ([]byte, bool) {
	for _, f := range a.Files {
		if f.Name == name {
			return f.Data, true
		}
	}
	return nil, false
}

// caFile is the journey's own authority, PEM.
const caFile = "ca.pem"

// certificateAction is certificate NAME… [expired]: the files NAME.pem and
// NAME.key, after the first name.
type certificateAction struct {
	names   []string
	expired bool
}

func parseCertificate(a *args) action {
	c := &certificateAction{}
	for a.more() && !a.failed {
		if a.keyword("expired") {
			c.expired = true
			continue
		}
		c.names = append(c.names, a.take().text)
	}
	if len(c.names) == 0 {
		a.failHere("the name that the certificate speaks for is missing")
		return c
	}
	a.given[c.names[0]+".pem"], a.given[c.names[0]+".key"] = true, true
	return c
}

func (c *certificateAction) do(t *task) error {
	from, to := t.start.Add(-time.Hour), t.start.Add(90*24*time.Hour)
	if c.expired {
		from, to = t.start.Add(-91*24*time.Hour), t.start.Add(-24*time.Hour)
	}
	issued, err := t.ca.IssueBetween(from, to, c.names...)
	if err != nil {
		return err
	}
	chain, key, err := cert.PEM(issued)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made[c.names[0]+".pem"], t.made[c.names[0]+".key"] = chain, key
	return nil
}
