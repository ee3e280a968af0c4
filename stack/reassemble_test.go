package stack

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waypost/packet"
)

// part is one fragment of a datagram for a test.
type part struct {
	offset, end int
	last        bool
}

// receiveParts hands fragments of the payload to an interface, from .2 to .1.
func receiveParts(i *Interface, id uint16, payload []byte, parts []part) {
	for _, p := range parts {
		f := packet.Ethernet{Dst: i.mac, Src: macB, Type: packet.TypeIPv4}.Append(nil)
		f = packet.IPv4{
			ID: id, TTL: 64, Protocol: packet.ProtocolUDP, Src: addr("192.0.2.2"), Dst: addr("192.0.2.1"),
			FragmentOffset: p.offset, MoreFragments: !p.last,
		}.Append(f, p.end-p.offset)
		i.Receive(append(f, payload[p.offset:p.end]...))
	}
}

// TestReassembly puts datagrams together from fragments in all orders, and
// gives up those that do not fit together.
func TestReassembly(t *testing.T) {
	whole := packet.UDP{SrcPort: 9, DstPort: 53}.Append(nil, addr("192.0.2.2"), addr("192.0.2.1"), make([]byte, 3000))
	end := len(whole)
	tests := []struct {
		name  string
		parts []part
		want  bool
	}{
		{"in order", []part{{0, 1000, false}, {1000, 2000, false}, {2000, end, true}}, true},
		{"backwards", []part{{2000, end, true}, {1000, 2000, false}, {0, 1000, false}}, true},
		{"middle last", []part{{0, 1000, false}, {2000, end, true}, {1000, 2000, false}}, true},
		{"one twice", []part{{0, 1000, false}, {0, 1000, false}, {1000, end, true}}, true},
		{"one within another", []part{{0, 1000, false}, {400, 800, false}, {1000, end, true}}, true},
		{"a gap", []part{{0, 1000, false}, {1008, end, true}}, false},
		{"overlap in front", []part{{0, 1000, false}, {992, 2000, false}, {2000, end, true}}, false},
		{"overlap behind", []part{{1000, 2000, false}, {0, 1008, false}, {2000, end, true}}, false},
		{"around another", []part{{400, 800, false}, {0, 1000, false}, {1000, end, true}}, false},
		{"two ends", []part{{0, 1000, false}, {1000, 2000, true}, {2000, end, true}}, false},
		{"behind the end", []part{{1000, 2000, true}, {2000, 2008, false}, {0, 1000, false}}, false},
		{"end before what is there", []part{{2000, 2008, false}, {1000, 2000, true}, {0, 1000, false}}, false},
		{"odd length in the middle", []part{{0, 1001, false}, {1000, end, true}}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, 0, Config{}, Config{})
				c := listenUDP(t, p.a, "192.0.2.1:53")
				receiveParts(p.ia, 1, whole, test.parts)
				if got := c.queue.count == 1; got != test.want {
					t.Errorf("delivered: %v, want %v", got, test.want)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if f := &p.a.fragments; f.bytes != 0 || len(f.unfinished) != 0 || len(f.oldest) != 0 {
					t.Errorf("a minute later %d bytes of %d packets are kept", f.bytes, len(f.unfinished))
				}
			})
		})
	}
}

// TestReassemblyExtensions: what stands behind the fragment header of an IPv6
// packet may be a further extension header, in parts, too. What the payload
// is only the first fragment says (RFC 8200 §4.5).
func TestReassemblyExtensions(t *testing.T) {
	src, dst := addr("2001:db8::2"), addr("2001:db8::1")
	udp := packet.UDP{SrcPort: 9, DstPort: 53}.Append(nil, src, dst, make([]byte, 3000))
	const hopByHop, fragment, destination = 0, 44, 60
	behind := func(header ...byte) []byte { return append(header, udp...) }
	tests := []struct {
		name    string
		next    [2]packet.Protocol // of the first fragment, of the others
		payload []byte
		cut     int
		want    bool
	}{
		{"none", [2]packet.Protocol{17, 17}, udp, 1000, true},
		{"destination options", [2]packet.Protocol{destination, destination}, behind(17, 0, 1, 4, 0, 0, 0, 0), 1000, true},
		{"options cut in two", [2]packet.Protocol{destination, destination},
			behind(17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 8, true},
		{"others say something else", [2]packet.Protocol{destination, 17}, behind(17, 0, 1, 4, 0, 0, 0, 0), 1000, true},
		{"hop-by-hop options", [2]packet.Protocol{hopByHop, hopByHop}, behind(17, 0, 1, 4, 0, 0, 0, 0), 1000, false},
		{"a fragment of fragments", [2]packet.Protocol{fragment, fragment}, behind(17, 0, 0, 0, 0, 0, 0, 1), 1000, false},
		{"options that do not end", [2]packet.Protocol{destination, destination}, behind(17, 255, 1, 4, 0, 0, 0, 0)[:1600], 1000, false},
	}
	for _, test := range tests {
		for _, backwards := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, backwards %v", test.name, backwards), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t, 0, Config{}, Config{})
					c := listenUDP(t, p.a, "[2001:db8::1]:53")
					var frames [][]byte
					for n, from := range []int{0, test.cut, 1200} {
						end := [...]int{test.cut, 1200, len(test.payload)}[n]
						f := packet.Ethernet{Dst: macA, Src: macB, Type: packet.TypeIPv6}.Append(nil)
						f = packet.IPv6{
							HopLimit: 64, Next: test.next[min(n, 1)], Src: src, Dst: dst,
							Fragment: true, FragmentID: 1, FragmentOffset: from, MoreFragments: n < 2,
						}.Append(f, end-from)
						frames = append(frames, append(f, test.payload[from:end]...))
					}
					if backwards {
						slices.Reverse(frames)
					}
					for _, f := range frames {
						p.ia.Receive(f)
					}
					if got := c.queue.count == 1; got != test.want {
						t.Errorf("delivered: %v, want %v", got, test.want)
					}
					if got := p.a.Stats().Malformed; got != 0 == test.want {
						t.Errorf("%d malformed", got)
					}
				})
			})
		}
	}
}

// TestReassemblyTimeout: after 30 s the sender is told, if the first fragment
// is there to tell who it was.
func TestReassemblyTimeout(t *testing.T) {
	for _, first := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, 0, Config{}, Config{})
			p.a.Ping(t.Context(), addr("192.0.2.2"))
			time.Sleep(time.Minute)
			p.wire.frames()
			whole := packet.UDP{SrcPort: 9, DstPort: 53}.Append(nil, addr("192.0.2.2"), addr("192.0.2.1"), make([]byte, 3000))
			one := part{0, 1000, false}
			if !first {
				one = part{1000, 2000, false}
			}
			receiveParts(p.ia, 1, whole, []part{one})
			time.Sleep(reassemblyTime - 1)
			if f := p.wire.frames(); len(f) != 0 {
				t.Errorf("before the time is over: %q", f)
			}
			time.Sleep(time.Second)
			f := p.wire.frames()
			if told := len(f) > 0 && strings.Contains(f[0], "time exceeded"); told != first {
				t.Errorf("frames: %q, want the sender told: %v", f, first)
			}
		})
	}
}

// TestReassemblyBounded floods a host with first fragments.
func TestReassemblyBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, 0, Config{}, Config{})
		big := make([]byte, 60_000)
		for id := range uint16(5000) {
			from := int(id) % 7 * 8000
			receiveParts(p.ia, id, big, []part{{from, from + 1400, false}})
			if f := &p.a.fragments; f.bytes > maxReassembly || len(f.unfinished) > maxUnfinished || len(f.oldest) != len(f.unfinished) {
				t.Fatalf("%d bytes of %d packets are kept", f.bytes, len(f.unfinished))
			}
		}
		// Many small parts of one packet.
		for n := range 4000 {
			receiveParts(p.ia, 9999, big, []part{{n * 16 % 59_000, n*16%59_000 + 8, false}})
		}
		for _, u := range p.a.fragments.unfinished {
			if len(u.parts) > maxFragments {
				t.Fatalf("one packet has %d parts", len(u.parts))
			}
		}
	})
}
