package fetch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"

	"waypost/fault"
	"waypost/http/wire"
	"waypost/link"
	"waypost/trace"
)

// dial opens a connection to the target: names, race, handshake, codec.
func (c *Client) dial(ctx context.Context, to target) (*conn, error) {
	if to.h3 {
		return c.dialQUIC(ctx, to)
	}
	addrs, err := c.resolve(ctx, to)
	if err != nil {
		return nil, err
	}
	raw, err := c.connect(ctx, to, addrs)
	if err != nil {
		return nil, err
	}
	d := &conn{
		raw: raw, to: to, proto: wire.HTTP11, span: trace.From(ctx),
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
		if state.NegotiatedProtocol == "h2" {
			proto, d.proto = "h2", wire.HTTP2
		}
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
	r := c.race(ctx, to, addrs, "tcp")
	r.dial = func(ctx context.Context, addr netip.AddrPort) (io.Closer, error) {
		return closer(c.Network.Dial(ctx, addr))
	}
	won, err := r.run(connecting)
	if err != nil {
		return nil, err
	}
	return won.conn.(net.Conn), nil
}

// race prepares the race of a connection's addresses.
func (c *Client) race(ctx context.Context, to target, addrs []netip.Addr, over string) *race {
	r := &race{host: to.toHost, over: over, span: trace.From(ctx), spawn: c.pool().dials.Go}
	for _, a := range interleave(addrs) {
		r.addrs = append(r.addrs, netip.AddrPortFrom(a, to.toPort))
	}
	return r
}

// closer makes the results of a dial those of a race: without an error there
// is a connection, with one there is none.
func closer[C io.Closer](c C, err error) (io.Closer, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}
