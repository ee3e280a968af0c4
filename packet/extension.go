package packet

import "encoding/binary"

// The extension headers of RFC 8200 §4 that are skipped.
const (
	extensionHopByHop    Protocol = 0
	extensionRouting     Protocol = 43
	extensionFragment    Protocol = 44
	extensionDestination Protocol = 60
)

// maxExtensions bounds the extension headers of one packet. RFC 8200 §4.1
// recommends each at most once, destination options twice: five in all.
const maxExtensions = 8

const (
	optionPad1        = 0
	optionPadN        = 1
	optionRouterAlert = 5 // RFC 2711 §2.1
)

func (p Protocol) isExtension() bool {
	switch p {
	case extensionHopByHop, extensionRouting, extensionFragment, extensionDestination:
		return true
	}
	return false
}

// skipExtensions goes from the first extension header, which h.Next names,
// to the payload, and sets h.Next to what it is. Behind a fragment header
// of a real fragment nothing is read: it is a part of what a reassembled
// packet holds.
func (h *IPv6) skipExtensions(b []byte) (payload []byte, err error) {
	for n := 0; h.Next.isExtension(); n++ {
		if n == maxExtensions {
			return nil, TooManyExtensions
		}
		if len(b) < 8 {
			return nil, ShortIPv6
		}
		kind, size := h.Next, 8
		if kind != extensionFragment {
			size = 8 + int(b[1])*8
		}
		if size > len(b) {
			return nil, ShortIPv6
		}
		switch kind {
		case extensionHopByHop:
			// RFC 8200 §4.1: it stands directly after the IPv6 header only.
			if n > 0 || h.Fragment {
				return nil, BadExtension
			}
			if h.RouterAlert, err = extensionOptions(b[2:size]); err != nil {
				return nil, err
			}
		case extensionDestination:
			if _, err = extensionOptions(b[2:size]); err != nil {
				return nil, err
			}
		case extensionRouting:
			// RFC 8200 §4.4: a routing header of a type that is not
			// recognized is ignored only when no segments are left.
			if b[3] != 0 {
				return nil, BadExtension
			}
		case extensionFragment:
			if h.Fragment {
				return nil, BadExtension
			}
			offset := binary.BigEndian.Uint16(b[2:])
			h.Fragment = true
			h.FragmentOffset = int(offset &^ 7)
			h.MoreFragments = offset&1 == 1
			h.FragmentID = binary.BigEndian.Uint32(b[4:])
		}
		h.Next, b = Protocol(b[0]), b[size:]
		if kind == extensionFragment && (h.FragmentOffset > 0 || h.MoreFragments) {
			break
		}
	}
	return b, nil
}

// Reassembled reads the extension headers that stood behind the fragment
// header of an IPv6 packet, when its payload b is put together (RFC 8200
// §4.5). next is IPv6.Next of the first fragment. It returns what the payload
// behind those headers is, and the payload. A second fragment header is
// refused.
func Reassembled(next Protocol, b []byte) (Protocol, []byte, error) {
	h := IPv6{Next: next, Fragment: true}
	payload, err := h.skipExtensions(b)
	if err != nil {
		return 0, nil, err
	}
	return h.Next, payload, nil
}

// extensionOptions walks the options of a hop-by-hop or destination options
// header and reports whether Router Alert is there.
func extensionOptions(b []byte) (alert bool, err error) {
	for len(b) > 0 {
		if b[0] == optionPad1 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || 2+int(b[1]) > len(b) {
			return false, BadExtension
		}
		switch {
		case b[0] == optionPadN:
		case b[0] == optionRouterAlert && b[1] == 2:
			alert = true
		case b[0]>>6 != 0:
			// RFC 8200 §4.2: the two high bits of an option that is not
			// recognized say whether the packet may go on without it.
			return false, BadExtension
		}
		b = b[2+int(b[1]):]
	}
	return alert, nil
}

func (h IPv6) appendExtensions(b []byte) []byte {
	if h.RouterAlert {
		next := h.Next
		if h.Fragment {
			next = extensionFragment
		}
		b = append(b, byte(next), 0, optionRouterAlert, 2, 0, 0, optionPadN, 0)
	}
	if h.Fragment {
		offset := uint16(h.FragmentOffset) &^ 7
		if h.MoreFragments {
			offset |= 1
		}
		b = append(b, byte(h.Next), 0)
		b = binary.BigEndian.AppendUint16(b, offset)
		b = binary.BigEndian.AppendUint32(b, h.FragmentID)
	}
	return b
}
