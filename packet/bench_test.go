package packet

import (
	"errors"
	"fmt"
	"testing"
)

// full is what a bulk transfer is made of: Ethernet, IPv4, TCP with
// timestamps, 1,448 or more bytes.
func full(payload int) []byte {
	r := newRandom(1)
	h := TCP{SrcPort: 49152, DstPort: 80, Seq: 1, Ack: 2, Flags: ACK, Window: 512, Options: TCPOptions{HasTimestamps: true, TSVal: 3, TSEcr: 4}}
	return r.frame(ProtocolTCP, here4, there4, h.Append(nil, here4, there4, r.bytes(payload)))
}

func decode(frame []byte) (TCP, []byte, error) {
	_, b, err := ParseEthernet(frame)
	if err != nil {
		return TCP{}, nil, err
	}
	ip, b, err := ParseIPv4(b)
	if err != nil {
		return TCP{}, nil, err
	}
	return ParseTCP(b, ip.Src, ip.Dst)
}

func TestDecodeAllocatesNothing(t *testing.T) {
	frame, spoiled := full(1460), full(1460)
	spoiled[100] ^= 1
	six := newRandom(2).frame(ProtocolICMPv6, here6, there6, NeighborSolicitation{here6, MAC{2}}.Append(nil, here6, there6))
	buf := make([]byte, 0, 2000)
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := decode(frame); err != nil {
			t.Fatal(err)
		}
		if _, _, err := decode(spoiled); !errors.Is(err, BadTCPChecksum) {
			t.Fatal(err)
		}
		ip, b, err := ParseIPv6(six[EthernetSize:])
		if err != nil {
			t.Fatal(err)
		}
		m, body, err := ParseICMPv6(b, ip.Src, ip.Dst)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseNeighborSolicitation(m, body); err != nil {
			t.Fatal(err)
		}
		if _, ok := FlowOf(six); !ok {
			t.Fatal("no flow")
		}
		h := TCP{Flags: ACK, Options: TCPOptions{HasTimestamps: true}}
		h.Append(IPv4{Src: here4, Dst: there4}.Append(Ethernet{}.Append(buf), 40), here4, there4, body)
		UDP{1, 2}.Append(buf, here6, there6, body)
		NeighborAdvertisement{Target: here6, MAC: MAC{2}}.Append(buf, here6, there6)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkDecodeTCP(b *testing.B) {
	frame := full(1460)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeAck(b *testing.B) {
	frame := full(0)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := decode(frame); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendTCP(b *testing.B) {
	e, ip := Ethernet{Type: TypeIPv4}, IPv4{TTL: 64, Protocol: ProtocolTCP, Src: here4, Dst: there4}
	h := TCP{SrcPort: 49152, DstPort: 80, Flags: ACK, Options: TCPOptions{HasTimestamps: true}}
	payload, buf := make([]byte, 1460), make([]byte, 0, 2000)
	b.ReportAllocs()
	for b.Loop() {
		h.Append(ip.Append(e.Append(buf), h.Size()+len(payload)), here4, there4, payload)
	}
}

func BenchmarkFlowOf(b *testing.B) {
	frame := full(1460)
	b.ReportAllocs()
	for b.Loop() {
		FlowOf(frame)
	}
}

func BenchmarkChecksum(b *testing.B) {
	for _, size := range []int{20, 64, 1460, 65536} {
		data := newRandom(1).bytes(size)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				Checksum(data)
			}
		})
	}
}
