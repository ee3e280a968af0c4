package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/fault"
)

var server53 = netip.MustParseAddrPort("198.51.100.7:53")

// ask is the question of these tests.
func ask() *mdns.Msg {
	m := new(mdns.Msg)
	m.SetQuestion("www.shop.test.", mdns.TypeA)
	m.Id = 99
	return m
}

// answerTo is the right answer to a packed query.
func answerTo(t testing.TB, query []byte, change func(*mdns.Msg)) []byte {
	t.Helper()
	m := unpack(t, query)
	m.Response = true
	m.Answer = rrs(t, "www.shop.test. 60 A 192.0.2.1")
	if change != nil {
		change(m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Error(err)
	}
	return b
}

// onQuery lets do see each query on its way to the server; nothing else
// answers.
func onQuery(w *wire, do func(n int, from netip.AddrPort, query []byte)) {
	n := 0
	w.pass = func(from, to netip.AddrPort, b []byte) bool {
		if to == server53 {
			n++
			do(n, from, append([]byte(nil), b...))
		}
		return true
	}
}

func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		onQuery(w, func(_ int, from netip.AddrPort, query []byte) {
			time.AfterFunc(20*time.Millisecond, func() { w.send(server53, from, answerTo(t, query, nil)) })
		})
		m := ask()
		got, info, err := Exchange(t.Context(), w.host("192.0.2.9"), server53, m, ExchangeOptions{})
		if err != nil || got.Id != 99 || m.Id != 99 || lines(got.Answer) != "www.shop.test. 60 IN A 192.0.2.1" {
			t.Fatalf("got %v, %v", got, err)
		}
		if want := (Info{Server: server53, Transport: UDP, Took: 20 * time.Millisecond, Tries: 1, Size: 60}); info != want {
			t.Errorf("got %+v, want %+v", info, want)
		}
	})
}

func TestExchangeTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		var ids []uint16
		ports := map[uint16]bool{}
		onQuery(w, func(n int, from netip.AddrPort, query []byte) {
			ids = append(ids, binary.BigEndian.Uint16(query))
			ports[from.Port()] = true
			if n == 3 {
				w.send(server53, from, answerTo(t, query, nil))
			}
		})
		next := uint16(100)
		_, info, err := Exchange(t.Context(), w.host("192.0.2.9"), server53, ask(), ExchangeOptions{
			Timeout: time.Second, Tries: 3, IDs: func() uint16 { next++; return next },
		})
		if err != nil || info.Took != 2*time.Second || info.Tries != 3 {
			t.Errorf("got %+v, %v", info, err)
		}
		if len(ids) != 3 || ids[0] != 101 || ids[2] != 103 || len(ports) != 3 {
			t.Errorf("ids %v, ports %v: each try has its own", ids, ports)
		}
	})
}

func TestExchangeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		got, info, err := Exchange(t.Context(), newWire().host("192.0.2.9"), server53, ask(), ExchangeOptions{})
		if got != nil || fault.Of(err) != fault.DNSTimeout || err.Error() != "198.51.100.7: timeout after 3s, 2 tries" {
			t.Errorf("got %v, %v (%s)", got, err, fault.Of(err))
		}
		if took := time.Since(start); took != 3*time.Second || info.Took != took {
			t.Errorf("took %v, %+v", took, info)
		}
		// The caller's own deadline comes first where it is nearer.
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, info, err = Exchange(ctx, newWire().host("192.0.2.9"), netip.MustParseAddrPort("[2001:db8::1]:5353"), ask(), ExchangeOptions{})
		if err == nil || err.Error() != "[2001:db8::1]:5353: timeout after 200ms" || info.Took != 200*time.Millisecond {
			t.Errorf("got %+v, %v", info, err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, info, err = Exchange(ctx, newWire().host("192.0.2.9"), server53, ask(), ExchangeOptions{})
		if !errors.Is(err, context.Canceled) || info.Took != time.Second {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}

func TestExchangeIgnoresStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		onQuery(w, func(_ int, from netip.AddrPort, query []byte) {
			forged := func(source netip.AddrPort, change func(*mdns.Msg)) {
				w.send(source, from, answerTo(t, query, change))
			}
			forged(netip.MustParseAddrPort("198.51.100.8:53"), nil)
			forged(netip.MustParseAddrPort("198.51.100.7:54"), nil)
			forged(server53, func(m *mdns.Msg) { m.Id++ })
			forged(server53, func(m *mdns.Msg) { m.Response = false })
			forged(server53, func(m *mdns.Msg) { m.Opcode = mdns.OpcodeNotify })
			forged(server53, func(m *mdns.Msg) { m.Question[0].Name = "www.shot.test." })
			forged(server53, func(m *mdns.Msg) { m.Question[0].Qtype = mdns.TypeAAAA })
			forged(server53, func(m *mdns.Msg) { m.Question = nil })
			w.send(server53, from, query[:11])
			forged(server53, func(m *mdns.Msg) { m.Question[0].Name = "WWW.shop.test." })
		})
		got, info, err := Exchange(t.Context(), w.host("192.0.2.9"), server53, ask(), ExchangeOptions{})
		if err != nil || info.Strangers != 9 || len(got.Answer) != 1 {
			t.Errorf("got %v, %+v, %v", got, info, err)
		}

		onQuery(w, func(_ int, from netip.AddrPort, query []byte) {
			for range 5 {
				w.send(server53, from, answerTo(t, query, func(m *mdns.Msg) { m.Id++ }))
			}
		})
		_, _, err = Exchange(t.Context(), w.host("192.0.2.9"), server53, ask(), ExchangeOptions{Tries: 1})
		if fault.Of(err) != fault.DNSTimeout || err.Error() != "198.51.100.7: timeout after 1.5s, 5 packets that were no answer ignored" {
			t.Errorf("got %v", err)
		}
	})
}

// TestExchangeUnderAttack: whoever tries to guess the id only makes us change
// to TCP.
func TestExchangeUnderAttack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		onQuery(w, func(_ int, from netip.AddrPort, query []byte) {
			for i := range uint16(maxStrangers) {
				time.AfterFunc(time.Duration(i)*time.Millisecond, func() {
					w.send(server53, from, answerTo(t, query, func(m *mdns.Msg) { m.Id += i + 1 }))
				})
			}
		})
		serveTCP(t, w, func(c net.Conn, query []byte) { c.Write(frame(answerTo(t, query, nil))) })
		got, info, err := Exchange(t.Context(), w.host("192.0.2.9"), server53, ask(), ExchangeOptions{})
		if err != nil || len(got.Answer) != 1 || info.Transport != TCP || info.Strangers != maxStrangers || info.Truncated {
			t.Errorf("got %v, %+v, %v", got, info, err)
		}
	})
}

func TestExchangeErrors(t *testing.T) {
	tests := []struct {
		name   string
		answer func(query []byte) []byte
		rcode  int
		want   string
	}{
		{"refused without question", func(q []byte) []byte {
			return answerTo(t, q, func(m *mdns.Msg) { m.Question, m.Answer, m.Rcode = nil, nil, mdns.RcodeFormatError })
		}, mdns.RcodeFormatError, ""},
		{"malformed", func(q []byte) []byte { b := answerTo(t, q, nil); return b[:len(b)-1] }, 0,
			"198.51.100.7: malformed answer of 59 octets: "},
		{"too long for TCP to be there", func(q []byte) []byte {
			return answerTo(t, q, func(m *mdns.Msg) { m.Truncated = true })
		}, 0, "198.51.100.7 over tcp: dial tcp: connection refused"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			w := newWire()
			onQuery(w, func(_ int, from netip.AddrPort, query []byte) { w.send(server53, from, tt.answer(query)) })
			got, _, err := Exchange(t.Context(), w.host("192.0.2.9"), server53, ask(), ExchangeOptions{})
			if tt.want == "" {
				if err != nil || got.Rcode != tt.rcode {
					t.Errorf("%s: got %v, %v", tt.name, got, err)
				}
			} else if err == nil || !strings.HasPrefix(err.Error(), tt.want) || fault.Of(err) != fault.DNSError {
				t.Errorf("%s: got %v (%s), want %s", tt.name, err, fault.Of(err), tt.want)
			}
		})
	}
	if _, _, err := Exchange(t.Context(), newWire().host("192.0.2.9"), server53, new(mdns.Msg), ExchangeOptions{}); fault.Of(err) != fault.DNSError {
		t.Errorf("a query without question: %v", err)
	}
}

// serveTCP answers each connection to the server with do.
func serveTCP(t *testing.T, w *wire, do func(c net.Conn, query []byte)) {
	l, _ := w.host("198.51.100.7").Listen(t.Context(), server53)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			query, err := readFrame(c)
			if err != nil {
				t.Error(err)
			}
			do(c, query)
			c.Close()
		}
	}()
}

func frame(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func TestExchangeOverTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		onQuery(w, func(_ int, from netip.AddrPort, query []byte) {
			w.send(server53, from, answerTo(t, query, func(m *mdns.Msg) { m.Truncated, m.Answer = true, nil }))
		})
		serveTCP(t, w, func(c net.Conn, query []byte) {
			c.Write(frame(answerTo(t, query, func(m *mdns.Msg) { m.Id++ })))
			time.Sleep(30 * time.Millisecond)
			c.Write(frame(answerTo(t, query, nil)))
		})
		got, info, err := Exchange(t.Context(), w.host("192.0.2.9"), server53, ask(), ExchangeOptions{})
		if err != nil || len(got.Answer) != 1 || got.Id != 99 {
			t.Fatalf("got %v, %v", got, err)
		}
		if want := (Info{Server: server53, Transport: TCP, Took: 30 * time.Millisecond, Tries: 2, Truncated: true, Strangers: 1, Size: 60}); info != want {
			t.Errorf("got %+v, want %+v", info, want)
		}
		_, info, err = Exchange(t.Context(), w.host("192.0.2.9"), server53, ask(), ExchangeOptions{TCP: true})
		if err != nil || info.Tries != 1 || info.Transport != TCP || info.Truncated {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}

func TestExchangeTCPErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(c net.Conn, query []byte)
		kind fault.Kind
		want string
	}{
		"silent":     {func(c net.Conn, _ []byte) { io.Copy(io.Discard, c) }, fault.DNSTimeout, "198.51.100.7 over tcp: timeout after 1.5s"},
		"closed":     {func(net.Conn, []byte) {}, fault.DNSError, "198.51.100.7 over tcp: EOF"},
		"half a one": {func(c net.Conn, q []byte) { c.Write(frame(q)[:10]) }, fault.DNSError, "198.51.100.7 over tcp: unexpected EOF"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWire()
			serveTCP(t, w, tt.do)
			_, _, err := Exchange(t.Context(), w.host("192.0.2.9"), server53, ask(), ExchangeOptions{TCP: true})
			if fault.Of(err) != tt.kind || err.Error() != tt.want {
				t.Errorf("%s: got %v (%s), want %s", name, err, fault.Of(err), tt.want)
			}
		})
	}
}
