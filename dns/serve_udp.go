package dns

import (
	"errors"
	"net"
	"net/netip"

	mdns "github.com/miekg/dns"
)

// maxReadErrors is how many reads may fail in a row before the socket counts
// as broken. Single errors are another host's ICMP message or a full buffer.
const maxReadErrors = 100

// readUDP reads queries and gives the quick answers until the server ends.
// It reuses its buffers and its Query, so a quick answer allocates nothing.
func (v *serving) readUDP() error {
	var (
		in       = make([]byte, maxQuery)
		out      = make([]byte, 0, MaxUDP)
		q        = &Query{Transport: UDP}
		failures int
	)
	for {
		n, from, err := v.udp.ReadFromUDPAddrPort(in)
		if err != nil {
			if failures++; v.ctx.Err() != nil || errors.Is(err, net.ErrClosed) || failures > maxReadErrors {
				return err
			}
			continue
		}
		failures = 0
		v.counters.udp.Add(1)
		q.From = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		response, ok := v.first(out, q, in[:n])
		if !ok {
			response, ok = v.later(out, q, from)
			if !ok {
				continue
			}
		}
		v.sendUDP(response, from)
	}
}

func (v *serving) sendUDP(response []byte, to netip.AddrPort) {
	// Nobody can be answered at port 0; an error concerns this client only.
	if len(response) == 0 || to.Port() == 0 {
		v.counters.dropped.Add(1)
		return
	}
	if _, err := v.udp.WriteToUDPAddrPort(response, to); err != nil {
		v.counters.dropped.Add(1)
	}
}

// later hands q to a goroutine that waits for the slow answer. When too many
// wait, ok is true and the response says so: SERVFAIL, which sends the client
// to the next server, and is no longer than the query, so it amplifies
// nothing.
func (v *serving) later(dst []byte, q *Query, from netip.AddrPort) (response []byte, ok bool) {
	select {
	case v.waiting <- struct{}{}:
	default:
		v.counters.overload.Add(1)
		return AppendError(dst, q, mdns.RcodeServerFailure, nil), true
	}
	j := v.jobs.Get().(*job)
	j.take(q)
	v.all.Go(func() {
		v.sendUDP(v.slow(j.out[:0], &j.query), from)
		v.jobs.Put(j)
		<-v.waiting
	})
	return nil, false
}
