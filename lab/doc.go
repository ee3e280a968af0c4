// Package lab is an internet in one process: hosts, switches, routers and
// regions, joined by links that delay, lose, reorder, double, corrupt and
// queue frames as they are told to.
//
// A [Lab] runs in real time, for a demonstration that one can touch, or in
// virtual time, for rehearsals: then it stands in a bubble of testing/synctest
// ([Virtual] makes one in an ordinary program), an hour passes as fast as its
// events can be worked out, and one seed gives one run, frame by frame.
//
//	l := lab.New(lab.Options{Seed: 1, Virtual: true})
//	defer l.Close()
//	client, _ := l.Host("client", lab.HostOptions{})
//	server, _ := l.Host("server", lab.HostOptions{})
//	shape, _ := lab.ParseShape("20ms loss 2%")
//	l.Connect(client.Port(netip.MustParsePrefix("192.0.2.1/24")),
//		server.Port(netip.MustParsePrefix("192.0.2.2/24")), shape)
//	c, err := client.Dial(ctx, netip.MustParseAddrPort("192.0.2.2:80"))
//
// A host is a link.Network, so everything above the seam runs on it unchanged.
//
// # Virtual time
//
// One goroutine, the loop, moves everything that happens outside of the
// hosts. It waits until every other goroutine of the bubble waits too, takes
// what the hosts have sent at this instant in the order of link, flow and
// place in the flow, and lets happen what is due, one thing at a time: an
// action ([Lab.At]), a host's timer, the end of a transmission, an arrival.
// After each it waits again. When nothing is due it sleeps, and the bubble's
// clock jumps. What a run depends on beyond that:
//
//   - Only the loop may call synctest.Wait; one virtual lab at a time.
//   - The runtime wakes goroutines that sleep until the same nanosecond in
//     random order. A host therefore takes frames of different flows a
//     nanosecond apart, its own timers belong to the loop, and actions of one
//     instant begin a nanosecond apart: what they cause has times of its own.
//     Two goroutines of one host that sleep until the same instant on their
//     own account, and then do what depends on who was first, are not in order.
//   - There is one processor (GOMAXPROCS) while the lab stands, and garbage is
//     collected between two events only.
//   - What crypto/rand gives to its callers is fixed under [Virtual], which
//     seeds it. What crypto/tls draws for its keys is fixed only in a test, by
//     testing/cryptotest: elsewhere the bytes of TLS differ from run to run, and
//     their number and times do not.
//   - A system that is too busy to give the process its turn can disturb the
//     order within an event: [Lab.Disturbed] tells.
//   - A wait must be on what belongs to the bubble: never on a socket of the
//     system, or on a context or channel made outside.
//
// # Reading order
//
// lab.go, node.go and connect.go are the nouns; shape.go and shapetext.go say
// what a link does, link.go and direction.go do it with loss.go, queue.go and
// codel.go. loop.go moves frames from stage.go through agenda.go to their
// nodes: hosts, switch.go, nat.go. virtualloop.go is the loop in virtual time,
// quiet.go keeps the runtime from having a say. region.go and routes.go
// build internets; tap.go, capture.go and sequence.go watch them, filter.go
// picks frames to be lost. virtual.go enters virtual time from an ordinary
// program.
package lab
