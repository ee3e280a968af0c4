package fetch

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"waypost/fault"
	"waypost/http/wire"
	"waypost/link"
	"waypost/trace"
)

// dial opens a connection to the target: names, race, handshake, codec.
func (c *Client) dial(ctx context.Context, to target) (*conn, error) {
	addrs, err := c.resolve(ctx, to)
	if err != nil {
		return nil, err
	}
	raw, err := c.connect(ctx, to, addrs)
	if err != nil {
		return nil, err
	}
	d := &conn{
		raw: raw, to: to, span: trace.From(ctx),
		remote: link.AddrPort(raw.RemoteAddr()), local: link.AddrPort(raw.LocalAddr()),
	}
	proto := "http/1.1"
	if to.secure() {
		secured, err := c.handshake(ctx, raw, to)
		if err != nil {
			d.discard(err)
			return nil, err
		}
		state := secured.ConnectionState()
		d.raw, d.tls = secured, &state
		d.h2 = state.NegotiatedProtocol == "h2"
	}
	if d.h2 {
		proto = "h2"
	}
	limits := c.Limits
	limits.BodyIdleTimeout = -1 // ours has a name: see TimerBodyIdle
	if d.client, err = wire.NewClient(d.raw, proto, limits); err != nil {
		d.discard(err)
		return nil, fault.New(kindOf(err, fault.HTTPProtocolError), "open "+proto+" to "+to.hostPort(), err)
	}
	return d, nil
}

// resolve finds the addresses to connect to.
func (c *Client) resolve(ctx context.Context, to target) ([]netip.Addr, error) {
	if addrs := literal(to.toHost); addrs != nil {
		return addrs, nil
	}
	op := "resolve " + to.toHost
	if c.Names == nil {
		return nil, fault.New(fault.DNSError, op, errors.New("there is no name service to ask"))
	}
	asking, cancel := phase(ctx, TimerDNS, c.Timeouts.withDefaults().DNS)
	defer cancel()
	addrs, err := c.Names.Addrs(asking, to.toHost)
	switch {
	case err != nil && context.Cause(asking) != nil:
		err = context.Cause(asking)
		return nil, fault.New(kindOf(err, fault.DNSError), op, err)
	case err != nil && fault.Of(err) == fault.ProxyInternalError:
		return nil, fault.New(fault.DNSError, op, err)
	case err != nil:
		return nil, err // names its fault and what was asked
	case len(addrs) == 0:
		return nil, fault.New(fault.DNSError, op, errors.New("the name has no address"))
	}
	return addrs, nil
}

// connect races the addresses under the connect timer.
func (c *Client) connect(ctx context.Context, to target, addrs []netip.Addr) (net.Conn, error) {
	connecting, cancel := phase(ctx, TimerConnect, c.Timeouts.withDefaults().Connect)
	defer cancel()
	r := &race{network: c.Network, host: to.toHost, span: trace.From(ctx), spawn: c.pool().dials.Go}
	for _, a := range interleave(addrs) {
		r.addrs = append(r.addrs, netip.AddrPortFrom(a, to.toPort))
	}
	return r.run(connecting)
}
