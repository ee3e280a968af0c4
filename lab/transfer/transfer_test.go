package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"waypost/lab"
	"waypost/report"
	"waypost/tcp"
	"waypost/trace"
)

// ms is so many milliseconds.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// transfer runs one in a bubble of its own.
func transfer(t *testing.T, o Options) (x *Result, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { x, err = Run(o) })
	return x, err
}

// slow is a link on which the times of a transfer are plain to see.
func slow() lab.LinkShape { return lab.LinkShape{Delay: ms(20)} }

// plain is TCP without SACK.
func plain(c tcp.Congestion) tcp.Config {
	return tcp.Config{Congestion: c, NoSACK: true, NoDelay: true}
}

// TestAccount: what is lost, how it is found and what it costs.
func TestAccount(t *testing.T) {
	small := tcp.Config{ReceiveBuffer: 4000}
	for _, tt := range []struct {
		name                        string
		o                           Options
		took                        time.Duration // rounded to milliseconds
		again, lost, fast, timeouts int
		limit                       Limit
	}{
		{"one flight", Options{Bytes: 10_000, Link: slow()}, ms(60), 0, 0, 0, 0, LimitHandshake},
		{"a second flight", Options{Bytes: 20_000, Link: slow()}, ms(100), 0, 0, 0, 0, LimitCwnd},
		{"the SYN is lost", Options{Bytes: 5000, Link: slow(), Drop: []int{1}}, ms(1060), 1, 1, 0, 1, LimitTimer},
		{"three duplicate ACKs", Options{Bytes: 14_000, Link: slow(), Drop: []int{5}, Client: plain(tcp.Reno), Server: plain(tcp.Reno)}, ms(100), 1, 1, 1, 0, LimitHandshake},
		{"nothing after the last segment", Options{Bytes: 14_000, Link: slow(), Drop: []int{12}, Client: plain(tcp.Reno), Server: plain(tcp.Reno)}, ms(340), 1, 1, 0, 1, LimitTimer},
		{"Tahoe", Options{Bytes: 14_000, Link: slow(), Drop: []int{5}, Client: plain(tcp.Tahoe), Server: plain(tcp.Tahoe)}, ms(100), 1, 1, 1, 0, LimitHandshake},
		{"a small window", Options{Bytes: 60_000, Link: slow(), Server: small}, ms(1100), 0, 0, 0, 0, LimitWindow},
		{"the link's rate", Options{Bytes: 2_000_000, Link: lab.LinkShape{Delay: ms(2), Rate: 10_000_000, Queue: 3_000_000}}, ms(1679), 0, 0, 0, 0, LimitRate},
	} {
		x, err := transfer(t, tt.o)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		a := x.Account
		if a.Bytes != tt.o.Bytes {
			t.Errorf("%s: %d bytes arrived, want %d", tt.name, a.Bytes, tt.o.Bytes)
		}
		if got := a.Took.Round(time.Millisecond); got != tt.took {
			t.Errorf("%s: it took %v, want %v", tt.name, got, tt.took)
		}
		got := fmt.Sprintf("%d again, %d lost, %d fast, %d timeouts, %s", a.SentAgain[0], a.Lost[0], a.Fast, a.Timeouts, a.Limit)
		want := fmt.Sprintf("%d again, %d lost, %d fast, %d timeouts, %s", tt.again, tt.lost, tt.fast, tt.timeouts, tt.limit)
		if got != want {
			t.Errorf("%s: %s, want %s", tt.name, got, want)
		}
		shares := 0.0
		for _, s := range a.Shares {
			shares += s
		}
		if math.Abs(shares-1) > 1e-9 {
			t.Errorf("%s: the shares of the time are %v together, want 1", tt.name, shares)
		}
	}
}

// TestOneSeedOneTransfer: all that is told of a transfer depends on its
// options.
func TestOneSeedOneTransfer(t *testing.T) {
	lossy := slow()
	lossy.Loss.Random, lossy.Rate, lossy.Queue = 0.03, 10_000_000, 30_000
	sum := func(seed uint64) string {
		h := fnv.New64a()
		x, err := transfer(t, Options{Seed: seed, Bytes: 200_000, Link: lossy, Capture: h})
		if err != nil {
			t.Fatal(err)
		}
		if err := report.HTML(h, x.Document()); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	first := sum(1)
	for range 5 {
		if again := sum(1); again != first {
			t.Errorf("the same transfer gives %s and %s", first, again)
		}
	}
	if other := sum(2); other == first {
		t.Error("another seed gives the same transfer")
	}
}

// TestDiagrams: both ends' whole lives are told, from CLOSED to CLOSED.
func TestDiagrams(t *testing.T) {
	x, err := transfer(t, Options{Bytes: 14_000, Link: slow(), Drop: []int{5}, Client: plain(tcp.Reno), Server: plain(tcp.Reno)})
	if err != nil {
		t.Fatal(err)
	}
	var lives [2][]string
	for _, s := range x.Sequence.States {
		lives[s.Lane] = append(lives[s.Lane], s.Name)
	}
	for lane, want := range []string{
		"CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED",
		"LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED",
	} {
		if got := strings.Join(lives[lane], " "); got != want {
			t.Errorf("%s was %s, want %s", x.Sequence.Lanes[lane].Name, got, want)
		}
	}
	first := x.Sequence.Segments[0]
	if first.Sent != 0 || first.Kind != report.SegmentOpen {
		t.Errorf("the first segment is %s at %v, want the SYN at 0", first.Label, first.Sent)
	}
	turned := false
	for _, n := range x.Sequence.Notes {
		turned = turned || strings.Contains(n.Short, "fast retransmit") && strings.Contains(n.Clause, "RFC 5681 §3.2")
	}
	if !turned {
		t.Errorf("no note explains the fast retransmit: %+v", x.Sequence.Notes)
	}
	end := x.Chart().End
	if end > time.Second {
		t.Errorf("the chart ends at %v, want the last segment and not TIME-WAIT", end)
	}
	for _, kind := range []trace.Kind{trace.KindTCPConnect, trace.KindTCPState, trace.KindTCPCongestion, trace.KindTCPRetransmit, trace.KindTCPClose} {
		if len(x.Load.Find(kind)) == 0 {
			t.Errorf("the record has no %s", kind)
		}
	}
}

// TestFailure: what happened until TCP gave up is told.
func TestFailure(t *testing.T) {
	dead := slow()
	dead.Loss.Random = 1
	x, err := transfer(t, Options{Bytes: 1000, Link: dead})
	if !errors.Is(err, syscall.EHOSTUNREACH) { // the neighbour is lost before TCP gives up
		t.Errorf("err = %v, want that the host is not reached", err)
	}
	if x == nil || x.Account.Bytes != 0 || x.Account.Lost[0] < 2 {
		t.Fatalf("result = %+v, want the SYNs that were lost", x)
	}
	if len(x.Sequence.States) < 2 || x.Sequence.States[1].Name != "SYN-SENT" {
		t.Errorf("states = %+v, want how far the client came", x.Sequence.States)
	}
	if !strings.Contains(x.Summary(), "Nothing arrived.") {
		t.Errorf("summary = %q", x.Summary())
	}
	if err := report.HTML(io.Discard, x.Document()); err != nil {
		t.Error(err)
	}
}

func TestBounds(t *testing.T) {
	for _, n := range []int64{-1, 0, MaxBytes + 1} {
		if _, err := Run(Options{Bytes: n}); err == nil {
			t.Errorf("a transfer of %d bytes is not refused", n)
		}
	}
}

func TestCapture(t *testing.T) {
	var b bytes.Buffer
	if _, err := transfer(t, Options{Bytes: 1000, Link: slow(), Capture: &b}); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b.Bytes(), []byte{0x0a, 0x0d, 0x0d, 0x0a}) { // the block type of a section header
		t.Errorf("the capture begins with %x", b.Bytes()[:min(8, b.Len())])
	}
}

func TestPattern(t *testing.T) {
	var text bytes.Buffer
	if _, err := io.Copy(&text, io.LimitReader(&pattern{}, 200_000)); err != nil {
		t.Fatal(err)
	}
	if _, err := (&pattern{}).Write(text.Bytes()); err != nil {
		t.Error(err)
	}
	text.Bytes()[70_000] ^= 1
	if n, err := (&pattern{}).Write(text.Bytes()); err == nil || n != 70_000 {
		t.Errorf("a wrong byte is found at %d (%v), want 70000", n, err)
	}
}
