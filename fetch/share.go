package fetch

import (
	"context"
	"net/netip"
)

// A client that fetches for others has a few hundred connections to a host,
// and any of those others could have them all: by reading responses slowly, by
// sending bodies slowly, by tunnels in which nothing moves. So each has a
// share: as many connections as are free, and as many places in the queue.
//
// One who wants all gets half, and two get a third each; whoever comes after a
// hundred of them finds one of the last hundredth. Who wants no more than
// others leave does not notice. It is the dynamic threshold of Choudhury and
// Hahne (IEEE/ACM Transactions on Networking 6(2), 1998), where queues share
// the memory of a switch.

// party is on whose behalf requests to one host are made. The pool's lock
// guards it.
type party struct {
	of     *host
	client netip.Addr
	held   int // connections and streams that carry its requests, or are being opened for them
	waits  int // its requests in the queue
}

type onBehalf struct{}

// OnBehalfOf returns a context for requests that are made for somebody else:
// of a host's connections, and of the places in its queue, each client has no
// more than its share. The zero Addr is nobody, and has no share to keep to.
func OnBehalfOf(ctx context.Context, client netip.Addr) context.Context {
	if !client.IsValid() {
		return ctx
	}
	return context.WithValue(ctx, onBehalf{}, client)
}

// client is whom a request is made for.
func client(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(onBehalf{}).(netip.Addr)
	return addr
}

// party returns what is known of a client of h; nil for nobody.
func (h *host) party(client netip.Addr) *party {
	if !client.IsValid() {
		return nil
	}
	who := h.parties[client]
	if who == nil {
		if h.parties == nil {
			h.parties = map[netip.Addr]*party{}
		}
		who = &party{of: h, client: client}
		h.parties[client] = who
	}
	return who
}

// mayHold reports whether a request for who may have a connection, if there
// is one.
func (p *pool) mayHold(h *host, who *party) bool {
	return who == nil || who.held < p.free(h)
}

// mayWait reports whether there is a place in the queue for a request for who.
func (p *pool) mayWait(h *host, who *party) bool {
	left := maxQueue - len(h.queue)
	return left > 0 && (who == nil || who.waits < left)
}

// free is how many requests h could carry besides those that it does.
func (p *pool) free(h *host) int {
	if h.shared != nil {
		return maxStreams - h.shared.carrying
	}
	return p.perHost - h.busy - h.dialing
}

// holds counts a connection, or with -1 gives it back. A nil party does not
// count.
func (who *party) holds(n int) {
	if who != nil {
		who.held += n
		who.tidy()
	}
}

// queues counts a place in the queue, or with -1 gives it back.
func (who *party) queues(n int) {
	if who != nil {
		who.waits += n
		who.tidy()
	}
}

// tidy forgets a party that has nothing: the table has no more of them than
// there are requests.
func (who *party) tidy() {
	if who.held+who.waits == 0 && who.of.parties[who.client] == who {
		delete(who.of.parties, who.client)
	}
}
