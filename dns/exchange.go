package dns

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/fault"
	"waypost/link"
)

// Defaults of an exchange.
const (
	defaultTimeout = 1500 * time.Millisecond // several times the way around the earth
	defaultTries   = 2                       // one lost packet is common, two in a row are a dead server
	// maxAnswer is the UDP answer that is taken. We ask for MaxUDP at most;
	// servers that send more than was asked for are still understood.
	maxAnswer = 4096
	// maxStrangers is how many packets that answer something else are read
	// in one try. Each is a chance to guess the id (RFC 5452 §4); an honest
	// path has none. After so many the question goes over TCP, where nobody
	// can guess along.
	maxStrangers = 64
)

// ExchangeOptions tune one [Exchange]. The zero value is ready to use.
type ExchangeOptions struct {
	Timeout time.Duration // per try; 0 means 1.5 s
	Tries   int           // over UDP; 0 means 2
	TCP     bool          // ask over TCP at once
	// IDs is the source of message ids; nil means crypto/rand. The lab sets
	// it so that one seed gives one capture.
	IDs func() uint16
}

// Info is how an exchange went, the failed one too.
type Info struct {
	Server    netip.AddrPort
	Transport string        // [UDP] or [TCP]: of the answer, or of the last try
	Took      time.Duration // from the first try's start to the answer
	Tries     int           // queries sent, TCP included
	Truncated bool          // the UDP answer had TC set, so TCP was used
	Strangers int           // packets that answered another question, or came from elsewhere, and were ignored
	Size      int           // octets of the answer
}

// exchange is one call of Exchange at work.
type exchange struct {
	network link.Network
	query   []byte // packed; its id is set anew for each try
	asked   []byte // the question in it
	options ExchangeOptions
	info    Info
}

// Exchange asks one server the question in m and returns its answer, whatever
// its response code, with m's id. m is not changed and has one question.
//
// Each try over UDP has a random id and a new socket, hence a new source port
// (RFC 5452 §9.2). Packets from other addresses, with another id or another
// question are ignored until the time is up (RFC 5452 §9.1), or until there
// are so many that somebody must be guessing. Then, and after an answer with TC
// (RFC 7766 §5), the question is asked over TCP.
//
// The error is a fault of kind dns_timeout or dns_error that begins with the
// server's address. Exchange notes nothing in the record: dns.query belongs to
// the resolver, which knows the zone and why it asks.
func Exchange(ctx context.Context, n link.Network, server netip.AddrPort, m *mdns.Msg, o ExchangeOptions) (*mdns.Msg, Info, error) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Tries <= 0 {
		o.Tries = defaultTries
	}
	if o.IDs == nil {
		o.IDs = randomID
	}
	x := &exchange{network: n, options: o}
	x.info = Info{Server: netip.AddrPortFrom(server.Addr().Unmap(), server.Port()), Transport: UDP}
	var err error
	if x.query, x.asked, err = packQuery(m); err != nil {
		return nil, x.info, fault.New(fault.DNSError, x.op(), err)
	}
	start := time.Now()
	answer, err := x.run(ctx)
	x.info.Took = time.Since(start)
	if err != nil {
		return nil, x.info, x.explain(ctx, err)
	}
	answer.Id = m.Id
	return answer, x.info, nil
}

// packQuery returns m in wire form and the part of it that is the question.
func packQuery(m *mdns.Msg) (query, question []byte, err error) {
	if len(m.Question) != 1 {
		return nil, nil, errors.New("a query has one question")
	}
	query, err = m.Pack()
	if err != nil {
		return nil, nil, err
	}
	end, defect := skipName(query, headerLen)
	if defect != Sound || end+4 > len(query) {
		return nil, nil, CutShort
	}
	return query, query[headerLen : end+4], nil
}

func (x *exchange) run(ctx context.Context) (*mdns.Msg, error) {
	if x.options.TCP {
		return x.tcp(ctx)
	}
	for {
		packet, err := x.udp(ctx)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil && x.info.Tries < x.options.Tries:
			continue
		case errors.Is(err, errGuesses):
			return x.tcp(ctx)
		case err != nil:
			return nil, err
		}
		if binary.BigEndian.Uint16(packet[2:])&FlagTC != 0 || len(packet) >= maxAnswer {
			x.info.Truncated = true
			return x.tcp(ctx)
		}
		return x.unpack(packet)
	}
}

// udp makes one try and returns the packet that answers it.
func (x *exchange) udp(ctx context.Context) ([]byte, error) {
	x.info.Tries++
	conn, err := x.network.ListenPacket(ctx, netip.AddrPort{})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	binary.BigEndian.PutUint16(x.query, x.options.IDs())
	if err := conn.SetDeadline(time.Now().Add(x.options.Timeout)); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(longAgo) })()
	if _, err := conn.WriteToUDPAddrPort(x.query, x.info.Server); err != nil {
		return nil, err
	}
	buf := make([]byte, maxAnswer)
	for range maxStrangers {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return nil, err
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if from == x.info.Server && x.answered(buf[:n]) {
			return buf[:n], nil
		}
		x.info.Strangers++
	}
	return nil, errGuesses
}

var errGuesses = fmt.Errorf("%d messages that answer other questions", maxStrangers)

// tcp makes one try over a connection of its own.
func (x *exchange) tcp(ctx context.Context) (*mdns.Msg, error) {
	x.info.Tries++
	x.info.Transport = TCP
	dial, cancel := context.WithTimeout(ctx, x.options.Timeout)
	defer cancel()
	conn, err := x.network.Dial(dial, x.info.Server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(x.options.Timeout)); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })()
	binary.BigEndian.PutUint16(x.query, x.options.IDs())
	// RFC 7766 §8: length and message in one segment.
	frame := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(x.query)), uint16(len(x.query)))
	if _, err := conn.Write(append(frame, x.query...)); err != nil {
		return nil, err
	}
	for range maxStrangers {
		packet, err := readFrame(conn)
		if err != nil {
			return nil, err
		}
		if x.answered(packet) {
			return x.unpack(packet)
		}
		x.info.Strangers++
	}
	return nil, errGuesses
}

// readFrame reads one message with its length before it (RFC 1035 §4.2.2).
func readFrame(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	packet := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(r, packet); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return packet, nil
}

// answered reports whether packet is the response to what was sent.
func (x *exchange) answered(packet []byte) bool {
	if len(packet) < headerLen || packet[0] != x.query[0] || packet[1] != x.query[1] {
		return false
	}
	flags, sent := binary.BigEndian.Uint16(packet[2:]), binary.BigEndian.Uint16(x.query[2:])
	if flags&FlagQR == 0 || flags&opcodeMask != sent&opcodeMask {
		return false
	}
	if binary.BigEndian.Uint16(packet[4:]) == 0 {
		// A server that could not read the question, or would not, may
		// leave it out. Such a message can refuse but not tell.
		rcode := flags & rcodeMask
		return rcode != mdns.RcodeSuccess && rcode != mdns.RcodeNameError
	}
	end := headerLen + len(x.asked)
	if len(packet) < end {
		return false
	}
	for i, c := range x.asked[:len(x.asked)-4] {
		if lower(packet[headerLen+i]) != lower(c) {
			return false
		}
	}
	return string(packet[end-4:end]) == string(x.asked[len(x.asked)-4:])
}

func (x *exchange) unpack(packet []byte) (*mdns.Msg, error) {
	x.info.Size = len(packet)
	m := new(mdns.Msg)
	if err := m.Unpack(packet); err != nil {
		return nil, fmt.Errorf("malformed answer of %d octets: %w", len(packet), err)
	}
	return m, nil
}

// op names the server as errors do: the port only where it is not DNS's own.
func (x *exchange) op() string {
	op := x.info.Server.String()
	if x.info.Server.Port() == 53 {
		op = x.info.Server.Addr().String()
	}
	if x.info.Transport == TCP {
		op += " over tcp"
	}
	return op
}

// explain names what went wrong.
func (x *exchange) explain(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fault.New(fault.DNSError, x.op(), context.Canceled)
	}
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		return fault.New(fault.DNSError, x.op(), err)
	}
	text := fmt.Sprintf("timeout after %v", x.info.Took.Round(time.Millisecond))
	if x.info.Tries > 1 {
		text += fmt.Sprintf(", %d tries", x.info.Tries)
	}
	if x.info.Strangers > 0 {
		text += fmt.Sprintf(", %d packets that were no answer ignored", x.info.Strangers)
	}
	return fault.New(fault.DNSTimeout, x.op(), errors.New(text))
}

// longAgo is a deadline that ends waiting at once.
var longAgo = time.Unix(1, 0)

func randomID() uint16 {
	var b [2]byte
	rand.Read(b[:]) // never fails, as documented since Go 1.24
	return binary.BigEndian.Uint16(b[:])
}
