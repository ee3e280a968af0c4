package node

import (
	"context"
	"errors"
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
	// A root holds the files below it, whatever links and names say.
	root, err := os.OpenRoot(c.Root)
	if err != nil {
		return role{}, err
	}
	s, err := origin.New(origin.Config{
		Files: &origin.Files{FS: root.FS()}, MaxBody: c.MaxBody,
		Station: station, TrustTrace: n.config.Trust,
	})
	if err != nil {
		return role{}, errors.Join(err, root.Close())
	}
	return n.originRole(c, s, root.Close), nil
}

func (n *Node) originRole(c *Origin, h wire.Handler, closeContent func() error) role {
	return role{
		listen: func(ctx context.Context) ([]func(context.Context) error, error) {
			return n.listenHTTP(ctx, "origin", c.HTTP, &wire.Server{Handler: h})
		},
		close: closeContent,
	}
}
