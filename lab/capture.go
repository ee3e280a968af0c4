package lab

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// CaptureOptions say what is captured.
type CaptureOptions struct {
	// Links are those to watch; none: all that there are now.
	Links []*Link
	// At is the name of a node: what its ends of the links send and receive
	// is captured, at the time at which it does, as a capture on that host
	// would have it. "": what either end sends, when it sends it, and with
	// it what the link then loses; each frame is there once.
	At string
}

// Capture writes frames to a file in the pcapng format, which Wireshark and
// tshark read. Each end of a link is an interface, named after the link and
// its node. The bytes depend on nothing but the frames and their times.
type Capture struct {
	lab   *Lab
	links []*Link
	at    string

	// Under the lab's lock.
	buffer     *bufio.Writer
	out        *pcapgo.NgWriter
	interfaces map[*end]int
	frames     int
	secrets    bool       // KeyLog was asked for: frames wait for them
	held       []heldBack // frames not yet written
	heldBytes  int
	err        error // the first one; nothing is written after it
	closed     bool
}

// heldBack is a frame that is not yet written.
type heldBack struct {
	info    gopacket.CaptureInfo
	options pcapgo.NgPacketOptions
	data    []byte
}

// maxHeld bounds the bytes of frames that wait for secrets. A client has
// those of its connection one round trip after the frames that they open.
const maxHeld = 16 << 20

// captureBuffer is what is gathered before it is written: a write that the
// system takes its time for keeps the loop waiting.
const captureBuffer = 256 << 10

// Capture begins to write frames to w. Close the capture to end it.
func (l *Lab) Capture(w io.Writer, o CaptureOptions) (*Capture, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &Capture{
		lab: l, links: slices.Clone(o.Links), at: o.At,
		buffer: bufio.NewWriterSize(w, captureBuffer), interfaces: make(map[*end]int),
	}
	if c.links == nil {
		c.links = slices.Clone(l.links)
	}
	if o.At != "" && l.nodes[o.At] == nil {
		return nil, fmt.Errorf("lab: capture at %s: there is no node of that name", o.At)
	}
	if len(c.links) == 0 {
		return nil, fmt.Errorf("lab: capture: there is no link")
	}
	for _, k := range c.links {
		for _, e := range []*end{k.there.from, k.there.to} {
			if o.At == "" || e.name == o.At {
				c.declare(e)
			}
		}
	}
	if c.err == nil && len(c.interfaces) == 0 {
		c.err = fmt.Errorf("no link of the capture ends there")
	}
	if c.err != nil {
		return nil, fmt.Errorf("lab: capture at %s: %w", o.At, c.err)
	}
	for _, k := range c.links {
		k.captures = append(k.captures, c)
		k.there.settle()
		k.back.settle()
	}
	return c, nil
}

// declare writes the interface of one end of a link.
func (c *Capture) declare(e *end) {
	i := pcapgo.NgInterface{Name: e.String(), LinkType: layers.LinkTypeEthernet, TimestampResolution: 9}
	n := 0
	if c.out == nil {
		section := pcapgo.NgSectionInfo{Application: "waypost lab"}
		c.out, c.err = pcapgo.NewNgWriterInterface(c.buffer, i, pcapgo.NgWriterOptions{SectionInfo: section})
	} else if c.err == nil {
		n, c.err = c.out.AddInterface(i)
	}
	c.interfaces[e] = n
}

// Frames is how many frames the capture holds.
func (c *Capture) Frames() int {
	c.lab.mu.Lock()
	defer c.lab.mu.Unlock()
	return c.frames
}

// Close ends the capture and writes what was gathered. It returns the first
// error of the writer. It does not close the writer.
func (c *Capture) Close() error {
	c.lab.mu.Lock()
	defer c.lab.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	for _, k := range c.links {
		k.captures = slices.DeleteFunc(k.captures, func(o *Capture) bool { return o == c })
		k.there.settle()
		k.back.settle()
	}
	c.release(0)
	if c.err == nil {
		c.err = c.out.Flush()
	}
	if c.err == nil {
		c.err = c.buffer.Flush()
	}
	if c.err != nil {
		return fmt.Errorf("lab: write capture: %w", c.err)
	}
	return nil
}

// KeyLog is for the KeyLogWriter of a tls.Config: secrets written to it stand
// in the capture before the frames that they open, so that a reader of the
// file sees what was said. Frames are held back for that, up to some
// megabytes, and written at the latest by Close.
func (c *Capture) KeyLog() io.Writer {
	c.lab.mu.Lock()
	defer c.lab.mu.Unlock()
	c.secrets = true
	return keyLog{c}
}

type keyLog struct{ c *Capture }

// tlsKeyLog is the type of secrets in a block of the format: lines of
// SSLKEYLOGFILE.
const tlsKeyLog = 0x544c534b

func (k keyLog) Write(line []byte) (int, error) {
	c := k.c
	c.lab.mu.Lock()
	defer c.lab.mu.Unlock()
	if !c.closed && c.err == nil {
		c.err = c.out.WriteDecryptionSecretsBlock(tlsKeyLog, line)
	}
	return len(line), nil
}

// sent is told of a frame that enters a link.
func (c *Capture) sent(f *frame) {
	if c.at == "" || f.way.from.name == c.at {
		c.write(f.way.from, f.sent, f, pcapgo.NgEpbFlagDirectionOutbound)
	}
}

// arrived is told of a frame that comes out of a link.
func (c *Capture) arrived(now time.Duration, f *frame) {
	if c.at != "" && f.way.to.name == c.at {
		c.write(f.way.to, now, f, pcapgo.NgEpbFlagDirectionInbound)
	}
}

func (c *Capture) write(e *end, at time.Duration, f *frame, direction pcapgo.NgEpbFlag) {
	if c.closed || c.err != nil {
		return
	}
	info := gopacket.CaptureInfo{
		Timestamp: c.lab.epoch.Add(at), CaptureLength: len(f.data), Length: len(f.data), InterfaceIndex: c.interfaces[e],
	}
	o := pcapgo.NgPacketOptions{Flags: &pcapgo.NgEpbFlags{Direction: direction}}
	if f.why != "" {
		o.Comments = []string{f.why}
	}
	c.frames++
	if !c.secrets {
		c.err = c.out.WritePacketWithOptions(info, f.data, o)
		return
	}
	c.held = append(c.held, heldBack{info, o, slices.Clone(f.data)})
	if c.heldBytes += len(f.data); c.heldBytes > maxHeld {
		c.release(maxHeld / 2)
	}
}

// release writes the oldest frames that are held back until so many bytes
// are left.
func (c *Capture) release(left int) {
	n := 0
	for ; n < len(c.held) && c.heldBytes > left && c.err == nil; n++ {
		c.err = c.out.WritePacketWithOptions(c.held[n].info, c.held[n].data, c.held[n].options)
		c.heldBytes -= len(c.held[n].data)
	}
	c.held = slices.Delete(c.held, 0, n)
}
