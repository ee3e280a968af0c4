package tcp

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"waypost/packet"
)

// sacked is a connection with SACK and nothing else.
func sacked() *Config {
	c := plain()
	c.NoSACK = false
	return c
}

// TestOverlap: whatever is sent twice, in whatever pieces, is read once.
func TestOverlap(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []string
		want int
	}{
		{"in order", []string{"ACK 1:1 len 10", "ACK 11:1 len 10"}, 20},
		{"reversed", []string{"ACK 11:1 len 10", "ACK 1:1 len 10"}, 20},
		{"the old part is cut off", []string{"ACK 1:1 len 10", "ACK 6:1 len 10"}, 15},
		{"a hole is filled with too much", []string{"ACK 11:1 len 10", "ACK 1:1 len 15"}, 20},
		{"one covers many", []string{"ACK 11:1 len 2", "ACK 15:1 len 2", "ACK 21:1 len 5", "ACK 1:1 len 21"}, 25},
		{"late ones join", []string{"ACK 11:1 len 5", "ACK 16:1 len 5", "ACK 13:1 len 4", "ACK 1:1 len 10"}, 20},
		{"a hole stays", []string{"ACK 1:1 len 5", "ACK 11:1 len 5"}, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := opened(t, plain())
			p.in(tc.in...)
			p.read(tc.want)
		})
	}
}

// TestScattered puts a stream into many overlapping pieces in random order.
func TestScattered(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		p := opened(t, sacked())
		const n = 40_000
		var pieces []string
		for at := 0; at < n; {
			size := 1 + r.IntN(900)
			size = min(size, n-at)
			back := min(at, r.IntN(200))
			pieces = append(pieces, fmt.Sprintf("ACK %d:1 len %d", 1+at-back, size+back))
			at += size
		}
		r.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		for _, line := range pieces {
			p.in(line)
			p.sent()
		}
		p.read(n)
		if p.c.late != nil && len(p.c.late.spans) != 0 || len(p.c.in.pages) != 0 {
			t.Fatalf("left behind: %v, %d pages", p.c.late, len(p.c.in.pages))
		}
	}
}

// TestSACKBlocks is RFC 2018 §4: the first block holds the segment that came
// last, the others follow in the order in which they were told.
func TestSACKBlocks(t *testing.T) {
	p := opened(t, sacked())
	p.in("ACK 1001:1 len 1000")
	p.out("ACK 1:1 sack 1001-2001")
	p.in("ACK 3001:1 len 1000")
	p.out("ACK 1:1 sack 3001-4001 1001-2001")
	p.in("ACK 5001:1 len 1000")
	p.out("ACK 1:1 sack 5001-6001 3001-4001 1001-2001")
	p.in("ACK 7001:1 len 1000")
	p.out("ACK 1:1 sack 7001-8001 5001-6001 3001-4001 1001-2001")
	p.in("ACK 9001:1 len 1000")
	p.out("ACK 1:1 sack 9001-10001 7001-8001 5001-6001 3001-4001")
	p.in("ACK 4001:1 len 1000") // joins two
	p.out("ACK 1:1 sack 3001-6001 9001-10001 7001-8001")
	p.in("ACK 1:1 len 1000")
	p.out("ACK 1:2001 sack 3001-6001 9001-10001 7001-8001")
	p.in("ACK 2001:1 len 1000")
	p.out("ACK 1:6001 sack 9001-10001 7001-8001")
}

// TestSACKBlocksWithTimestamps: three is what fits.
func TestSACKBlocksWithTimestamps(t *testing.T) {
	p := opened(t, &Config{NoWindowScale: true})
	for _, seq := range []int{1001, 3001, 5001, 7001} {
		p.in(fmt.Sprintf("ACK %d:1 len 1000 ts 600/1001", seq))
		var s Segment
		if !p.c.Next(p.now, &s) {
			t.Fatal("no ACK")
		}
		if s.Options.SACKBlocks > 3 || s.Size() > 60 {
			t.Errorf("%d blocks, header of %d bytes", s.Options.SACKBlocks, s.Size())
		}
	}
}

// TestDSACK is RFC 2883 §4: what came twice is told once, first.
func TestDSACK(t *testing.T) {
	p := opened(t, sacked())
	p.in("ACK 1:1 len 2000", "ACK 1:1 len 1000")
	p.out("ACK 1:2001 sack 1-1001")
	p.in("ACK 3001:1 len 1000")
	p.out("ACK 1:2001 sack 3001-4001")
	p.in("ACK 3001:1 len 1000")
	p.out("ACK 1:2001 sack 3001-4001 3001-4001")
	p.in("ACK 4001:1 len 1000")
	p.out("ACK 1:2001 sack 3001-5001")
}

// TestHoles bounds what is kept out of order.
func TestHoles(t *testing.T) {
	p := opened(t, plain())
	for i := range maxLate {
		p.in(fmt.Sprintf("ACK %d:1 len 1", 3+2*i))
	}
	p.in(fmt.Sprintf("ACK %d:1 len 1", 3+2*maxLate))
	p.saw(Drop, "too-many-holes", "RFC 9293 §3.10.7.4")
	p.in("ACK 1:1 len 2")
	p.read(3)
}

// TestFINLate: a FIN behind a hole waits for its turn.
func TestFINLate(t *testing.T) {
	p := opened(t, plain())
	p.in("FIN,ACK 11:1 len 10")
	p.out("ACK 1:1")
	p.state(Established)
	p.in("ACK 1:1 len 10")
	p.state(CloseWait)
	p.out("ACK 1:22")
	p.read(20)
	if _, err := p.c.Read(p.now, make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("err %v", err)
	}
	p.in("FIN,ACK 11:1 len 10") // again: its ACK was lost
	p.out("ACK 1:22")
}

// TestFINInTheMiddle: a FIN before data that have come already is a lie.
func TestFINInTheMiddle(t *testing.T) {
	p := opened(t, plain())
	p.in("ACK 101:1 len 100", "FIN,ACK 1:1 len 10")
	p.state(Established)
	p.in("ACK 11:1 len 90")
	p.read(200)
}

// TestAfterFIN: data behind the peer's FIN are not taken.
func TestAfterFIN(t *testing.T) {
	p := opened(t, plain())
	p.in("FIN,ACK 11:1", "ACK 1:1 len 100")
	p.read(10)
	p.state(CloseWait)
	p.in("ACK 12:1 len 10")
	if p.c.unread != 0 {
		t.Errorf("%d bytes unread", p.c.unread)
	}
}

// TestResetKeepsData: what was in order before a RST can still be read.
func TestResetKeepsData(t *testing.T) {
	p := opened(t, plain())
	p.in("ACK 1:1 len 10", "RST 11:0")
	p.state(Closed)
	if !p.c.Readable() {
		t.Error("not readable")
	}
	p.read(10)
	if _, err := p.c.Read(p.now, make([]byte, 1)); !errors.Is(err, ErrReset) {
		t.Errorf("err %v", err)
	}
}

// TestUrgent: urgent data are read in line (RFC 6093 §5).
func TestUrgent(t *testing.T) {
	p := opened(t, plain())
	s := p.parse("URG,PSH,ACK 1:1 len 10")
	s.Urgent = 0xffff
	p.c.Segment(p.now, &s)
	p.read(10)
}

// TestSpans holds the set of ranges against one of numbers.
func TestSpans(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	base := uint32(1<<32 - 100) // across the end of the numbers
	for range 300 {
		var l spans
		var want [400]bool
		low := 0
		for range 40 {
			if r.IntN(6) == 0 {
				low += r.IntN(20)
				n := l.forget(base + uint32(low))
				for i := range low {
					if want[i] {
						want[i] = false
						n--
					}
				}
				if n != 0 {
					t.Fatal("forget miscounts")
				}
				continue
			}
			from := low + r.IntN(200)
			to := min(from+1+r.IntN(30), 400)
			fresh, ok := l.add(base+uint32(from), base+uint32(to), 100)
			for i := from; i < to; i++ {
				if !want[i] {
					want[i] = true
					fresh--
				}
			}
			if !ok || fresh != 0 {
				t.Fatalf("add %d-%d miscounts by %d: %v", from, to, int32(fresh), l)
			}
		}
		total := 0
		for i, in := range want {
			if n := base + uint32(i); l.covered(n, n+1) != 0 != in {
				t.Fatalf("%d: want %v in %v", i, in, l)
			}
			if in {
				total++
			}
		}
		if n := l.covered(base, base+400); int(n) != total {
			t.Fatalf("covered %d, want %d", n, total)
		}
		for i := 1; i < len(l); i++ {
			if !after(l[i].left, l[i-1].right) {
				t.Fatalf("ranges touch: %v", l)
			}
		}
	}
}

// TestBuffer moves bytes through pages of all alignments.
func TestBuffer(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var b buffer
	wrote, read := 0, 0
	for range 3000 {
		p := make([]byte, 1+r.IntN(5000))
		for i := range p {
			p[i] = at(3, wrote+i)
		}
		b.put(wrote-read, p)
		wrote += len(p)
		n := min(1+r.IntN(5000), wrote-read)
		at0 := r.IntN(wrote - read - n + 1)
		for i, x := range b.view(at0, n) {
			if x != at(3, read+at0+i) {
				t.Fatal("wrong byte")
			}
		}
		b.drop(n)
		read += n
		if len(b.pages) > (wrote-read)/pageSize+2 {
			t.Fatalf("%d pages for %d bytes", len(b.pages), wrote-read)
		}
	}
	b.reset()
	if len(b.pages) != 0 || b.seam != nil {
		t.Error("memory is kept")
	}
}

// TestDelayedACK is RFC 5681 §4.2.
func TestDelayedACK(t *testing.T) {
	p := opened(t, plain())
	p.in("ACK 1:1 len 1000")
	p.out()
	p.pass(40*time.Millisecond - 1)
	p.out()
	p.pass(1)
	p.out("ACK 1:1001")
	p.in("ACK 1001:1 len 1000")
	p.out()
	p.in("ACK 2001:1 len 1000") // every second full segment
	p.out("ACK 1:3001")
	p.in("ACK 3001:1 len 100", "ACK 3101:1 len 100")
	p.out()
	p.write(50) // data take it along
	p.out("PSH,ACK 1:3201 len 50")
	p.pass(100 * time.Millisecond)
	p.out()
	p.in("FIN,ACK 3201:51")
	p.out("ACK 51:3202")

	cfg := plain()
	cfg.DelayedAck = -1
	p = opened(t, cfg)
	p.in("ACK 1:1 len 1")
	p.out("ACK 1:2")
}

// TestReadyToUse: Readable and Writable say what Read and Write would do.
func TestReadyToUse(t *testing.T) {
	cfg := plain()
	cfg.SendBuffer = 3000
	p := dialled(t, cfg)
	p.sent()
	ready := func(r, w bool) {
		t.Helper()
		if p.c.Readable() != r || p.c.Writable() != w {
			t.Fatalf("readable %v, writable %v; want %v, %v", p.c.Readable(), p.c.Writable(), r, w)
		}
	}
	ready(false, true)
	p.in("SYN,ACK 0:1 mss 1000")
	p.write(2500)
	p.sent()
	ready(false, false) // 500 are free, less than a third
	p.in("ACK 1:501 len 10")
	ready(true, true)
	p.read(10)
	ready(false, true)
	if n, err := p.c.Write(p.now, make([]byte, 5000)); n != 1000 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	ready(false, false)
	p.in("FIN,ACK 11:501")
	ready(true, false) // the end of the data can be read
	p.c.CloseWrite(p.now)
	ready(true, true) // and an error can be written
	if p.c.Local() != clientAddr || p.c.Remote() != serverAddr {
		t.Error("ends differ")
	}
	p.c.Abort(p.now)
	ready(true, true)
}

// TestNoACK: a segment without ACK is dropped.
func TestNoACK(t *testing.T) {
	p := opened(t, plain())
	s := p.parse("PSH 1:0 len 10")
	s.Flags = packet.PSH
	p.c.Segment(p.now, &s)
	p.saw(Drop, "no-ack", "RFC 9293 §3.10.7.4")
	if p.c.unread != 0 {
		t.Error("its data were taken")
	}
}
