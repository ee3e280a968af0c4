package trace

import (
	"strings"
	"time"
)

// This file is the catalogue: every kind of event, in the order of the road,
// with its attributes and their prose. Nothing else in waypost declares one.
// After a change run `go test ./trace -update` to write docs/EVENTS.md and
// docs/record.schema.json anew.

// Millis is a duration; in JSON it is a number of milliseconds. Attributes
// of this type have names that end in _ms.
type Millis time.Duration

// entry is one row of the catalogue.
type entry struct {
	fact Fact
	by   string // the stations that note it
	doc  string // when it is noted and what it means
}

var catalogue = []entry{
	{URLParsed{}, "browser", "What was typed became a URL, or went to the search engine. The decision says which."},
	{PolicyDecision{}, "browser", "A rule changed a request, or stopped it, before it was sent. Verdicts: upgrade, block."},
	{CacheDecision{}, "browser", "The private cache, or the memory of permanent redirects, was asked. Verdicts: hit, stale, validate, miss, redirect."},
	{DNSQuery{}, "browser, resolver", "A question left for a server."},
	{DNSReferral{}, "resolver", "A server did not know, and named the servers of a zone nearer to the answer."},
	{DNSAnswer{}, "browser, resolver, authority", "A question was answered: by a server, or by the station's own hosts file, cache or zones. The decision says where the answer came from."},
	{GSLBPick{}, "authority", "The CDN's name server chose an edge for this client. The decision names the winner; ranked lists every edge with its grounds."},
	{ARPResolve{}, "host", "A host of the lab looked for the link address of a neighbour (ARP, or NDP over IPv6), or gave up. The decision says why it asked: the address is on the same subnet, or the route leads through this gateway."},
	{ICMPError{}, "host", "A host of the lab sent or received an ICMP error. The decision holds the clause."},
	{LinkChange{}, "link", "A link of the lab was cut, restored, or given another shape."},
	{LinkLoss{}, "link", "A link of the lab lost, corrupted, doubled or held back a frame. The decision says by which rule."},
	{TCPConnect{}, "browser, edge", "A TCP connection was opened, or could not be. The connection's figures come from TCP_INFO where the system has it."},
	{TCPState{}, "host", "A connection of a lab host changed its state (RFC 9293 §3.3.2). The decision says what moved it."},
	{TCPCongestion{}, "host", "The congestion window or the slow start threshold of a connection changed. The decision says by which rule."},
	{TCPRetransmit{}, "host", "A segment was sent again. The decision says why: timeout, three duplicate acknowledgements, SACK, or a tail loss."},
	{TCPProbe{}, "host", "A probe was sent: of a zero window, or of a peer that has been silent (keepalive)."},
	{TCPDrop{}, "host", "A segment arrived and was not taken. The decision says why."},
	{QUICConnect{}, "browser, edge", "A QUIC connection was opened, or could not be. The TLS handshake is part of it and costs no time of its own; with early data the first request did not wait for it."},
	{TLSHandshake{}, "browser, edge", "A TLS handshake ended. The decision says why the certificate was trusted, or why not."},
	{HTTPRequest{}, "browser", "A request was written to a connection."},
	{LimitDecision{}, "edge", "A request was counted against a limit of the site. Verdicts: allow, refuse."},
	{CORSDecision{}, "edge", "A request came from another origin's page, and the site's rules say whether that may read the answer. Verdicts: allow, refuse."},
	{AccessDecision{}, "edge", "A private site asked for a password or a signed URL. Verdicts: allow, refuse."},
	{CookieDecision{}, "edge", "A host without cookies: what came of them was taken off. Verdict: strip."},
	{EdgeLookup{}, "edge", "The edge's cache was asked. Verdicts: hit, stale, revalidate, miss, pass, collapsed."},
	{OriginFetch{}, "edge", "The edge asked the origin (or a parent), and this is how it went, with the timer that fired where one did."},
	{OriginHealth{}, "edge", "A server of an origin, or a parent, was found ill, or well again: by the requests to it, or by the checks. It stands in a journey of its own. Verdicts: down, up."},
	{CodingDecision{}, "edge", "A response that compresses well was asked for: a stored one, or one that is compressed on its way. Verdicts: encode, identity."},
	{HeaderDecision{}, "edge", "The site's rules changed fields of the request to the origin, or of the response to the client. Verdict: change."},
	{OriginResponse{}, "origin", "The origin's handler finished. Delivered tells whether anybody was still there to read the answer."},
	{EdgeResponse{}, "edge", "The edge had answered its client. The decision tells why not with what is stored, where the origin could not be reached to confirm it. Verdict: miss."},
	{HTTPResponse{}, "browser", "A response was read to its end."},
	{HTTPRedirect{}, "browser, edge", "A response sent the browser elsewhere; the decision says with which method, and whether it will be remembered. At the edge: a rule of the site answered with a redirect, or would have led in a circle (verdict skip)."},
	{DOMParsed{}, "browser", "The document was read and its subresources were found."},
	{PageLoad{}, "browser", "The document and all subresources have arrived, or the load failed."},
	{TCPClose{}, "browser, edge", "A connection was closed."},
	{QUICClose{}, "browser, edge", "A QUIC connection was closed."},
}

// Facts returns a zero fact of every kind, in the order of the road, for those
// who need to know which attributes there are.
func Facts() []Fact {
	facts := make([]Fact, len(catalogue))
	for i := range catalogue {
		facts[i] = catalogue[i].fact
	}
	return facts
}

// URLParsed is what became of the address bar's text.
type URLParsed struct {
	Typed   string   `json:"typed" doc:"the text as typed"`
	URL     string   `json:"url" doc:"the URL that it means, without password"`
	Changes []string `json:"changes,omitempty" doc:"what parsing changed, each in a few words"`
}

// PolicyDecision is a rule that stands above a single request.
type PolicyDecision struct {
	URL    string `json:"url" doc:"the URL wanted"`
	Policy string `json:"policy" doc:"hsts or mixed-content"`
	To     string `json:"to,omitempty" doc:"the URL that takes its place"`
}

// CacheDecision is one look into the browser's memory.
type CacheDecision struct {
	URL      string `json:"url" doc:"the URL looked up"`
	Store    string `json:"store" doc:"private-cache or redirect-memory"`
	To       string `json:"to,omitempty" doc:"where the remembered redirect leads"`
	Age      Millis `json:"age_ms,omitempty" doc:"current age of what was found, RFC 9111 §4.2.3"`
	Lifetime Millis `json:"lifetime_ms,omitempty" doc:"its freshness lifetime, RFC 9111 §4.2.1"`
}

// DNSQuery is one question to one server.
type DNSQuery struct {
	Name      string `json:"name" doc:"the name asked for"`
	Type      string `json:"type" doc:"the record type asked for"`
	Class     string `json:"class" doc:"the class, IN in practice"`
	Server    string `json:"server" doc:"address and port asked"`
	Zone      string `json:"zone,omitempty" doc:"the zone whose server it is, when iterating"`
	Transport string `json:"transport" doc:"udp or tcp"`
	Recursion bool   `json:"recursion" doc:"recursion was desired (RD)"`
	Subnet    string `json:"client_subnet,omitempty" doc:"the client subnet sent along, RFC 7871"`
}

// DNSReferral is a delegation met on the way down from the root.
type DNSReferral struct {
	Name    string   `json:"name" doc:"the name asked for"`
	Type    string   `json:"type" doc:"the record type asked for"`
	Server  string   `json:"server" doc:"address and port that referred"`
	Zone    string   `json:"zone" doc:"the zone delegated"`
	Servers []string `json:"servers" doc:"the zone's name servers"`
	Glue    []string `json:"glue,omitempty" doc:"addresses given along, as name address"`
	TTL     int      `json:"ttl" doc:"seconds that the delegation may be kept"`
}

// DNSAnswer is the end of one question.
type DNSAnswer struct {
	Name          string   `json:"name" doc:"the name asked for"`
	Type          string   `json:"type" doc:"the record type asked for"`
	Rcode         string   `json:"rcode" doc:"NOERROR, NXDOMAIN, SERVFAIL, REFUSED, …; empty when nothing came"`
	Server        string   `json:"server,omitempty" doc:"address and port that answered; absent for the station's own knowledge"`
	Source        string   `json:"source" doc:"hosts, cache, zone, forwarder, iteration, server or gslb"`
	Authoritative bool     `json:"authoritative" doc:"the answer came from the zone's own server (AA), or from a local zone"`
	Answers       []string `json:"answers" doc:"the answer section in presentation form, CNAMEs first"`
	TTL           int      `json:"ttl" doc:"seconds that the answer may be kept; the smallest of its records"`
	Truncated     bool     `json:"truncated,omitempty" doc:"the UDP answer did not fit (TC) and TCP was used"`
	Fault         string   `json:"fault,omitempty" doc:"why there is no answer, RFC 9209 §2.3"`
	Error         string   `json:"error,omitempty" doc:"the failure in words"`
}

// GSLBPick is the choice of an edge for a client.
type GSLBPick struct {
	Name   string      `json:"name" doc:"the CDN name asked for"`
	Client string      `json:"client" doc:"the client subnet or the resolver's address that counted"`
	From   string      `json:"from" doc:"ecs (RFC 7871) or resolver"`
	Region string      `json:"region,omitempty" doc:"the client's region; absent when no subnet of the map matched"`
	Edge   string      `json:"edge" doc:"the edge chosen"`
	Ranked []GSLBGrade `json:"ranked" doc:"all edges, best first"`
	TTL    int         `json:"ttl" doc:"seconds that the answer may be kept"`
}

// GSLBGrade is how one edge fared.
type GSLBGrade struct {
	Edge    string `json:"edge" doc:"the edge"`
	POP     string `json:"pop" doc:"where it stands"`
	Address string `json:"address" doc:"its address"`
	Why     string `json:"why" doc:"its grounds, in the order in which they were weighed"`
}

// ARPResolve is the search for a neighbour's link address.
type ARPResolve struct {
	Interface string `json:"interface" doc:"the interface asked on"`
	Address   string `json:"address" doc:"the IP address wanted"`
	For       string `json:"for,omitempty" doc:"the destination that led to it, where a gateway is asked for"`
	Protocol  string `json:"protocol" doc:"arp (RFC 826) or ndp (RFC 4861)"`
	MAC       string `json:"mac,omitempty" doc:"the link address found; absent when nobody answered"`
	Asked     int    `json:"asked" doc:"requests sent"`
	Fault     string `json:"fault,omitempty" doc:"why it failed, RFC 9209 §2.3"`
}

// ICMPError is an error message of the network layer.
type ICMPError struct {
	Sent    bool   `json:"sent" doc:"this host sent it; otherwise it received it"`
	Peer    string `json:"peer" doc:"who it went to or came from"`
	Message string `json:"message" doc:"what it says, e.g. destination unreachable: port unreachable"`
	About   string `json:"about" doc:"the packet that caused it: protocol, source and destination"`
	MTU     int    `json:"mtu,omitempty" doc:"the next hop's MTU in bytes, where the message tells it"`
}

// LinkChange is another shape of a link.
type LinkChange struct {
	Link  string `json:"link" doc:"the link's two ends, as from-to"`
	Up    bool   `json:"up" doc:"frames pass"`
	Shape string `json:"shape" doc:"its delay, loss and rate in words"`
}

// LinkLoss is what a link did to one frame.
type LinkLoss struct {
	Link  string `json:"link" doc:"the link's two ends, as from-to"`
	Frame string `json:"frame" doc:"the frame in a few words: protocol, ends, flags, sequence numbers"`
	Bytes int    `json:"bytes" doc:"its size on the link"`
	What  string `json:"what" doc:"lost, corrupted, doubled or reordered"`
}

// TCPConnect is the opening of a connection.
type TCPConnect struct {
	Local       string   `json:"local,omitempty" doc:"our address and port"`
	Remote      string   `json:"remote" doc:"the peer's address and port"`
	Host        string   `json:"host" doc:"the name that led here"`
	State       string   `json:"state,omitempty" doc:"state after the handshake, RFC 9293 §3.3.2"`
	RTT         Millis   `json:"rtt_ms,omitempty" doc:"smoothed round-trip time"`
	MSS         int      `json:"mss,omitempty" doc:"payload bytes in a full segment"`
	Cwnd        int      `json:"cwnd,omitempty" doc:"congestion window, in segments"`
	Retransmits int      `json:"retransmits,omitempty" doc:"segments sent again so far"`
	Options     []string `json:"options,omitempty" doc:"TCP options negotiated"`
	Fault       string   `json:"fault,omitempty" doc:"why it failed, RFC 9209 §2.3"`
	Error       string   `json:"error,omitempty" doc:"the failure in words"`
}

// TCPState is one step of a connection's state machine.
type TCPState struct {
	Local  string `json:"local" doc:"our address and port"`
	Remote string `json:"remote" doc:"the peer's address and port"`
	From   string `json:"from" doc:"state before, RFC 9293 §3.3.2"`
	To     string `json:"to" doc:"state after"`
	Seq    uint32 `json:"seq" doc:"next sequence number to send (SND.NXT)"`
	Ack    uint32 `json:"ack" doc:"next sequence number expected (RCV.NXT)"`
}

// TCPCongestion is what the sender allows itself.
type TCPCongestion struct {
	Local      string `json:"local" doc:"our address and port"`
	Remote     string `json:"remote" doc:"the peer's address and port"`
	Algorithm  string `json:"algorithm" doc:"tahoe, reno, newreno or cubic"`
	Phase      string `json:"phase" doc:"slow-start, avoidance or recovery"`
	Cwnd       int    `json:"cwnd" doc:"congestion window, in bytes"`
	Ssthresh   int    `json:"ssthresh,omitempty" doc:"slow start threshold, in bytes; absent while it is not set"`
	Flight     int    `json:"flight" doc:"bytes sent and not acknowledged"`
	PeerWindow int    `json:"peer_window" doc:"the window that the peer offers, in bytes"`
	RTT        Millis `json:"rtt_ms,omitempty" doc:"smoothed round-trip time, RFC 6298"`
	RTO        Millis `json:"rto_ms,omitempty" doc:"retransmission timeout, RFC 6298"`
}

// TCPRetransmit is one segment sent again.
type TCPRetransmit struct {
	Local  string `json:"local" doc:"our address and port"`
	Remote string `json:"remote" doc:"the peer's address and port"`
	Seq    uint32 `json:"seq" doc:"its first sequence number"`
	Bytes  int    `json:"bytes" doc:"its payload"`
	Flags  string `json:"flags" doc:"its control bits, such as SYN or FIN,ACK"`
	Times  int    `json:"times" doc:"how often it has now been sent again"`
	RTO    Millis `json:"rto_ms,omitempty" doc:"the retransmission timeout that follows"`
}

// TCPProbe is a segment sent to hear whether the peer lives.
type TCPProbe struct {
	Local  string `json:"local" doc:"our address and port"`
	Remote string `json:"remote" doc:"the peer's address and port"`
	Probe  string `json:"probe" doc:"window or keepalive"`
	Count  int    `json:"count" doc:"probes sent without an answer, this one included"`
}

// TCPDrop is a segment that was not taken.
type TCPDrop struct {
	Local  string `json:"local" doc:"our address and port"`
	Remote string `json:"remote" doc:"the peer's address and port"`
	State  string `json:"state" doc:"our state, RFC 9293 §3.3.2"`
	Seq    uint32 `json:"seq" doc:"its sequence number"`
	Ack    uint32 `json:"ack,omitempty" doc:"its acknowledgement number"`
	Bytes  int    `json:"bytes" doc:"its payload"`
	Flags  string `json:"flags" doc:"its control bits"`
}

// QUICConnect is the opening of a QUIC connection (RFC 9000 §7).
type QUICConnect struct {
	Local      string `json:"local,omitempty" doc:"our address and port"`
	Remote     string `json:"remote" doc:"the peer's address and port"`
	Host       string `json:"host" doc:"the name that led here"`
	Version    string `json:"version,omitempty" doc:"QUIC version, 1 (RFC 9000) or 2 (RFC 9369)"`
	ALPN       string `json:"alpn,omitempty" doc:"protocol spoken on it"`
	RTT        Millis `json:"rtt_ms,omitempty" doc:"smoothed round-trip time, RFC 9002 §5.3"`
	Cwnd       int    `json:"cwnd,omitempty" doc:"congestion window, in bytes"`
	RoundTrips int    `json:"round_trips" doc:"round trips spent before the first request could leave: 0 with early data, 1, and one more for Retry and for another version"`
	EarlyData  bool   `json:"early_data,omitempty" doc:"early data (0-RTT) was sent and accepted"`
	Retry      bool   `json:"retry,omitempty" doc:"the server had our address validated first, RFC 9000 §8.1.2"`
	Fault      string `json:"fault,omitempty" doc:"why it failed, RFC 9209 §2.3"`
	Error      string `json:"error,omitempty" doc:"the failure in words"`
}

// TLSHandshake is what the two ends agreed on.
type TLSHandshake struct {
	ServerName string   `json:"server_name" doc:"the name asked for (SNI)"`
	Version    string   `json:"version,omitempty" doc:"protocol version"`
	Suite      string   `json:"suite,omitempty" doc:"cipher suite"`
	Group      string   `json:"group,omitempty" doc:"key exchange group"`
	ALPN       string   `json:"alpn,omitempty" doc:"protocol chosen for what follows"`
	Resumed    bool     `json:"resumed" doc:"a session ticket saved the certificate exchange"`
	RoundTrips int      `json:"round_trips,omitempty" doc:"round trips spent before the first request could leave; absent over QUIC, where quic.connect tells them"`
	Chain      []string `json:"chain,omitempty" doc:"the certificates, leaf first: subject, issuer and end of validity"`
	Fault      string   `json:"fault,omitempty" doc:"why it failed, RFC 9209 §2.3"`
	Error      string   `json:"error,omitempty" doc:"the failure in words"`
}

// HTTPRequest is a request as it left.
type HTTPRequest struct {
	Method     string   `json:"method" doc:"request method"`
	URL        string   `json:"url" doc:"request URL"`
	Proto      string   `json:"proto" doc:"HTTP/1.1, HTTP/2 or HTTP/3"`
	Remote     string   `json:"remote" doc:"the peer's address and port"`
	Stream     int      `json:"stream,omitempty" doc:"stream number, HTTP/2 and 3; absent for HTTP/3's first, which is 0"`
	Reused     bool     `json:"reused" doc:"the connection had been used before"`
	Queued     Millis   `json:"queued_ms,omitempty" doc:"time spent waiting for a free connection"`
	Fields     []string `json:"fields" doc:"header fields as sent, secrets redacted"`
	Initiator  string   `json:"initiator,omitempty" doc:"what asked for it: document, stylesheet, script, image, font, fetch"`
	Validators []string `json:"validators,omitempty" doc:"what makes it conditional"`
}

// EdgeLookup is the edge's look into its store.
type EdgeLookup struct {
	Site     string `json:"site" doc:"the virtual host that matched"`
	Method   string `json:"method" doc:"request method"`
	URL      string `json:"url" doc:"request URL"`
	Key      string `json:"key" doc:"the cache key"`
	Disk     bool   `json:"disk,omitempty" doc:"it was not in memory, and was brought back from the disk"`
	Age      Millis `json:"age_ms,omitempty" doc:"current age of what was found, RFC 9111 §4.2.3"`
	Lifetime Millis `json:"lifetime_ms,omitempty" doc:"its freshness lifetime, RFC 9111 §4.2.1"`
}

// OriginHealth is a turn in the health of one of an origin's servers.
type OriginHealth struct {
	Site      string `json:"site" doc:"the virtual host that it serves"`
	Origin    string `json:"origin" doc:"the server as configured"`
	By        string `json:"by" doc:"who found out: requests or checks"`
	InARow    int    `json:"in_a_row" doc:"failures, or checks, one after the other that decided"`
	LeftAlone Millis `json:"left_alone_ms,omitempty" doc:"how long it is not asked now, if there is another"`
	Error     string `json:"error,omitempty" doc:"the latest failure in words"`
}

// OriginFetch is one trip from the edge to the origin.
type OriginFetch struct {
	Origin    string `json:"origin" doc:"the upstream as configured"`
	Remote    string `json:"remote,omitempty" doc:"address and port used"`
	Method    string `json:"method" doc:"request method"`
	URL       string `json:"url" doc:"URL asked for"`
	Proto     string `json:"proto,omitempty" doc:"protocol spoken"`
	Status    int    `json:"status,omitempty" doc:"response status; absent when none came"`
	Reused    bool   `json:"reused" doc:"the connection had been used before"`
	FirstByte Millis `json:"first_byte_ms,omitempty" doc:"from the request to the response head"`
	Bytes     int64  `json:"bytes" doc:"body bytes received"`
	Attempts  int    `json:"attempts" doc:"tries made, the successful one included"`
	Stored    bool   `json:"stored" doc:"the response was put into the cache; the decision says why or why not"`
	Timer     string `json:"timer,omitempty" doc:"the timer that fired, with its setting"`
	Fault     string `json:"fault,omitempty" doc:"why it failed, RFC 9209 §2.3"`
	Error     string `json:"error,omitempty" doc:"the failure in words"`
}

// OriginResponse is the origin's own account of a request.
type OriginResponse struct {
	Method    string `json:"method" doc:"request method"`
	Target    string `json:"target" doc:"request target"`
	Handler   string `json:"handler" doc:"what answered: file, api, events, …"`
	Status    int    `json:"status" doc:"the status that the handler finished with"`
	Bytes     int64  `json:"bytes" doc:"body bytes written"`
	Delivered bool   `json:"delivered" doc:"the client was still there when the answer was ready"`
	Left      Millis `json:"client_left_ms,omitempty" doc:"when the client went away, counted from the request's arrival"`
}

// EdgeResponse is what the edge sent.
type EdgeResponse struct {
	Status      int    `json:"status" doc:"response status"`
	Bytes       int64  `json:"bytes" doc:"body bytes sent"`
	CacheStatus string `json:"cache_status,omitempty" doc:"the Cache-Status field sent, RFC 9211"`
	ProxyStatus string `json:"proxy_status,omitempty" doc:"the Proxy-Status field sent, RFC 9209"`
	Fault       string `json:"fault,omitempty" doc:"why delivery ended early, RFC 9209 §2.3"`
}

// HTTPResponse is a response as it arrived.
type HTTPResponse struct {
	URL         string   `json:"url" doc:"the URL it answers"`
	Status      int      `json:"status" doc:"response status"`
	Proto       string   `json:"proto" doc:"protocol spoken, or cache"`
	ContentType string   `json:"content_type,omitempty" doc:"media type"`
	Coding      string   `json:"coding,omitempty" doc:"content coding undone"`
	FirstByte   Millis   `json:"first_byte_ms,omitempty" doc:"from the request to the response head"`
	Bytes       int64    `json:"bytes" doc:"body bytes as transferred"`
	Decoded     int64    `json:"decoded_bytes,omitempty" doc:"body bytes after decoding, where a coding was undone"`
	FramedBy    string   `json:"framed_by" doc:"how the end was known: content-length, chunked, close, end_stream or no-body"`
	Fields      []string `json:"fields" doc:"header fields as received, secrets redacted"`
	Informed    []int    `json:"interim,omitempty" doc:"interim responses that came first"`
	Fault       string   `json:"fault,omitempty" doc:"why it broke off, RFC 9209 §2.3"`
	Error       string   `json:"error,omitempty" doc:"the failure in words"`
}

// HTTPRedirect is a turn of the way.
type HTTPRedirect struct {
	Status int    `json:"status" doc:"redirect status"`
	From   string `json:"from" doc:"URL that redirected"`
	To     string `json:"to" doc:"URL that follows"`
	Method string `json:"method" doc:"method of the next request"`
	Count  int    `json:"count" doc:"redirects followed so far; 0 at an edge, which cannot know"`
}

// DOMParsed is what the document asks for.
type DOMParsed struct {
	URL       string     `json:"url" doc:"the document"`
	Title     string     `json:"title,omitempty" doc:"its title"`
	Resources []Resource `json:"resources" doc:"subresources in document order"`
}

// Resource is one subresource found in a document or a stylesheet.
type Resource struct {
	URL  string `json:"url" doc:"absolute URL"`
	As   string `json:"as" doc:"stylesheet, script, image, font, icon, frame"`
	How  string `json:"how,omitempty" doc:"sync, async, defer, module, preload, lazy"`
	From string `json:"from" doc:"the element or rule that named it"`
}

// PageLoad is the sum of a load.
type PageLoad struct {
	URL       string `json:"url" doc:"the document's final URL"`
	Status    int    `json:"status,omitempty" doc:"the document's status"`
	Resources int    `json:"resources" doc:"subresources wanted"`
	Failed    int    `json:"failed,omitempty" doc:"subresources that failed"`
	Requests  int    `json:"requests" doc:"requests that went over the network"`
	Cached    int    `json:"cached" doc:"responses taken from the private cache without a request"`
	Bytes     int64  `json:"bytes" doc:"body bytes transferred"`
	Fault     string `json:"fault,omitempty" doc:"why the load failed, RFC 9209 §2.3"`
	Error     string `json:"error,omitempty" doc:"the failure in words"`
}

// TCPClose is the end of a connection.
type TCPClose struct {
	Local       string `json:"local,omitempty" doc:"our address and port"`
	Remote      string `json:"remote" doc:"the peer's address and port"`
	By          string `json:"by" doc:"who closed: us or peer"`
	Requests    int    `json:"requests" doc:"requests that the connection carried"`
	Sent        int64  `json:"sent,omitempty" doc:"payload bytes acknowledged"`
	Received    int64  `json:"received,omitempty" doc:"payload bytes received"`
	RTT         Millis `json:"rtt_ms,omitempty" doc:"smoothed round-trip time at the end"`
	Cwnd        int    `json:"cwnd,omitempty" doc:"congestion window at the end, in segments"`
	Retransmits int    `json:"retransmits,omitempty" doc:"segments sent again over its life"`
}

// QUICClose is the end of a QUIC connection.
type QUICClose struct {
	Local    string `json:"local,omitempty" doc:"our address and port"`
	Remote   string `json:"remote" doc:"the peer's address and port"`
	By       string `json:"by" doc:"who closed: us or peer"`
	Requests int    `json:"requests" doc:"requests that the connection carried"`
	Sent     int64  `json:"sent,omitempty" doc:"bytes sent in UDP datagrams"`
	Received int64  `json:"received,omitempty" doc:"bytes received in UDP datagrams"`
	RTT      Millis `json:"rtt_ms,omitempty" doc:"smoothed round-trip time at the end"`
	Cwnd     int    `json:"cwnd,omitempty" doc:"congestion window at the end, in bytes"`
	Lost     int64  `json:"lost,omitempty" doc:"packets of ours declared lost over its life"`
}

// The kinds of the catalogue.
const (
	KindURLParsed      Kind = "url.parsed"
	KindPolicyDecision Kind = "policy.decision"
	KindCacheDecision  Kind = "cache.decision"
	KindDNSQuery       Kind = "dns.query"
	KindDNSReferral    Kind = "dns.referral"
	KindDNSAnswer      Kind = "dns.answer"
	KindGSLBPick       Kind = "gslb.pick"
	KindTCPConnect     Kind = "tcp.connect"
	KindARPResolve     Kind = "arp.resolve"
	KindICMPError      Kind = "icmp.error"
	KindLinkChange     Kind = "link.change"
	KindLinkLoss       Kind = "link.loss"
	KindTCPState       Kind = "tcp.state"
	KindTCPCongestion  Kind = "tcp.congestion"
	KindTCPRetransmit  Kind = "tcp.retransmit"
	KindTCPProbe       Kind = "tcp.probe"
	KindTCPDrop        Kind = "tcp.drop"
	KindQUICConnect    Kind = "quic.connect"
	KindTLSHandshake   Kind = "tls.handshake"
	KindHTTPRequest    Kind = "http.request"
	KindEdgeLookup     Kind = "edge.lookup"
	KindOriginFetch    Kind = "origin.fetch"
	KindOriginHealth   Kind = "origin.health"
	KindOriginResponse Kind = "origin.response"
	KindEdgeResponse   Kind = "edge.response"
	KindHTTPResponse   Kind = "http.response"
	KindHTTPRedirect   Kind = "http.redirect"
	KindDOMParsed      Kind = "dom.parsed"
	KindPageLoad       Kind = "page.load"
	KindTCPClose       Kind = "tcp.close"
	KindQUICClose      Kind = "quic.close"
)

// Kind implements [Fact].
func (URLParsed) Kind() Kind      { return KindURLParsed }
func (PolicyDecision) Kind() Kind { return KindPolicyDecision }
func (CacheDecision) Kind() Kind  { return KindCacheDecision }
func (DNSQuery) Kind() Kind       { return KindDNSQuery }
func (DNSReferral) Kind() Kind    { return KindDNSReferral }
func (DNSAnswer) Kind() Kind      { return KindDNSAnswer }
func (GSLBPick) Kind() Kind       { return KindGSLBPick }
func (TCPConnect) Kind() Kind     { return KindTCPConnect }
func (ARPResolve) Kind() Kind     { return KindARPResolve }
func (ICMPError) Kind() Kind      { return KindICMPError }
func (LinkChange) Kind() Kind     { return KindLinkChange }
func (LinkLoss) Kind() Kind       { return KindLinkLoss }
func (TCPState) Kind() Kind       { return KindTCPState }
func (TCPCongestion) Kind() Kind  { return KindTCPCongestion }
func (TCPRetransmit) Kind() Kind  { return KindTCPRetransmit }
func (TCPProbe) Kind() Kind       { return KindTCPProbe }
func (TCPDrop) Kind() Kind        { return KindTCPDrop }
func (QUICConnect) Kind() Kind    { return KindQUICConnect }
func (TLSHandshake) Kind() Kind   { return KindTLSHandshake }
func (HTTPRequest) Kind() Kind    { return KindHTTPRequest }
func (EdgeLookup) Kind() Kind     { return KindEdgeLookup }
func (OriginFetch) Kind() Kind    { return KindOriginFetch }
func (OriginHealth) Kind() Kind   { return KindOriginHealth }
func (OriginResponse) Kind() Kind { return KindOriginResponse }
func (EdgeResponse) Kind() Kind   { return KindEdgeResponse }
func (HTTPResponse) Kind() Kind   { return KindHTTPResponse }
func (HTTPRedirect) Kind() Kind   { return KindHTTPRedirect }
func (DOMParsed) Kind() Kind      { return KindDOMParsed }
func (PageLoad) Kind() Kind       { return KindPageLoad }
func (TCPClose) Kind() Kind       { return KindTCPClose }
func (QUICClose) Kind() Kind      { return KindQUICClose }

// Redacted returns a header field for the record as "name: value", with the
// value withheld where the field carries a secret.
func Redacted(name, value string) string {
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization", "cookie", "set-cookie":
		return name + ": (withheld)"
	}
	return name + ": " + value
}
