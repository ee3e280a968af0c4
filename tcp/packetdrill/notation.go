package packetdrill

import (
	"fmt"
	"strings"
	"time"

	"waypost/packet"
)

// String writes a segment as scripts do:
// "> P. 1:1001(1000) ack 1 win 256 <nop,nop,TS val 100 ecr 700>".
func (p *Packet) String() string {
	var b strings.Builder
	if p.Inbound {
		b.WriteString("< ")
	} else {
		b.WriteString("> ")
	}
	if p.SrcPort != 0 || p.DstPort != 0 {
		fmt.Fprintf(&b, "%d>%d ", p.SrcPort, p.DstPort)
	}
	b.WriteString(flagText(p.Flags))
	fmt.Fprintf(&b, " %d:%d(%d)", p.Seq, p.Seq+p.Length, p.Length)
	if p.Flags.Has(packet.ACK) {
		fmt.Fprintf(&b, " ack %d", p.Ack)
	}
	if p.HasWindow {
		fmt.Fprintf(&b, " win %d", p.Window)
	}
	if p.Flags.Has(packet.URG) || p.Urgent != 0 {
		fmt.Fprintf(&b, " urg %d", p.Urgent)
	}
	switch {
	case p.AnyOptions:
		b.WriteString(" <...>")
	case len(p.Options) > 0:
		b.WriteString(" " + optionsText(p.Options))
	}
	return b.String()
}

// flagText writes flags: "S.", "P.", ".", "-".
func flagText(f packet.TCPFlags) string {
	var b []byte
	for _, l := range flagLetters {
		if f.Has(l.flag) {
			b = append(b, l.letter)
		}
	}
	if f.Has(packet.ACK) {
		b = append(b, '.')
	}
	if len(b) == 0 {
		return "-"
	}
	return string(b)
}

// optionsText writes options: "<mss 1460,nop,wscale 7>".
func optionsText(list []TCPOption) string {
	parts := make([]string, len(list))
	for i, o := range list {
		parts[i] = o.String()
	}
	return "<" + strings.Join(parts, ",") + ">"
}

func (o TCPOption) String() string {
	switch o.Kind {
	case OptionMSS, OptionWScale:
		return fmt.Sprintf("%s %d", o.Kind, o.Value)
	case OptionTimestamps:
		return fmt.Sprintf("TS val %d ecr %d", o.Val, o.Ecr)
	case OptionSACK:
		var b strings.Builder
		b.WriteString("sack")
		for _, k := range o.Blocks {
			fmt.Fprintf(&b, " %d:%d", k.Left, k.Right)
		}
		return b.String()
	}
	return string(o.Kind)
}

// String writes an ICMP error as scripts do.
func (u *Unreachable) String() string {
	s := "< icmp unreachable " + u.Code
	if u.Code == "packet_too_big" {
		s = "< icmp packet_too_big"
	}
	if u.MTU != 0 {
		s += fmt.Sprintf(" mtu %d", u.MTU)
	}
	if u.HasSeq {
		s += fmt.Sprintf(" [%d:%d(%d)]", u.Seq, u.Seq+u.Length, u.Length)
	}
	return s
}

// clock writes a time as a script does, in seconds with six digits.
func clock(t time.Duration) string { return fmt.Sprintf("%.6f", t.Seconds()) }
