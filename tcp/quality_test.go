package tcp

import (
	"fmt"
	"testing"
	"time"
)

// bottleneck is a fate with a rate in bytes a second towards the server, a
// queue of so many bytes, and losses (every nth of the data segments).
func (m *sim) bottleneck(rate, queue float64, nth int) func(int, bool, *Segment) []Time {
	var free Time // when the link has sent what it holds
	data := 0
	return func(_ int, toServer bool, s *Segment) []Time {
		if !toServer {
			return []Time{m.delay}
		}
		size := float64(len(s.Payload) + 40)
		free = max(free, m.now)
		if wait := (free - m.now).Seconds() * rate; wait+size > queue {
			return nil
		}
		free += Time(size / rate * float64(time.Second))
		if len(s.Payload) > 0 {
			if data++; nth > 0 && data%nth == 0 {
				return nil
			}
		}
		return []Time{free - m.now + m.delay}
	}
}

// TestNothingSpurious: on a link that loses nothing nothing is sent twice,
// whatever its delay and rate and however the user writes.
func TestNothingSpurious(t *testing.T) {
	for _, delay := range []Time{0, ms, 50 * ms, 300 * ms} {
		for _, rate := range []float64{0, 1e5, 1e7} {
			for _, size := range []int{1, 1449, 5000, 300_000} {
				t.Run(fmt.Sprintf("%v/%.0f/%d", delay, rate, size), func(t *testing.T) {
					cfg := &Config{Keepalive: DefaultKeepalive}
					m := newSim(t, cfg, cfg, delay)
					if rate > 0 {
						m.fate = m.bottleneck(rate, 1e9, 0)
					}
					m.established()
					for range 4 {
						m.transfer(m.client, m.server, noise(size), time.Hour)
						m.run(30 * ms)
						m.transfer(m.server, m.client, noise(size/2+1), time.Hour)
					}
					m.client.Close(m.now)
					m.run(10 * ms)
					m.server.Close(m.now)
					m.run(time.Hour)
					if !m.client.Done() || !m.server.Done() {
						t.Errorf("client %v, server %v", m.client.state, m.server.state)
					}
					if n := m.client.retransmits + m.server.retransmits; n != 0 {
						t.Errorf("%d segments were sent twice", n)
					}
				})
			}
		}
	}
}

// TestGoodput: 10 MB over 10 Mbit/s, 20 ms each way, with a queue of one
// bandwidth-delay product: all algorithms keep the link busy. With every
// hundredth segment lost the window is about √(3/2·100) = 12 segments, a third
// of the rate at most (RFC 5681 has no name for it; Mathis et al., 1997).
func TestGoodput(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine, and too slow")
	}
	const rate, size = 1.25e6, 10_000_000
	for _, tc := range []struct {
		algorithm Congestion
		sack      bool
		nth       int
		least     float64 // of the rate
	}{
		{CUBIC, true, 0, 0.8}, {NewReno, true, 0, 0.85}, {Reno, true, 0, 0.85}, {Tahoe, true, 0, 0.75},
		{CUBIC, false, 0, 0.75}, {NewReno, false, 0, 0.75}, {Reno, false, 0, 0.6}, {Tahoe, false, 0, 0.6},
		{CUBIC, true, 100, 0.25}, {NewReno, true, 100, 0.25}, {NewReno, false, 100, 0.24}, {Tahoe, false, 100, 0.2},
	} {
		cfg := &Config{Congestion: tc.algorithm, NoSACK: !tc.sack}
		m := newSim(t, cfg, cfg, 20*ms)
		m.fate = m.bottleneck(rate, 50_000, tc.nth)
		m.established()
		took := m.transfer(m.client, m.server, noise(size), time.Hour)
		got := size / took.Seconds() / rate
		t.Logf("%-8v sack %-5v loss 1/%-3d %6.2fs %3.0f%% of the rate, %d sent again", tc.algorithm, tc.sack, tc.nth, took.Seconds(), 100*got, m.client.retransmits)
		if got < tc.least {
			t.Errorf("%v, sack %v, loss 1/%d: %.0f%% of the rate, want %.0f%%", tc.algorithm, tc.sack, tc.nth, 100*got, 100*tc.least)
		}
	}
}
