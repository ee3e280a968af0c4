package journey

import (
	"reflect"
	"time"

	"waypost/http/field"
	"waypost/trace"
)

// noun is what an expectation can speak about: the facts of the catalogue,
// by their kinds, and what follows here.
type noun struct {
	name   string
	shape  reflect.Type
	target string // what must be named behind it: "link", "host", "connection", "result" (may be left out); "" for nothing
	moment bool   // it happens at a time, in an order; otherwise it is a state
	doc    string
}

// nouns besides the catalogue's kinds.
var nouns = []noun{
	{"frame", reflect.TypeFor[Frame](), "link", true, "a frame on a link (a>b: in that direction only), lost ones too"},
	{"response", reflect.TypeFor[Response](), "result", false, "what load or fetch came to"},
	{"answer", reflect.TypeFor[Answer](), "result", false, "what resolve came to"},
	{"echo", reflect.TypeFor[Echo](), "result", false, "what ping came to"},
	{"purged", reflect.TypeFor[Purged](), "result", false, "what purge came to"},
	{"connection", reflect.TypeFor[Connection](), "connection", false, "a socket of the script's own: its state and counters"},
	{"socket", reflect.TypeFor[Socket](), "host", false, "the sockets of a host, as netstat shows them"},
	{"neighbour", reflect.TypeFor[Neighbour](), "host", false, "the neighbours of a host, as ip neighbour shows them"},
	{"link", reflect.TypeFor[Traffic](), "link", false, "what a link has carried so far (a>b: in that direction only)"},
}

// findNoun returns the noun of that name.
func findNoun(name string) (noun, bool) {
	for _, n := range nouns {
		if n.name == name {
			return n, true
		}
	}
	for _, f := range trace.Facts() {
		if string(f.Kind()) == name {
			return noun{name: name, shape: reflect.TypeOf(f), moment: true}, true
		}
	}
	return noun{}, false
}

func nounNames() []string {
	var names []string
	for _, n := range nouns {
		names = append(names, n.name)
	}
	return append(names, kinds()...)
}

// Frame is a frame on a link as expectations see it. Numbers of a TCP
// connection count from its first SYN, as far as that was seen.
type Frame struct {
	Link     string `json:"link" doc:"the link's name"`
	From     string `json:"from" doc:"the end that sent it"`
	To       string `json:"to" doc:"the other end"`
	Lost     bool   `json:"lost" doc:"it did not arrive"`
	Why      string `json:"why" doc:"why it was lost"`
	Bytes    int    `json:"bytes" doc:"its length on the wire"`
	Protocol string `json:"protocol" doc:"tcp, udp, icmp, igmp, icmpv6, arp, or a number"`
	Src      string `json:"src" doc:"source IP address; for ARP the sender's"`
	Dst      string `json:"dst" doc:"destination IP address; for ARP the target's"`
	SrcPort  int    `json:"sport" doc:"source port"`
	DstPort  int    `json:"dport" doc:"destination port"`
	SrcMAC   string `json:"smac" doc:"source link address"`
	DstMAC   string `json:"dmac" doc:"destination link address"`
	TTL      int    `json:"ttl" doc:"time to live, or hop limit"`
	Payload  int    `json:"payload" doc:"bytes of TCP or UDP payload"`
	Data     string `json:"data" doc:"that payload"`
	Flags    string `json:"flags" doc:"TCP control bits such as SYN,ACK"`
	Seq      uint32 `json:"seq" doc:"sequence number"`
	Ack      uint32 `json:"ack" doc:"acknowledgement number"`
	Window   int    `json:"window" doc:"receive window in bytes, scaled"`
	MSS      int    `json:"mss" doc:"MSS option; 0 without"`
	SACK     int    `json:"sack" doc:"SACK blocks"`
	Text     string `json:"text" doc:"all of it in a few words"`
}

// Response is what a load or a fetch came to.
type Response struct {
	Status    int           `json:"status" doc:"response status; 0 when none came"`
	Proto     string        `json:"proto" doc:"HTTP/1.1, HTTP/2 or HTTP/3; fetch only"`
	URL       string        `json:"url" doc:"the final URL"`
	Header    field.Fields  `json:"header" doc:"header fields: header.NAME; fetch only"`
	Body      string        `json:"body" doc:"the body, content codings undone by load"`
	Size      int           `json:"size" doc:"its length in bytes"`
	SHA256    string        `json:"sha256" doc:"its SHA-256, in hexadecimal digits"`
	Interim   []int         `json:"interim" doc:"interim responses that came first; fetch only"`
	Remote    string        `json:"remote" doc:"the peer's address and port; fetch only"`
	Reused    bool          `json:"reused" doc:"the connection had been used before; fetch only"`
	Took      time.Duration `json:"took" doc:"from the action's start to its end"`
	FirstByte time.Duration `json:"first_byte" doc:"from the request to the response head; fetch only"`
	Title     string        `json:"title" doc:"the document's title; load only"`
	Resources int           `json:"resources" doc:"subresources wanted; load only"`
	Failed    int           `json:"failed" doc:"subresources that failed; load only"`
	Requests  int           `json:"requests" doc:"requests that went over the network; load only"`
	Cached    int           `json:"cached" doc:"responses from the private cache; load only"`
	Redirects int           `json:"redirects" doc:"redirects of the document followed; load only"`
	Bytes     int64         `json:"bytes" doc:"body bytes transferred, subresources included"`
	Fault     string        `json:"fault" doc:"why it failed, RFC 9209 §2.3"`
	Error     string        `json:"error" doc:"the failure in words"`
}

// Answer is what resolve came to.
type Answer struct {
	Rcode         string        `json:"rcode" doc:"NOERROR, NXDOMAIN, SERVFAIL, REFUSED, …"`
	Answers       []string      `json:"answers" doc:"the records in presentation form, CNAMEs first"`
	Addresses     []string      `json:"addresses" doc:"the addresses among them"`
	TTL           time.Duration `json:"ttl" doc:"how long it may be kept"`
	Source        string        `json:"source" doc:"hosts, cache, zone, forwarder, iteration; server when one was asked"`
	Server        string        `json:"server" doc:"who answered"`
	Authoritative bool          `json:"authoritative" doc:"the zone's own server said so (AA)"`
	Transport     string        `json:"transport" doc:"udp or tcp, when a server was asked"`
	Size          int           `json:"size" doc:"bytes of the message, when a server was asked"`
	Fault         string        `json:"fault" doc:"why there is none, RFC 9209 §2.3"`
	Error         string        `json:"error" doc:"the failure in words"`
}

// Echo is what ping came to.
type Echo struct {
	RTT   time.Duration `json:"rtt" doc:"round-trip time"`
	Fault string        `json:"fault" doc:"why there is none, RFC 9209 §2.3"`
	Error string        `json:"error" doc:"the failure in words"`
}

// Purged is what purge came to.
type Purged struct {
	Objects int    `json:"objects" doc:"objects dropped"`
	Error   string `json:"error" doc:"the failure in words"`
}

// Connection is a socket of the script's own.
type Connection struct {
	State       string        `json:"state" doc:"TCP state, RFC 9293 §3.3.2; OPEN or CLOSED for UDP"`
	Local       string        `json:"local" doc:"its address and port"`
	Remote      string        `json:"remote" doc:"the peer's"`
	Sent        int64         `json:"sent" doc:"bytes that send handed over"`
	Received    int64         `json:"received" doc:"bytes that read took"`
	Text        string        `json:"text" doc:"what the last read with until took"`
	Acked       int64         `json:"acked" doc:"bytes that the peer has acknowledged"`
	Unread      int           `json:"unread" doc:"bytes that wait to be read"`
	Cwnd        int           `json:"cwnd" doc:"congestion window, in segments"`
	Ssthresh    int           `json:"ssthresh" doc:"slow start threshold, in segments; 0 while not set"`
	RTT         time.Duration `json:"rtt" doc:"smoothed round-trip time"`
	MSS         int           `json:"mss" doc:"payload bytes of a full segment"`
	Retransmits int           `json:"retransmits" doc:"segments sent again"`
	Options     []string      `json:"options" doc:"TCP options negotiated"`
	Error       string        `json:"error" doc:"what ended it"`
}

// Socket is one line of a host's netstat.
type Socket struct {
	Protocol string `json:"protocol" doc:"tcp or udp"`
	Local    string `json:"local" doc:"its address and port"`
	Remote   string `json:"remote" doc:"the peer's; empty for listeners"`
	State    string `json:"state" doc:"RFC 9293 §3.3.2"`
	Unread   int    `json:"unread" doc:"bytes that wait to be read"`
	Unacked  int    `json:"unacked" doc:"bytes that the peer has not acknowledged"`
}

// Neighbour is one line of a host's table of link addresses.
type Neighbour struct {
	Address string `json:"address" doc:"IP address"`
	MAC     string `json:"mac" doc:"its link address"`
	State   string `json:"state" doc:"reachable, stale, probing, failed"`
}

// Traffic is what a link has carried.
type Traffic struct {
	Frames  int64 `json:"frames" doc:"frames sent into it"`
	Bytes   int64 `json:"bytes" doc:"their bytes"`
	Lost    int64 `json:"lost" doc:"frames that did not arrive"`
	Arrived int64 `json:"arrived" doc:"bytes that arrived"`
}
