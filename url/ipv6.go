package url

import "strconv"

// ipv6 is one run of the IPv6 parser (§3.5). net/netip is not enough: it
// does not tell which rule an address breaks.
type ipv6 struct {
	in          string // without brackets
	at          int
	pieces      [8]uint16
	piece       int
	compress    int // index of the piece before which zeros were left out; -1: none
	leadingZero int // offset of a piece that begins with 0; -1: none
}

func (r *ipv6) c() byte {
	if r.at < len(r.in) {
		return r.in[r.at]
	}
	return 0 // like any character that is no part of an address
}

// parse fills pieces and returns the rule broken, or "". After a failure, at
// is where.
func (r *ipv6) parse() Rule {
	r.compress, r.leadingZero = -1, -1
	if r.c() == ':' {
		if len(r.in) < 2 || r.in[1] != ':' {
			return IPv6InvalidCompression
		}
		r.at += 2
		r.piece++
		r.compress = r.piece
	}
	for r.at < len(r.in) {
		if r.piece == len(r.pieces) {
			return IPv6TooManyPieces
		}
		if r.c() == ':' {
			if r.compress >= 0 {
				return IPv6MultipleCompression
			}
			r.at++
			r.piece++
			r.compress = r.piece
			continue
		}
		last, rule := r.readPiece()
		if rule != "" {
			return rule
		}
		if last {
			break
		}
	}
	return r.expand()
}

// readPiece reads one piece and the colon behind it, or the IPv4 part, which
// is the last.
func (r *ipv6) readPiece() (last bool, rule Rule) {
	start := r.at
	var value uint16
	for r.at-start < 4 && isHex(r.c()) {
		value = value<<4 | uint16(unhex(r.c()))
		r.at++
	}
	digits := r.at - start
	switch {
	case r.c() == '.':
		if digits == 0 {
			return true, IPv4InIPv6InvalidCodePoint
		}
		r.at = start
		if r.piece > 6 {
			return true, IPv4InIPv6TooManyPieces
		}
		return true, r.readIPv4()
	case r.c() == ':':
		r.at++
		if r.at == len(r.in) {
			return true, IPv6InvalidCodePoint
		}
	case r.at < len(r.in):
		return true, IPv6InvalidCodePoint
	}
	if digits > 1 && r.in[start] == '0' && r.leadingZero < 0 {
		r.leadingZero = start
	}
	r.pieces[r.piece] = value
	r.piece++
	return false, ""
}

// readIPv4 reads the dotted rest of an address into two pieces.
func (r *ipv6) readIPv4() Rule {
	seen := 0
	for r.at < len(r.in) {
		if seen > 0 {
			if r.c() != '.' || seen == 4 {
				return IPv4InIPv6InvalidCodePoint
			}
			r.at++
		}
		if !isDigit(r.c()) {
			return IPv4InIPv6InvalidCodePoint
		}
		value := uint16(r.c() - '0')
		for r.at++; isDigit(r.c()); r.at++ {
			if value == 0 {
				return IPv4InIPv6InvalidCodePoint
			}
			if value = value*10 + uint16(r.c()-'0'); value > 255 {
				return IPv4InIPv6OutOfRangePart
			}
		}
		r.pieces[r.piece] = r.pieces[r.piece]<<8 | value
		if seen++; seen == 2 || seen == 4 {
			r.piece++
		}
	}
	if seen != 4 {
		return IPv4InIPv6TooFewParts
	}
	return ""
}

// expand moves the pieces behind :: to the end.
func (r *ipv6) expand() Rule {
	if r.compress < 0 {
		if r.piece != len(r.pieces) {
			return IPv6TooFewPieces
		}
		return ""
	}
	tail := r.piece - r.compress
	var moved [8]uint16
	copy(moved[:], r.pieces[:r.compress])
	copy(moved[8-tail:], r.pieces[r.compress:r.piece])
	r.pieces = moved
	return ""
}

// String is the serialised address in brackets (§3.6, RFC 5952): the longest
// run of zero pieces, the first of equals, is compressed. Unlike net/netip
// it never writes a dotted part.
func (r *ipv6) String() string {
	from, size := -1, 1
	for i := 0; i < 8; i++ {
		n := 0
		for i+n < 8 && r.pieces[i+n] == 0 {
			n++
		}
		if n > size {
			from, size = i, n
		}
		i += n
	}
	out := make([]byte, 0, 41) // 8 pieces of 4 digits, 7 colons, 2 brackets
	out = append(out, '[')
	for i := 0; i < 8; i++ {
		if i == from {
			if i == 0 {
				out = append(out, ':')
			}
			out = append(out, ':')
			i += size - 1
			continue
		}
		out = strconv.AppendUint(out, uint64(r.pieces[i]), 16)
		if i < 7 {
			out = append(out, ':')
		}
	}
	return string(append(out, ']'))
}
