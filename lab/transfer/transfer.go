// Package transfer rehearses one TCP transfer between two hosts of a lab, in
// virtual time, and tells what happened: every segment, both ends' states,
// what the sender allowed itself, where it turned and by which rule, and what
// limited it.
//
// It is read in this order: transfer.go runs it, watch.go keeps what passed,
// account.go sums it up, document.go puts it into diagrams.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"waypost/lab"
	"waypost/link"
	"waypost/report"
	"waypost/stack"
	"waypost/tcp"
	"waypost/trace"
)

// Limits.
const (
	// MaxBytes bounds a transfer: some 70,000 segments each way fit into
	// what is kept of them.
	MaxBytes = 100_000_000
	// maxFrames bounds the frames kept for the diagrams.
	maxFrames = 400_000
	// maxEvents bounds the record: a fact for each ACK of the largest
	// transfer, and as many again.
	maxEvents = 400_000
	// patience bounds the virtual time: TCP gives up by itself after a
	// quarter of an hour of silence (tcp.DefaultRetries), and a transfer
	// that still creeps after a day teaches nothing more.
	patience = 24 * time.Hour
	// sendBuffer is what the client keeps of its bytes where nothing is
	// said: as much as any window asks for, so that TCP is never short of
	// them and what limits it is the road.
	sendBuffer = 16 << 20
	// lingering is how long an end may last after the transfer: TIME-WAIT,
	// and what is sent again for a FIN that got lost.
	lingering = 15 * time.Minute
)

// Options are a transfer.
type Options struct {
	Seed  uint64 // of all that is drawn by lot
	Bytes int64  // payload that the client sends: 1 to MaxBytes
	// Link is what the link does, both ways.
	Link lab.LinkShape
	// Drop are segments of the client that the link loses besides, counted
	// from the SYN, which is 1; those sent again count too.
	Drop []int
	// Client and Server are how the ends behave.
	Client, Server tcp.Config
	// Capture takes what passes the link as pcapng; nil: nobody does.
	Capture io.Writer
}

// The two ends.
var (
	clientAddr = netip.MustParsePrefix("192.0.2.1/24")
	serverAddr = netip.MustParsePrefix("192.0.2.2/24")
	// serverPort is that of iperf: what reads captures takes port 80 for HTTP.
	serverPort = netip.AddrPortFrom(serverAddr.Addr(), 5001)
)

// Result is what came of a transfer.
type Result struct {
	Options Options
	// Load is the record of both ends and the link.
	Load trace.Load
	// Sequence is what passed the link, with states and turns; its times
	// count from the first SYN.
	Sequence report.Sequence
	Account  Account

	panels []report.Panel
}

// Run does the transfer. It must be called in virtual time: under
// [lab.Virtual], or in a bubble of testing/synctest. When the transfer fails,
// the error says how and the result tells what happened until then. It does
// not end before both ends have forgotten the connection, TIME-WAIT included.
func Run(o Options) (*Result, error) {
	if o.Bytes < 1 || o.Bytes > MaxBytes {
		return nil, fmt.Errorf("transfer of %d bytes: from 1 to %d", o.Bytes, int64(MaxBytes))
	}
	if o.Client.SendBuffer == 0 {
		o.Client.SendBuffer = sendBuffer
	}
	r := &rehearsal{options: o, record: &record{}, arrived: make(chan struct{})}
	r.lab = lab.New(lab.Options{Seed: o.Seed, Recorder: r.record, Virtual: true})
	defer r.lab.Close()
	if err := r.build(); err != nil {
		return nil, err
	}
	result, err := r.run()
	if r.capture != nil {
		err = errors.Join(err, r.capture.Close())
	}
	return result, err
}

// rehearsal is a transfer under way.
type rehearsal struct {
	options        Options
	lab            *lab.Lab
	client, server *lab.Host
	link           *lab.Link
	record         *record
	capture        *lab.Capture
	started        time.Duration // of the lab's time: the first SYN

	arrived   chan struct{} // closed when the server's user has all bytes, or no more come
	received  int64         // by the server's user
	took      time.Duration // from the SYN until the last byte was read
	infos     [2]link.TCPInfo
	localPort netip.AddrPort
}

// build makes the hosts and the link between them. They learn each other's
// link addresses before the link loses anything: the lesson is about TCP.
func (r *rehearsal) build() error {
	var err error
	if r.client, err = r.lab.Host("client", lab.HostOptions{TCP: r.options.Client}); err != nil {
		return err
	}
	if r.server, err = r.lab.Host("server", lab.HostOptions{TCP: r.options.Server}); err != nil {
		return err
	}
	sound := r.options.Link
	sound.Loss, sound.Corrupt, sound.Duplicate, sound.Reorder, sound.ReorderBy = lab.Loss{}, 0, 0, 0, 0
	if r.link, err = r.lab.Connect(r.client.Port(clientAddr), r.server.Port(serverAddr), sound); err != nil {
		return err
	}
	if _, err := r.client.Ping(context.Background(), serverAddr.Addr()); err != nil {
		return fmt.Errorf("reach the server before the transfer: %w", err)
	}
	r.link.Filter(dropper(r.options.Drop))
	if r.options.Capture != nil {
		if r.capture, err = r.lab.Capture(r.options.Capture, lab.CaptureOptions{}); err != nil {
			return err
		}
	}
	return r.link.Reshape(r.options.Link)
}

// run does the transfer and collects what was seen.
func (r *rehearsal) run() (*Result, error) {
	watch := newWatch(r.link)
	recording := r.lab.Record(maxFrames, r.link)
	l, err := r.server.Listen(context.Background(), serverPort)
	if err != nil {
		return nil, err
	}
	served := make(chan error, 1)
	go func() { served <- r.serve(l) }()

	r.started = r.lab.Now()
	start := time.Now()
	station := &trace.Station{Name: "client", Recorder: r.record, IDs: seeded(r.options.Seed)}
	span := station.Begin()
	failure := r.send(trace.With(context.Background(), span), span)
	if err := l.Close(); err != nil {
		failure = errors.Join(failure, err)
	}
	if err := <-served; failure == nil {
		failure = err
	}
	r.waitForEnd()
	recording.Stop()

	result := &Result{Options: r.options}
	events, missed := r.record.take()
	result.Load = trace.NewLoad("tcp://"+serverPort.String(), span.Context().Trace, events)
	result.Load.Start, result.Load.Missed = start, missed
	result.tell(r, watch, recording, start)
	return result, failure
}

// send is the client: it connects, sends all bytes, closes its half and
// waits for the server's.
func (r *rehearsal) send(ctx context.Context, span *trace.Span) error {
	began := time.Now()
	c, err := r.client.Dial(ctx, serverPort)
	connect := trace.TCPConnect{Remote: serverPort.String(), Host: "server"}
	if err != nil {
		connect.Error = err.Error()
		span.Took(began, time.Now(), connect, nil)
		return err
	}
	defer c.Close()
	r.localPort = link.AddrPort(c.LocalAddr())
	connect.Local = r.localPort.String()
	if info, ok := link.InfoOf(c); ok {
		connect.State, connect.RTT, connect.MSS, connect.Cwnd = info.State, trace.Millis(info.RTT), info.MSS, info.Cwnd
	}
	span.Took(began, time.Now(), connect, nil)
	if err := c.SetDeadline(began.Add(patience)); err != nil {
		return err
	}
	failure := r.exchange(c)
	if info, ok := link.InfoOf(c); ok {
		r.infos[0] = info
	}
	info := r.infos[0]
	span.Note(trace.TCPClose{
		Local: connect.Local, Remote: connect.Remote, By: "us", Sent: r.received,
		RTT: trace.Millis(info.RTT), Cwnd: info.Cwnd, Retransmits: info.Retransmits,
	}, nil)
	return failure
}

// exchange sends the bytes and closes when they have arrived, not before: the
// FIN then stands alone, and ESTABLISHED lasts as long as the transfer.
func (r *rehearsal) exchange(c net.Conn) error {
	if _, err := io.Copy(c, io.LimitReader(&pattern{}, r.options.Bytes)); err != nil {
		return fmt.Errorf("send %d bytes: %w", r.options.Bytes, err)
	}
	r.waitForArrival()
	half, ok := c.(*stack.TCPConn)
	if !ok {
		return fmt.Errorf("a connection of the lab is a %T", c)
	}
	if err := half.CloseWrite(); err != nil {
		return fmt.Errorf("close our half: %w", err)
	}
	if n, err := io.Copy(io.Discard, c); err != nil || n > 0 {
		return fmt.Errorf("wait for the server's FIN: %d bytes, %w", n, err)
	}
	return nil
}

// waitForArrival waits until the server has everything and the client knows,
// or its connection has ended.
func (r *rehearsal) waitForArrival() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case <-r.arrived:
			waiting = false
		case <-tick.C:
			waiting = len(r.client.Sockets()) > 0
		}
	}
	for range lastACKs {
		if s := r.client.Sockets(); len(s) == 0 || s[0].SendQueue == 0 {
			return
		}
		time.Sleep(lastACKPause)
	}
}

// The last acknowledgement takes the way back, and when it gets lost a
// timeout more.
const (
	lastACKs     = 1000
	lastACKPause = 5 * time.Millisecond
)

// serve is the server: it reads one connection to its end and closes it.
func (r *rehearsal) serve(l net.Listener) error {
	c, err := l.Accept()
	if err != nil {
		close(r.arrived)
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		close(r.arrived)
		return err
	}
	r.received, err = io.Copy(&pattern{}, io.LimitReader(c, r.options.Bytes))
	r.took = r.lab.Now() - r.started
	close(r.arrived)
	if err == nil {
		var more int64
		more, err = io.Copy(io.Discard, c) // until the FIN
		r.received += more
	}
	if info, ok := link.InfoOf(c); ok {
		r.infos[1] = info
	}
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	if r.received != r.options.Bytes {
		return fmt.Errorf("%d bytes were received, %d sent", r.received, r.options.Bytes)
	}
	return nil
}

// waitForEnd waits until neither end knows the connection any more.
func (r *rehearsal) waitForEnd() {
	for until := time.Now().Add(lingering); time.Now().Before(until); time.Sleep(time.Second) {
		if len(r.client.Sockets()) == 0 && len(r.server.Sockets()) == 0 {
			return
		}
	}
}
