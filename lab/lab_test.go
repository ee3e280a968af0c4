package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
	"waypost/report"
	"waypost/trace"
)

// lines is what several goroutines say.
type lines struct {
	mu   sync.Mutex
	said []string
}

func (l *lines) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.said)
}

func TestActionsOfOneInstant(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		var said lines
		say := said.add
		for n := range 5 {
			l.At(time.Second, func() {
				say("%d begins", n)
				done := make(chan bool)
				go func() { say("%d works", n); close(done) }()
				<-done
				say("%d waits", n)
				time.Sleep(time.Second)
			})
		}
		l.At(time.Millisecond, func() { say("early") })
		time.Sleep(3 * time.Second)
		l.At(time.Second, func() { say("late, at %s", l.Now().Round(time.Microsecond)) })
		time.Sleep(time.Second)
		want := []string{"early"}
		for n := range 5 {
			want = append(want, fmt.Sprintf("%d begins", n), fmt.Sprintf("%d works", n), fmt.Sprintf("%d waits", n))
		}
		want = append(want, "late, at 3s")
		if !slices.Equal(said.all(), want) {
			t.Errorf("said\n%q\nwant\n%q", said.all(), want)
		}
	})
}

// Frames of different flows that arrive at a host at one instant are a
// nanosecond apart, those of one flow are not.
func TestSpacing(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		a, b, k := two(l, LinkShape{Delay: time.Millisecond})
		ctx := context.Background()
		server := must(b.ListenPacket(ctx, port("192.0.2.2:53")))
		c1 := must(a.ListenPacket(ctx, port("192.0.2.1:1001")))
		c2 := must(a.ListenPacket(ctx, port("192.0.2.1:1002")))
		must(c1.WriteToUDPAddrPort(nil, port("192.0.2.2:53"))) // neighbours are found
		time.Sleep(time.Second)
		var at lines
		start := l.Now()
		k.Tap(func(f Frame) { at.add("%s", f.Arrived-start) })
		for range 2 {
			must(c2.WriteToUDPAddrPort(nil, port("192.0.2.2:53")))
			must(c1.WriteToUDPAddrPort(nil, port("192.0.2.2:53")))
		}
		time.Sleep(time.Second)
		if want := []string{"1ms", "1ms", "1.000001ms", "1.000001ms"}; !slices.Equal(at.all(), want) {
			t.Errorf("arrived at %v, want %v", at.all(), want)
		}
		server.Close()
		c1.Close()
		c2.Close()
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails when a goroutine is left
		l := New(Options{Virtual: true})
		a, b, _ := two(l, LinkShape{Delay: time.Second})
		ctx := context.Background()
		listener := must(b.Listen(ctx, port("192.0.2.2:80")))
		var ended sync.WaitGroup
		ended.Go(func() {
			if _, err := listener.Accept(); !errors.Is(err, io.EOF) && err == nil {
				t.Error("accepted")
			}
		})
		ended.Go(func() {
			if _, err := a.Dial(ctx, port("192.0.2.2:80")); err == nil {
				t.Error("connected")
			}
		})
		l.At(time.Hour, func() { t.Error("acted after the end") })
		time.Sleep(time.Second)
		l.Close()
		ended.Wait()
		l.Close()
		if _, err := l.Host("late", HostOptions{}); !errors.Is(err, ErrClosed) {
			t.Errorf("a host of a closed lab: %v", err)
		}
	})
}

func TestRealTime(t *testing.T) {
	l := New(Options{Seed: 1})
	defer l.Close()
	a, b, k := two(l, LinkShape{Delay: 5 * time.Millisecond}, LinkShape{})
	got := transfer(t, a, b, make([]byte, 300_000))
	if len(got) != 300_000 {
		t.Errorf("%d bytes arrived", len(got))
	}
	if err := k.Reshape(LinkShape{}); err != nil {
		t.Fatal(err)
	}
	if took, err := a.Ping(context.Background(), addr("192.0.2.2")); err != nil || took > time.Second {
		t.Errorf("ping: %s, %v", took, err)
	}
	done := make(chan bool)
	l.At(l.Now()+time.Millisecond, func() { close(done) })
	<-done
}

func TestConnectRefuses(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		a := must(l.Host("a", HostOptions{}))
		s := must(l.Switch("s"))
		for _, test := range []struct {
			what func() error
			want string
		}{
			{func() error { _, err := l.Connect(a.Port(), Port{}, LinkShape{}); return err }, "a port has no node"},
			{func() error { _, err := l.Connect(a.Port(), s.Port(), LinkShape{Rate: -1}); return err }, "rate -1 is not between"},
			{func() error {
				_, err := l.Connect(a.Port(), s.Port(), LinkShape{}, LinkShape{}, LinkShape{})
				return err
			}, "2 shapes for the way back"},
			{func() error {
				_, err := l.Connect(a.Port(), Port{Node: s, Prefixes: []netip.Prefix{prefix("192.0.2.1/24")}}, LinkShape{})
				return err
			}, "s is a switch: its ports have no addresses"},
			{func() error { _, err := l.Host("a", HostOptions{}); return err }, "lab: make a: there is a node of that name"},
			{func() error { _, err := l.Switch(""); return err }, "it has no name"},
			{func() error { _, err := l.Capture(io.Discard, CaptureOptions{At: "nobody"}); return err }, "capture at nobody: there is no node of that name"},
		} {
			if err := test.what(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		}
	})
}

// What a link does is noted, in the journey of the connection it befell.
func TestFactsOfLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ring trace.Ring
		l := New(Options{Seed: 1, Virtual: true, Recorder: &ring})
		defer l.Close()
		a, b, k := two(l, LinkShape{Delay: time.Millisecond})
		listener := must(b.Listen(context.Background(), port("192.0.2.2:80")))
		defer listener.Close()
		browser := &trace.Station{Name: "browser", Recorder: &ring}
		span := browser.Begin()
		c := must(a.Dial(trace.With(context.Background(), span), port("192.0.2.2:80")))
		defer c.Close()
		time.Sleep(time.Second)
		if err := k.Reshape(LinkShape{Delay: time.Millisecond, Loss: Loss{Nth: []int{1}}}, LinkShape{Delay: time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		must(io.WriteString(c, "lost at first"))
		time.Sleep(time.Second)
		k.Cut()
		k.Restore()
		journey, _ := ring.Events(span.Context().Trace)
		var lost []string
		for _, e := range journey {
			if f, ok := e.Fact.(trace.LinkLoss); ok {
				lost = append(lost, fmt.Sprint(e.Station, ": ", f.Link, " ", f.What, " ", f.Bytes, ": ", e.Decision.Reason))
			}
		}
		if want := []string{"link a-b: a-b lost 79: Frame 1 on this way was to be lost."}; !slices.Equal(lost, want) {
			t.Errorf("losses %q, want %q", lost, want)
		}
		var changes []string
		for _, id := range ring.Traces() {
			events, _ := ring.Events(id)
			for _, e := range events {
				if f, ok := e.Fact.(trace.LinkChange); ok {
					changes = append(changes, fmt.Sprint(e.Station, " ", f.Link, " ", f.Up, " ", f.Shape, " ", e.Decision.Verdict))
				}
			}
		}
		want := []string{"link a-b a-b true 1ms loss nth 1 / 1ms reshaped", "link a-b a-b false 1ms loss nth 1 / 1ms cut", "link a-b a-b true 1ms loss nth 1 / 1ms restored"}
		if !slices.Equal(changes, want) {
			t.Errorf("changes %q, want %q", changes, want)
		}
	})
}

func TestSequence(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		a, b, k := two(l, LinkShape{Delay: 10 * time.Millisecond})
		r := l.Record(0, k)
		transfer(t, a, b, make([]byte, 2000))
		time.Sleep(5 * time.Minute)
		r.Stop()
		flows := r.Flows()
		i := slices.IndexFunc(flows, func(f packet.Flow) bool { return f.Dst == port("192.0.2.2:80") })
		if i < 0 {
			t.Fatalf("no flow to the server in %v", flows)
		}
		s := r.Sequence(flows[i])
		var lines []string
		for _, g := range s.Segments {
			lines = append(lines, fmt.Sprintf("%s>%s %s-%s %s %s", s.Lanes[g.From].Name, s.Lanes[g.To].Name, g.Sent, g.Arrived, g.Kind, g.Label))
		}
		for n, want := range []string{
			"a>b 20ms-30ms syn SYN seq=0 win=", "b>a 30ms-40ms syn SYN,ACK seq=0 ack=1 win=", "a>b 40ms-50ms ack ACK ack=1 win=",
			"a>b 40ms-50ms data ACK seq=1 ack=1 len=",
		} {
			if n >= len(lines) || !strings.HasPrefix(lines[n], want) {
				t.Errorf("segment %d is not %q", n, want)
			}
		}
		kinds := make(map[report.SegmentKind]int)
		for _, g := range s.Segments {
			kinds[g.Kind]++
		}
		if kinds[report.SegmentData] != 2 || kinds[report.SegmentClose] != 2 || kinds[report.SegmentAgain] != 0 {
			t.Errorf("kinds %v", kinds)
		}
		if t.Failed() {
			t.Log(strings.Join(lines, "\n"))
		}
		if s.Lanes[0].Address != flows[i].Src.String() || s.Lanes[1].Address != "192.0.2.2:80" {
			t.Errorf("lanes %+v", s.Lanes)
		}
	})
}

func TestSequenceShowsLossAndRepair(t *testing.T) {
	inVirtualTime(t, func(l *Lab) {
		a, b, k := two(l, LinkShape{Delay: 10 * time.Millisecond, Loss: Loss{Random: .1}}, LinkShape{Delay: 10 * time.Millisecond})
		r := l.Record(200, k)
		transfer(t, a, b, make([]byte, 200_000))
		s := r.Sequence(r.Flows()[len(r.Flows())-1])
		kinds := make(map[report.SegmentKind]int)
		lost := 0
		for _, g := range s.Segments {
			kinds[g.Kind]++
			if g.Lost != "" {
				lost++
			}
			if g.Seq < 0 || g.Seq > 200_002 || g.Ack < 0 || g.Ack > 200_002 {
				t.Errorf("%+v", g)
			}
		}
		if lost == 0 || kinds[report.SegmentAgain] < lost/2 || kinds[report.SegmentDup] == 0 || s.Omitted == 0 {
			t.Errorf("%d lost, %d omitted, kinds %v", lost, s.Omitted, kinds)
		}
	})
}
