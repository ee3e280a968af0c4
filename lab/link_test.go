package lab

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"waypost/packet"
)

func TestDelayIsExact(t *testing.T) {
	pair(t, "20ms / 30ms", func(l *Lab, a, b *probe, k *Link) {
		a.send(1, 100)
		b.send(2, 100)
		time.Sleep(time.Second)
		if got, want := b.times(), "1@20ms "; got != want {
			t.Errorf("b got %q, want %q", got, want)
		}
		if got, want := a.times(), "2@30ms "; got != want {
			t.Errorf("a got %q, want %q", got, want)
		}
		there, back := k.Stats()
		if want := (Stats{Frames: 1, Bytes: 100, Arrived: 1, ArrivedBytes: 100}); there != want || back != want {
			t.Errorf("stats %+v, %+v, want %+v", there, back, want)
		}
	})
}

func TestRateAndQueue(t *testing.T) {
	// 1,000 bytes at 1 Mbit/s take 8 ms. One is being sent, two wait.
	pair(t, "10ms rate 1Mbit queue 2KB", func(l *Lab, a, b *probe, k *Link) {
		for n := 1; n <= 5; n++ {
			a.send(n, 1000)
		}
		time.Sleep(5 * time.Millisecond)
		if there, _ := k.Stats(); there.Queued != 2000 || there.LongestWait != 2000 || there.Dropped != 2 {
			t.Errorf("queued %+v, want 2000 bytes and 2 frames dropped", there)
		}
		time.Sleep(time.Second)
		if got, want := b.times(), "1@18ms 2@26ms 3@34ms "; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestReshapeChangesTheRateOfWhatWaits(t *testing.T) {
	pair(t, "rate 1Mbit", func(l *Lab, a, b *probe, k *Link) {
		for n := 1; n <= 3; n++ {
			a.send(n, 1000)
		}
		time.Sleep(time.Millisecond)
		if err := k.Reshape(LinkShape{Rate: 2e6}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got, want := b.times(), "1@8ms 2@12ms 3@16ms "; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestJitterKeepsOrder(t *testing.T) {
	pair(t, "10ms jitter 10ms", func(l *Lab, a, b *probe, k *Link) {
		for n := range 200 {
			a.send(n, 100)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		if len(b.all()) != 200 || !slices.IsSorted(b.numbers()) {
			t.Fatalf("got %v", b.numbers())
		}
		var least, most time.Duration = time.Hour, 0
		for _, g := range b.all() {
			d := g.at - time.Duration(g.n)*time.Millisecond
			least, most = min(least, d), max(most, d)
		}
		if least < 10*time.Millisecond || least > 13*time.Millisecond || most < 17*time.Millisecond || most > 20*time.Millisecond {
			t.Errorf("delays between %s and %s, want about 10 ms to 20 ms", least, most)
		}
	})
}

func TestReorderHoldsBack(t *testing.T) {
	pair(t, "10ms reorder 10% by 5ms", func(l *Lab, a, b *probe, k *Link) {
		for n := range 200 {
			a.send(n, 100)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		held := 0
		for _, g := range b.all() {
			switch d := g.at - time.Duration(g.n)*time.Millisecond; d {
			case 10 * time.Millisecond:
			case 15 * time.Millisecond:
				held++
			default:
				t.Errorf("frame %d took %s", g.n, d)
			}
		}
		there, _ := k.Stats()
		if len(b.all()) != 200 || slices.IsSorted(b.numbers()) || held < 8 || held > 40 || there.Reordered != int64(held) {
			t.Errorf("%d frames, %d held back, %d counted", len(b.all()), held, there.Reordered)
		}
	})
}

func TestDuplicateAndCorrupt(t *testing.T) {
	pair(t, "duplicate 100%", func(l *Lab, a, b *probe, k *Link) {
		a.send(7, 100)
		time.Sleep(time.Second)
		if got := b.numbers(); !slices.Equal(got, []int{7, 7}) {
			t.Errorf("got %v, want the frame twice", got)
		}
	})
	pair(t, "corrupt 100%", func(l *Lab, a, b *probe, k *Link) {
		want := numbered(7, 100, packet.Broadcast())
		a.end.Transmit(want)
		time.Sleep(time.Second)
		turned := 0
		for i, c := range b.all()[0].data {
			for x := c ^ want[i]; x != 0; x &= x - 1 {
				if turned++; i < packet.EthernetSize {
					t.Errorf("bit of byte %d turned, in the Ethernet header", i)
				}
			}
		}
		if turned != 1 {
			t.Errorf("%d bits turned, want one", turned)
		}
	})
}

func TestLoss(t *testing.T) {
	pair(t, "loss nth 2,3,6", func(l *Lab, a, b *probe, k *Link) {
		var why lines
		k.Tap(func(f Frame) {
			if f.Lost {
				why.add("%s", f.Why)
			}
		})
		for n := 1; n <= 7; n++ {
			a.send(n, 100)
		}
		time.Sleep(time.Second)
		if got := b.numbers(); !slices.Equal(got, []int{1, 4, 5, 7}) {
			t.Errorf("got %v", got)
		}
		if want := []string{"Frame 2 on this way was to be lost.", "Frame 3 on this way was to be lost.", "Frame 6 on this way was to be lost."}; !slices.Equal(why.all(), want) {
			t.Errorf("the tap heard %q", why.all())
		}
	})
	for _, test := range []struct {
		shape      string
		lost, runs float64 // share of frames, mean length of a run of losses
	}{
		{"loss 5%", .05, 1.05},
		{"loss burst 1% 25%", .0385, 4}, // Enter/(Enter+Leave), 1/Leave
	} {
		pair(t, test.shape, func(l *Lab, a, b *probe, k *Link) {
			const frames = 20000
			for n := range frames {
				a.send(n, 60)
			}
			time.Sleep(time.Second)
			lost, runs, next := 0, 0, 0
			for _, n := range append(b.numbers(), frames) {
				if n > next {
					runs++
					lost += n - next
				}
				next = n + 1
			}
			share, length := float64(lost)/frames, float64(lost)/float64(runs)
			if math.Abs(share/test.lost-1) > .2 || math.Abs(length/test.runs-1) > .15 {
				t.Errorf("%s: lost %.4f in runs of %.2f, want %.4f and %.2f", test.shape, share, length, test.lost, test.runs)
			}
		})
	}
}

func TestCutLosesWhatIsUnderWay(t *testing.T) {
	pair(t, "10ms rate 1Mbit", func(l *Lab, a, b *probe, k *Link) {
		l.At(20*time.Millisecond, k.Cut)
		l.At(30*time.Millisecond, k.Restore)
		for n := 1; n <= 5; n++ {
			a.send(n, 1000) // leaves at 8, 16, 24 … ms
		}
		time.Sleep(25 * time.Millisecond)
		a.send(6, 1000)
		if k.Up() {
			t.Error("up at 25 ms")
		}
		time.Sleep(10 * time.Millisecond)
		a.send(7, 1000)
		time.Sleep(time.Second)
		// The transmitter goes on to the end of frame 3, at 24 ms; the rest
		// of the queue is gone.
		if got, want := b.times(), "1@18ms 7@53ms "; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if there, _ := k.Stats(); there.Lost != 5 {
			t.Errorf("lost %d, want 5", there.Lost)
		}
	})
}

func TestMTUIsABlackHole(t *testing.T) {
	pair(t, "mtu 1000", func(l *Lab, a, b *probe, k *Link) {
		a.send(1, 1000+packet.EthernetSize)
		a.send(2, 1001+packet.EthernetSize)
		time.Sleep(time.Second)
		if got := b.numbers(); !slices.Equal(got, []int{1}) {
			t.Errorf("got %v, want only the frame that fits", got)
		}
	})
}

// A sender of twice the rate keeps a queue full that drops at its end, and a
// short one under CoDel.
func TestCoDelKeepsTheWaitShort(t *testing.T) {
	wait := func(shape string) (longest time.Duration, dropped int64) {
		pair(t, shape, func(l *Lab, a, b *probe, k *Link) {
			sent := make(map[int]time.Duration)
			for n := range 4000 { // for 8 s: 125 frames a second pass
				if n%4 != 0 || n < 2000 {
					sent[n] = l.Now()
					a.send(n, 1000)
				}
				time.Sleep(2 * time.Millisecond)
			}
			time.Sleep(5 * time.Second)
			for _, g := range b.all() {
				if sent[g.n] > 6*time.Second { // CoDel takes its time to reach an unresponsive sender
					longest = max(longest, g.at-sent[g.n])
				}
			}
			there, _ := k.Stats()
			dropped = there.Dropped + there.CoDelDropped
		})
		return longest, dropped
	}
	tail, _ := wait("rate 2Mbit queue 250KB")
	short, dropped := wait("rate 2Mbit queue 250KB codel")
	if tail < 900*time.Millisecond {
		t.Errorf("longest wait without CoDel %s, want a second of queue", tail)
	}
	if short > tail*9/10 || dropped == 0 {
		t.Errorf("longest wait with CoDel %s (%d dropped), without %s", short, dropped, tail)
	}
}

func TestSwitchLearnsAndFloods(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		s, err := l.Switch("s")
		if err != nil {
			t.Fatal(err)
		}
		var nodes []*probe
		for _, name := range []string{"a", "b", "c"} {
			p := &probe{name: name, lab: l}
			if _, err := l.Connect(Port{Node: p}, s.Port(), LinkShape{}); err != nil {
				t.Fatal(err)
			}
			nodes = append(nodes, p)
		}
		a, b, c := nodes[0], nodes[1], nodes[2]
		macA, macB := packet.MAC{2, 0, 0, 0, 0, 0xa}, packet.MAC{2, 0, 0, 0, 0, 0xb}
		frame := func(n int, from, to packet.MAC) []byte {
			f := numbered(n, 60, to)
			copy(f[6:], from[:])
			return f
		}
		a.end.Transmit(frame(1, macA, macB)) // unknown: to all
		time.Sleep(time.Millisecond)
		b.end.Transmit(frame(2, macB, macA)) // known: to a alone
		time.Sleep(time.Millisecond)
		a.end.Transmit(frame(3, macA, macB))
		time.Sleep(forgetAfter + time.Second)
		a.end.Transmit(frame(4, macA, macB)) // forgotten: to all
		time.Sleep(time.Millisecond)
		for _, test := range []struct {
			p    *probe
			want []int
		}{{a, []int{2}}, {b, []int{1, 3, 4}}, {c, []int{1, 4}}} {
			if got := test.p.numbers(); !slices.Equal(got, test.want) {
				t.Errorf("%s got %v, want %v", test.p.name, got, test.want)
			}
		}
	})
}

func TestSwitchesInARingAreRefused(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		var s []*Switch
		for _, name := range []string{"s1", "s2", "s3"} {
			n, _ := l.Switch(name)
			s = append(s, n)
		}
		for i := range 2 {
			if _, err := l.Connect(s[i].Port(), s[i+1].Port(), LinkShape{}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := l.Connect(s[2].Port(), s[0].Port(), LinkShape{})
		if want := "lab: connect s3 and s1: they are joined already, and switches in a ring would send frames around for ever"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// FuzzSwitch: whatever comes in, a switch forwards it or not, and its table
// stays within its bound.
func FuzzSwitch(f *testing.F) {
	f.Add(numbered(1, 60, packet.Broadcast()), uint8(0))
	f.Add([]byte{}, uint8(1))
	f.Add(bytes.Repeat([]byte{0xff}, 20), uint8(2))
	l := &Lab{}
	l.loop = newLoop(l)
	l.options.Virtual = true
	s := &Switch{name: "s", lab: l, table: make(map[packet.MAC]*learned)}
	for _, name := range []string{"a", "b", "c"} {
		k := l.newLink(name, "s", shapes{LinkShape{Delay: 1}, LinkShape{Delay: 1}})
		if err := s.plug(k.there.to, Port{}); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, port uint8) {
		clear(s.table)
		for n := range 2 { // in by one port, and again by another
			s.forward(0, s.ports[(int(port)+n)%len(s.ports)], data)
			if len(l.loop.agenda) > 2 {
				t.Fatalf("%d frames go out of two ports", len(l.loop.agenda))
			}
			for len(l.loop.agenda) > 0 {
				l.loop.recycle(l.loop.agenda.pop().frame)
			}
		}
		for _, p := range s.ports {
			p.out.underWay = 0
		}
		if len(s.table) > 1 {
			t.Fatalf("%d addresses learnt from one frame", len(s.table))
		}
	})
}
