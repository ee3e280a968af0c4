package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The PROXY protocol (haproxy.org, doc/proxy-protocol.txt, versions 1 and
// 2): a load balancer that passes bytes on says in front of them whom they
// come from. Only peers in Server.ProxyFrom are believed, and they must say
// it: guessing would let a client speak for others.

const (
	// proxyV1Size is the longest line of version 1 (§2.1).
	proxyV1Size = 107
	// proxyV2Header is what every header of version 2 begins with (§2.2).
	proxyV2Header = 16
	// proxyV2Size bounds addresses and extensions of version 2: some
	// balancers add the certificate's names.
	proxyV2Size = 4 << 10
)

const proxyV2Signature = "\r\n\r\n\x00\r\nQUIT\n"

var errProxyHeader = errors.New("no PROXY header")

// balancer reports whether connections from addr must begin with a PROXY
// header.
func (v *serving) balancer(addr netip.Addr) bool {
	for _, p := range v.ProxyFrom {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// errTooMany ends a connection that is one too many for its client.
var errTooMany = errors.New("more connections than one client may have")

// readProxyHeader reads the header and takes the addresses over from it. It
// reads nothing beyond. From here on the connection counts for the client that
// the balancer speaks for, and for nobody where that speaks for itself.
func (c *serverConn) readProxyHeader() error {
	c.headerDeadline()
	defer c.under.readBy(time.Time{})
	remote, local, err := parseProxyHeader(c.under)
	if err == nil && remote.IsValid() {
		c.info.Remote, c.info.Local = remote, local
		if !c.srv.places.claimFor(c, remote.Addr(), &c.srv.limits) {
			c.srv.tooMany(remote, "")
			return errTooMany
		}
	}
	return err
}

// parseProxyHeader reads a header of either version. The addresses are zero
// where the balancer speaks for itself (UNKNOWN, LOCAL) or of another kind.
func parseProxyHeader(r io.Reader) (remote, local netip.AddrPort, err error) {
	var start [proxyV2Header]byte
	// The shortest line of version 1, "PROXY UNKNOWN\r\n", has 15 bytes.
	const shortest = 15
	if _, err := io.ReadFull(r, start[:shortest]); err != nil {
		return remote, local, err
	}
	if string(start[:len(proxyV2Signature)]) == proxyV2Signature {
		if _, err := io.ReadFull(r, start[shortest:]); err != nil {
			return remote, local, err
		}
		return parseProxyV2(&start, r)
	}
	line := append(make([]byte, 0, proxyV1Size), start[:shortest]...)
	for line[len(line)-1] != '\n' {
		if len(line) == proxyV1Size {
			return remote, local, errProxyHeader
		}
		if _, err := io.ReadFull(r, start[:1]); err != nil {
			return remote, local, err
		}
		line = append(line, start[0])
	}
	return parseProxyV1(string(line))
}

// parseProxyV1 reads "PROXY TCP4 source destination port port\r\n".
func parseProxyV1(line string) (remote, local netip.AddrPort, err error) {
	rest, ok := strings.CutPrefix(line, "PROXY ")
	rest, ends := strings.CutSuffix(rest, "\r\n")
	if !ok || !ends {
		return remote, local, errProxyHeader
	}
	if rest == "UNKNOWN" || strings.HasPrefix(rest, "UNKNOWN ") {
		return remote, local, nil
	}
	f := strings.Split(rest, " ")
	if len(f) != 5 || f[0] != "TCP4" && f[0] != "TCP6" {
		return remote, local, errProxyHeader
	}
	if remote, err = proxyAddr(f[1], f[3], f[0] == "TCP6"); err == nil {
		local, err = proxyAddr(f[2], f[4], f[0] == "TCP6")
	}
	if err != nil {
		return netip.AddrPort{}, netip.AddrPort{}, errProxyHeader
	}
	return remote, local, nil
}

func proxyAddr(host, port string, six bool) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(host)
	if err != nil || a.Is6() != six || a.Zone() != "" {
		return netip.AddrPort{}, errProxyHeader
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), err
}

// parseProxyV2 reads what follows the first 16 bytes of version 2.
func parseProxyV2(start *[proxyV2Header]byte, r io.Reader) (remote, local netip.AddrPort, err error) {
	version, command, family := start[12]>>4, start[12]&0xf, start[13]
	size := int(binary.BigEndian.Uint16(start[14:]))
	if version != 2 || command > 1 || size > proxyV2Size {
		return remote, local, errProxyHeader
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		return remote, local, err
	}
	address := map[byte]int{0x11: 4, 0x21: 16}[family] // TCP over IPv4, over IPv6
	switch {
	case command == 0 || address == 0: // LOCAL, or nothing that we know
		return remote, local, nil
	case size < 2*address+4:
		return remote, local, errProxyHeader
	}
	source, _ := netip.AddrFromSlice(b[:address])
	destination, _ := netip.AddrFromSlice(b[address : 2*address])
	ports := b[2*address:]
	return netip.AddrPortFrom(source.Unmap(), binary.BigEndian.Uint16(ports)),
		netip.AddrPortFrom(destination.Unmap(), binary.BigEndian.Uint16(ports[2:])), nil
}
