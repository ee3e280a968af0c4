package packetdrill

import (
	"time"

	"waypost/packet"
)

// Script is a parsed script: options, a command before the first event, the
// events in the order in which they happen. A last command that cleans up the
// machine means nothing here and is not kept.
type Script struct {
	Name    string // the file's name, for messages
	Options []Option
	Init    string // the shell command before the first event; empty: none
	Events  []Event
}

// Option is a line like --tolerance_usecs=10000.
type Option struct {
	Line        int
	Name, Value string
}

// Event is one step of a script.
type Event struct {
	Line   int
	When   When
	Action Action
}

// TimeKind says how the time of an event is written.
type TimeKind uint8

// The kinds of times.
const (
	Absolute      TimeKind = iota // 0.100: since the start of the script
	Relative                      // +.1: since the event before
	Anytime                       // *: whenever it comes
	AbsoluteRange                 // 0.1~0.2
	RelativeRange                 // +.1~+.2
)

// When is the time of an event: From, and for ranges To.
type When struct {
	Kind     TimeKind
	From, To time.Duration
}

// Action is what happens in an event: *Packet, *Unreachable, *Call, Command or
// *Code.
type Action interface{ action() }

func (*Packet) action()      {}
func (*Unreachable) action() {}
func (*Call) action()        {}
func (Command) action()      {}
func (*Code) action()        {}

// Packet is a TCP segment as a script writes it. Sequence numbers count from
// the initial sequence number, except in a SYN, which says its own.
type Packet struct {
	Inbound          bool // "<": the runner sends it; ">": it is expected
	SrcPort, DstPort uint16
	Flags            packet.TCPFlags
	Seq, Length      uint32
	Ack              uint32
	Window           uint16
	HasWindow        bool // without one, a window is not compared
	Urgent           uint16
	Options          []TCPOption
	AnyOptions       bool // "<...>": options are not compared
}

// OptionKind is a kind of TCP option, by its word in the language.
type OptionKind string

// The options of the subset.
const (
	OptionEnd        OptionKind = "eol"
	OptionNop        OptionKind = "nop"
	OptionMSS        OptionKind = "mss"
	OptionWScale     OptionKind = "wscale"
	OptionSACKOK     OptionKind = "sackOK"
	OptionSACK       OptionKind = "sack"
	OptionTimestamps OptionKind = "TS"
)

// TCPOption is one option of a segment.
type TCPOption struct {
	Kind     OptionKind
	Value    uint32 // of mss and wscale
	Val, Ecr uint32 // of TS
	Blocks   []packet.SACKBlock
}

// Unreachable is an ICMP error that comes in and quotes a segment of ours.
type Unreachable struct {
	Code        string // "frag_needed", "host_unreachable", …
	MTU         int    // next-hop MTU in bytes, of frag_needed and packet too big
	Seq, Length uint32 // the quoted segment
	HasSeq      bool
}

// Call is a system call with what it must return.
type Call struct {
	Name   string
	Args   []Expr
	Blocks bool          // it was written with "...": it takes until End
	End    time.Duration // on the scale of the event's time
	Result Expr
	Errno  string // "EAGAIN"; empty: none
}

// Command is a shell command between backquotes.
type Command string

// ExprKind is a kind of expression.
type ExprKind uint8

// The kinds of expressions.
const (
	ExprAny    ExprKind = iota // ...
	ExprNumber                 // 5, 0x2
	ExprWord                   // SOCK_STREAM
	ExprString                 // "reno"
	ExprOr                     // O_RDWR|O_NONBLOCK
	ExprAssign                 // name=value
	ExprList                   // [1, 2]
	ExprStruct                 // {fd=4, events=POLLIN}
	ExprApply                  // htons(80)
)

// Expr is an argument or a result of a call.
type Expr struct {
	Kind ExprKind
	Num  int64  // of ExprNumber
	Text string // of ExprWord and ExprString; the name of ExprAssign and ExprApply
	List []Expr // the parts of all other kinds; the one value of ExprAssign
}

// Code is a snippet between %{ and }%.
type Code struct {
	Text       string
	statements []statement
}
