package lab

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
)

// probe is a node that sends numbered frames and keeps what it gets.
type probe struct {
	name  string
	lab   *Lab
	end   *end
	taken spacing
	mu    sync.Mutex
	got   []got
}

// all returns what has arrived so far.
func (p *probe) all() []got {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// got is a frame that has arrived.
type got struct {
	at   time.Duration
	n    int
	size int
	data []byte
}

func (p *probe) Name() string { return p.name }

func (p *probe) plug(e *end, _ Port) error {
	p.end, e.taken = e, &p.taken
	e.receive = func(data []byte) {
		n := -1
		if len(data) >= packet.EthernetSize+4 {
			n = int(binary.BigEndian.Uint32(data[packet.EthernetSize:]))
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got = append(p.got, got{p.lab.Now(), n, len(data), append([]byte(nil), data...)})
	}
	return nil
}

// send sends frame n of so many bytes.
func (p *probe) send(n, size int) { p.end.Transmit(numbered(n, size, packet.Broadcast())) }

func numbered(n, size int, to packet.MAC) []byte {
	b := packet.Ethernet{Dst: to, Src: packet.MAC{2, 0, 0, 0, 0, 1}, Type: 0x88b5}.Append(nil) // IEEE 802: for experiments
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	return append(b, make([]byte, size-len(b))...)
}

// numbers are those of the frames that arrived, in order.
func (p *probe) numbers() []int {
	var all []int
	for _, g := range p.all() {
		all = append(all, g.n)
	}
	return all
}

// times tells when the frames arrived.
func (p *probe) times() string {
	text := ""
	for _, g := range p.all() {
		text += fmt.Sprintf("%d@%s ", g.n, g.at)
	}
	return text
}

// pair runs f in virtual time with two probes joined by a link.
func pair(t *testing.T, shape string, f func(l *Lab, a, b *probe, k *Link)) {
	t.Helper()
	s, back, err := ParseShapes(shape)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Seed: 1, Virtual: true})
		defer l.Close()
		a, b := &probe{name: "a", lab: l}, &probe{name: "b", lab: l}
		k, err := l.Connect(Port{Node: a}, Port{Node: b}, s, back)
		if err != nil {
			t.Fatal(err)
		}
		f(l, a, b, k)
	})
}

// inVirtualTime runs f with an empty lab.
func inVirtualTime(t *testing.T, f func(l *Lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Seed: 1, Virtual: true})
		defer l.Close()
		f(l)
	})
}
