package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"waypost/edge"
	"waypost/edge/store"
	"waypost/edge/store/disk"
	"waypost/fetch"
	"waypost/http/wire"
	"waypost/tls/cert"
	"waypost/upstream"
)

// originSessions is how many TLS sessions with origins are kept: one for each
// server of a large configuration.
const originSessions = 1024

// edge makes the cache server, with a resolver of its own for the origins'
// names.
func (n *Node) edge() (role, error) {
	c := n.config.Edge
	names, err := n.stub(c.Resolvers, c.Peers, c.Hosts, c.HostsFile)
	if err != nil {
		return role{}, err
	}
	roots, err := originRoots(c.OriginCA)
	if err != nil {
		return role{}, err
	}
	certificates, err := certificateList(c.Certificates)
	if err != nil {
		return role{}, err
	}
	var tlsConfig *tls.Config
	if len(certificates) > 0 {
		if n.certificates, err = cert.NewSet(certificates...); err != nil {
			return role{}, err
		}
		tlsConfig = n.certificates.Config()
		if c.AnyName {
			tlsConfig.GetCertificate = n.certificates.GetAny
		}
	}
	objects := n.store(c.Memory)
	e, err := edge.New(edge.Config{
		Name:       c.Name,
		Sites:      c.Sites,
		Store:      objects,
		Fetch:      &fetch.Client{Network: n.network, Names: names, Roots: roots, Sessions: tls.NewLRUClientSessionCache(originSessions)},
		Station:    n.station("edge " + c.Name),
		TrustTrace: n.config.Trust,
		OnTrouble:  func(t edge.Trouble) { n.troubles.log(n.options.Log, t) },
		OnHealth:   func(site string, c upstream.Change) { logHealth(n.options.Log, site, c) },
	})
	if err != nil {
		return role{}, err
	}
	n.cache = e
	return role{
		listen: func(ctx context.Context) ([]func(context.Context) error, error) {
			if err := n.openDisk(objects); err != nil {
				return nil, err
			}
			s := n.edgeServer(e)
			plain, err := n.listenHTTP(ctx, "edge", c.HTTP, &s)
			if err != nil {
				return plain, err
			}
			secured := n.edgeServer(e)
			secured.TLS, secured.Places = tlsConfig, s.Places
			secure, err := n.listenSecure(ctx, "edge", c.HTTPS, secured, c.HTTP3)
			return append(plain, secure...), err
		},
		close: func() error { return errors.Join(e.Close(), objects.Close()) },
	}, nil
}

// edgeServer is what the edge's listeners have in common.
func (n *Node) edgeServer(e *edge.Edge) wire.Server {
	c := n.config.Edge
	s := wire.Server{Handler: e, ProxyFrom: c.ProxyFrom, Places: &wire.Places{}, Limits: wire.Limits{ConnectionsPerClient: c.PerClient}}
	if c.PerClient == 0 {
		s.Limits.ConnectionsPerClient = -1
	}
	s.Bad = func(b wire.BadRequest) {
		if b.Connection {
			n.crowd.log(n.options.Log, "edge", b.Remote, c.PerClient)
		}
	}
	return s
}

// openDisk puts the store on its disk, where the configuration names one.
func (n *Node) openDisk(objects *store.Memory) error {
	c := n.config.Edge
	if c.Store == "" {
		return nil
	}
	log, err := disk.Open(disk.Options{Dir: c.Store, Bytes: c.StoreSize})
	if err != nil {
		return fmt.Errorf("edge.store: %w", err)
	}
	if err := n.ownStore(log); err != nil {
		return fmt.Errorf("edge.store: %w", errors.Join(err, log.Close()))
	}
	n.options.Log.Info("cache on disk", "directory", c.Store, "objects", log.Len(), "bytes", log.Bytes())
	objects.DiskChanged = n.diskChanged
	objects.PutOn(log)
	return nil
}

// diskChanged logs what becomes of the disk: a line when something begins or
// ends, not for each object.
func (n *Node) diskChanged(d store.DiskState) {
	to := n.options.Log.With("directory", n.config.Edge.Store)
	switch {
	case d.Failure != nil:
		to.Error("the cache's disk fails: what comes is kept in memory only, and purges that it does not take hold until a restart", "error", d.Failure)
	case d.Behind:
		to.Warn("the cache's disk is behind: some objects are kept in memory only", "skipped", d.Skipped)
	default:
		to.Info("the cache's disk takes all objects again", "skipped", d.Skipped)
	}
}

// store is the edge's memory.
func (n *Node) store(bytes int64) *store.Memory {
	if draw := n.random("store"); draw != nil {
		return store.NewMemorySeeded(bytes, draw())
	}
	return store.NewMemory(bytes)
}

// certificateList loads all of them.
func certificateList(certificates []Certificate) (all []tls.Certificate, err error) {
	for _, c := range certificates {
		one, err := c.load()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// load reads the chain and its key.
func (c *Certificate) load() (tls.Certificate, error) {
	return cert.FromPEM(cert.Text{Name: c.CertFile, PEM: c.Cert}, cert.Text{Name: c.KeyFile, PEM: c.Key})
}

// originRoots are the system's authorities and those of the configuration;
// nil means the system's alone.
func originRoots(pem []byte) (*x509.CertPool, error) {
	if pem == nil {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("the system's certificate authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("origin_ca: no certificate in the file")
	}
	return pool, nil
}
