package packet

import "encoding/binary"

// TCPOptions are the options of a TCP segment. The zero value is a segment
// without any. It is comparable.
type TCPOptions struct {
	MSS            uint16 // RFC 9293 §3.7.1, in bytes; 0: absent
	WindowScale    uint8  // RFC 7323 §2.2, at most MaxWindowScale
	HasWindowScale bool
	SACKPermitted  bool // RFC 2018 §2
	HasTimestamps  bool // RFC 7323 §3.2
	TSVal, TSEcr   uint32
	SACKBlocks     int // how many of SACK are there
	SACK           [MaxSACKBlocks]SACKBlock
}

// SACKBlock is a range of sequence numbers that arrived out of order: from
// Left on, before Right (RFC 2018 §3).
type SACKBlock struct{ Left, Right uint32 }

const (
	// MaxSACKBlocks is what fits in 40 bytes of options (RFC 2018 §3). With
	// timestamps it is three.
	MaxSACKBlocks = 4
	// MaxWindowScale is the largest shift of a window. RFC 7323 §2.3: a
	// larger one that is received is used as 14.
	MaxWindowScale = 14
	// MaxTCPOptions is the room for options in a header, in bytes.
	MaxTCPOptions = 40
)

// The kinds of RFC 9293 §3.2, RFC 7323 and RFC 2018.
const (
	tcpOptionEnd           = 0
	tcpOptionNop           = 1
	tcpOptionMSS           = 2
	tcpOptionWindowScale   = 3
	tcpOptionSACKPermitted = 4
	tcpOptionSACK          = 5
	tcpOptionTimestamps    = 8

	// Two no-operations and the head of a timestamps option: RFC 7323
	// Appendix A shows this layout, and nearly every segment has it.
	timestampsHead = tcpOptionNop<<24 | tcpOptionNop<<16 | tcpOptionTimestamps<<8 | 10
)

// parse reads the options in b. One that is not known, or is known and has
// a length of its own, is skipped; of one that comes twice the last counts.
func (o *TCPOptions) parse(b []byte) error {
	be := binary.BigEndian
	if len(b) == 12 && be.Uint32(b) == timestampsHead {
		o.HasTimestamps, o.TSVal, o.TSEcr = true, be.Uint32(b[4:]), be.Uint32(b[8:])
		return nil
	}
	for len(b) > 0 {
		switch b[0] {
		case tcpOptionEnd:
			return nil
		case tcpOptionNop:
			b = b[1:]
			continue
		}
		// RFC 9293 §3.1 MUST-7: be ready for an illegal length.
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return BadTCPOption
		}
		o.take(b[0], b[2:b[1]])
		b = b[b[1]:]
	}
	return nil
}

// take keeps one option whose data are b.
func (o *TCPOptions) take(kind byte, b []byte) {
	be := binary.BigEndian
	switch {
	case kind == tcpOptionMSS && len(b) == 2:
		o.MSS = be.Uint16(b)
	case kind == tcpOptionWindowScale && len(b) == 1:
		o.HasWindowScale, o.WindowScale = true, min(b[0], MaxWindowScale)
	case kind == tcpOptionSACKPermitted && len(b) == 0:
		o.SACKPermitted = true
	case kind == tcpOptionTimestamps && len(b) == 8:
		o.HasTimestamps, o.TSVal, o.TSEcr = true, be.Uint32(b), be.Uint32(b[4:])
	case kind == tcpOptionSACK && len(b) > 0 && len(b)%8 == 0:
		o.SACK = [MaxSACKBlocks]SACKBlock{}
		o.SACKBlocks = len(b) / 8 // at most (40-2)/8, which is MaxSACKBlocks
		for i := range o.SACKBlocks {
			o.SACK[i] = SACKBlock{be.Uint32(b[8*i:]), be.Uint32(b[8*i+4:])}
		}
	}
}

// blocks returns how many SACK blocks are written: those that there is room
// for.
func (o *TCPOptions) blocks() int {
	room := MaxTCPOptions - 4 // two no-operations, kind, length
	if o.MSS != 0 {
		room -= 4
	}
	if o.HasTimestamps {
		room -= 12
	} else if o.SACKPermitted {
		room -= 4
	}
	if o.HasWindowScale {
		room -= 4
	}
	return max(0, min(o.SACKBlocks, room/8, MaxSACKBlocks))
}

// size returns the length of what append writes.
func (o *TCPOptions) size() int {
	size := 0
	if o.MSS != 0 {
		size += 4
	}
	if o.HasTimestamps {
		size += 12
	} else if o.SACKPermitted {
		size += 4
	}
	if o.HasWindowScale {
		size += 4
	}
	if o.SACKBlocks > 0 {
		if n := o.blocks(); n > 0 {
			size += 4 + 8*n
		}
	}
	return size
}

// append writes the options in the order and with the padding that Linux
// uses: every option begins so that its numbers are aligned, and SACK
// Permitted takes the place of the padding in front of the timestamps. SACK
// blocks that there is no room for are left out.
func (o *TCPOptions) append(b []byte) []byte {
	be := binary.BigEndian
	if o.MSS != 0 {
		b = append(b, tcpOptionMSS, 4)
		b = be.AppendUint16(b, o.MSS)
	}
	if o.SACKPermitted && o.HasTimestamps {
		b = append(b, tcpOptionSACKPermitted, 2, tcpOptionTimestamps, 10)
	} else if o.SACKPermitted {
		b = append(b, tcpOptionNop, tcpOptionNop, tcpOptionSACKPermitted, 2)
	} else if o.HasTimestamps {
		b = be.AppendUint32(b, timestampsHead)
	}
	if o.HasTimestamps {
		b = be.AppendUint32(b, o.TSVal)
		b = be.AppendUint32(b, o.TSEcr)
	}
	if o.HasWindowScale {
		b = append(b, tcpOptionNop, tcpOptionWindowScale, 3, o.WindowScale)
	}
	if o.SACKBlocks > 0 {
		if n := o.blocks(); n > 0 {
			b = append(b, tcpOptionNop, tcpOptionNop, tcpOptionSACK, byte(2+8*n))
			for _, k := range o.SACK[:n] {
				b = be.AppendUint32(b, k.Left)
				b = be.AppendUint32(b, k.Right)
			}
		}
	}
	return b
}
