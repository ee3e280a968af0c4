package journey

import (
	"context"
	"fmt"
	"strings"

	"waypost/edge"
)

// powerAction is stop HOST and start HOST.
type powerAction struct {
	host string
	on   bool
}

func parseStop(a *args) action  { return &powerAction{a.of("host"), false} }
func parseStart(a *args) action { return &powerAction{a.of("host"), true} }

func (p *powerAction) do(t *task) error {
	v := t.hosts[p.host].service
	switch {
	case v == nil:
		return fmt.Errorf("nothing is served on %s", p.host)
	case p.on == v.running():
		return fmt.Errorf("the service on %s is %s already", p.host, map[bool]string{true: "running", false: "stopped"}[p.on])
	case p.on:
		return v.start(t.ctx)
	}
	return v.stop()
}

// reloadAction is reload HOST FILE.
type reloadAction struct{ host, file string }

func parseReload(a *args) action {
	return &reloadAction{host: a.of("host"), file: a.configuration()}
}

func (r *reloadAction) do(t *task) error {
	v := t.hosts[r.host].service
	if v == nil || v.node == nil {
		return fmt.Errorf("no node runs on %s", r.host)
	}
	c, err := t.configuration(r.file)
	if err != nil {
		return err
	}
	restart, err := v.node.Reload(c)
	if err != nil {
		return err
	}
	v.file = r.file
	if len(restart) > 0 {
		return fmt.Errorf("only a restart brings %s", strings.Join(restart, ", "))
	}
	return nil
}

// purgeAction is purge HOST URL|prefix URL|tag TAG ….
type purgeAction struct {
	host, name string
	order      edge.Purge
}

func parsePurge(a *args) action {
	p := &purgeAction{host: a.of("host")}
	switch {
	case a.keyword("prefix"):
		p.order.Prefix = a.want("what the URLs begin with").text
	case a.keyword("tag"):
		p.order.Tag = a.want("the tag").text
		if a.keyword("site") {
			p.order.Site = a.want("the site's name").text
		}
	default:
		p.order.URL = a.want("the URL").text
	}
	p.order.Soft = a.keyword("soft")
	if a.keyword("as") {
		p.name = a.as("result")
	}
	return p
}

func (p *purgeAction) do(t *task) error {
	v := t.hosts[p.host].service
	if v == nil || v.node == nil {
		return fmt.Errorf("no edge runs on %s", p.host)
	}
	return t.result("purge", p.name, func(_ context.Context, r *result) {
		r.purged = &Purged{}
		order := p.order
		for _, s := range []*string{&order.URL, &order.Prefix, &order.Tag} {
			*s = t.expand(*s)
		}
		receipt, err := v.node.Purge(order)
		if r.purged.Objects = receipt.Objects; err != nil {
			r.purged.Error = err.Error()
		}
	})
}
