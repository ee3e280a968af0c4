package node

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"waypost/http/wire"
	"waypost/origin"
)

// origin makes the content server: files of a directory, or what the program
// brings along.
func (n *Node) origin() (role, error) {
	c := n.config.Origin
	station := n.station(c.Name)
	if c.Root == "" && n.options.Content == nil {
		return role{}, Problems{c.rootless}
	}
	if c.Root == "" {
		content, err := n.options.Content(station, n.config.Trust)
		if err != nil {
			return role{}, err
		}
		return n.originRole(c, content, content.Close), nil
	}
	files, end, err := n.root(c.Root)
	if err != nil {
		return role{}, err
	}
	s, err := origin.New(origin.Config{
		Files: &origin.Files{FS: files}, MaxBody: c.MaxBody,
		Station: station, TrustTrace: n.config.Trust,
	})
	if err != nil {
		return role{}, errors.Join(err, end())
	}
	return n.originRole(c, s, end), nil
}

// root opens a directory of static files. One of the operating system holds
// the files below it, whatever links and names say.
func (n *Node) root(dir string) (files fs.FS, end func() error, err error) {
	if n.options.Root == nil {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, nil, err
		}
		return root.FS(), root.Close, nil
	}
	if files, err = n.options.Root(dir); err != nil {
		return nil, nil, err
	}
	if c, ok := files.(io.Closer); ok {
		return files, c.Close, nil
	}
	return files, func() error { return nil }, nil
}

func (n *Node) originRole(c *Origin, h wire.Handler, closeContent func() error) role {
	return role{
		listen: func(ctx context.Context) ([]func(context.Context) error, error) {
			// Its clients are edges, each of which asks for many.
			return n.listenHTTP(ctx, "origin", c.HTTP, &wire.Server{Handler: h, Limits: wire.Limits{ConnectionsPerClient: -1}})
		},
		close: closeContent,
	}
}
