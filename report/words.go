package report

import (
	"fmt"
	"strings"
	"time"

	"waypost/trace"
)

// words says what happened in one event, without its decision.
func words(f trace.Fact) string {
	switch f := f.(type) {
	case trace.URLParsed:
		return urlParsed(f)
	case trace.PolicyDecision:
		return join(" → ", f.Policy+" for "+f.URL, f.To)
	case trace.CacheDecision:
		return join(" · ", join(" → ", f.Store+" for "+f.URL, f.To), ages(f.Age, f.Lifetime))
	case trace.DNSQuery:
		return dnsQuery(f)
	case trace.DNSReferral:
		return join(" ", f.Zone, "is served by", strings.Join(f.Servers, ", "), parens(strings.Join(f.Glue, ", ")))
	case trace.DNSAnswer:
		return dnsAnswer(f)
	case trace.GSLBPick:
		return fmt.Sprintf("%s gets %s · client %s (%s)%s · ttl %d s", f.Name, f.Edge, f.Client, f.From, prefixed(", region ", f.Region), f.TTL)
	case trace.TCPConnect:
		return tcpConnect(f)
	case trace.ARPResolve, trace.ICMPError, trace.LinkChange, trace.LinkLoss,
		trace.TCPState, trace.TCPCongestion, trace.TCPRetransmit, trace.TCPProbe, trace.TCPDrop:
		return labWords(f)
	case trace.QUICConnect:
		return quicConnect(f)
	case trace.TLSHandshake:
		return tlsHandshake(f)
	case trace.HTTPRequest:
		return httpRequest(f)
	case trace.LimitDecision, trace.CORSDecision, trace.AccessDecision,
		trace.CookieDecision, trace.HeaderDecision, trace.CodingDecision:
		return ruleWords(f)
	case trace.EdgeLookup:
		return join(" · ", f.Method+" "+f.URL, "site "+f.Site, ages(f.Age, f.Lifetime))
	case trace.OriginFetch:
		return originFetch(f)
	case trace.OriginHealth:
		return join(" · ", f.Origin, "by "+f.By+": "+fmt.Sprint(f.InARow)+" in a row", leftAlone(f.LeftAlone), f.Error)
	case trace.OriginResponse:
		return originResponse(f)
	case trace.EdgeResponse:
		return join(" · ", status(f.Status), size(f.Bytes), prefixed("Cache-Status: ", f.CacheStatus), prefixed("Proxy-Status: ", f.ProxyStatus), f.Fault)
	case trace.HTTPResponse:
		return httpResponse(f)
	case trace.HTTPRedirect:
		return fmt.Sprintf("%s: %s → %s %s", status(f.Status), f.From, f.Method, f.To)
	case trace.DOMParsed:
		return join(" · ", quoted(f.Title), count(len(f.Resources), "subresource")+" found in "+f.URL)
	case trace.PageLoad:
		return pageLoad(f)
	case trace.TCPClose:
		return join(" · ", "closed by "+f.By+" after "+count(f.Requests, "request"), f.Remote, both(f.Sent, f.Received), retransmits(f.Retransmits))
	case trace.QUICClose:
		return quicClose(f)
	}
	return string(f.Kind())
}

func urlParsed(f trace.URLParsed) string {
	s := fmt.Sprintf("%q", f.Typed)
	if f.URL != "" && f.URL != f.Typed {
		s += " → " + f.URL
	}
	return join(" · ", s, strings.Join(f.Changes, ", "))
}

func dnsQuery(f trace.DNSQuery) string {
	s := fmt.Sprintf("%s %s? → %s", f.Name, f.Type, f.Server)
	if f.Zone != "" {
		s += " of zone " + f.Zone
	}
	return join(" · ", s, f.Transport, prefixed("client subnet ", f.Subnet))
}

func dnsAnswer(f trace.DNSAnswer) string {
	what := f.Rcode
	if len(f.Answers) > 0 {
		what = strings.Join(f.Answers, ", ")
	} else if f.Rcode == "NOERROR" && f.Authoritative {
		what = "no such record"
	} else if f.Rcode == "NOERROR" {
		what = "no record"
	}
	authority := "not authoritative"
	if f.Authoritative {
		authority = "authoritative"
	}
	truncated := ""
	if f.Truncated {
		truncated = "truncated over UDP, then TCP"
	}
	return join(" · ", fmt.Sprintf("%s %s: %s", f.Name, f.Type, what), prefixed("from ", f.Server), authority, fmt.Sprintf("ttl %d s", f.TTL), truncated, failure(f.Fault, f.Error))
}

func tcpConnect(f trace.TCPConnect) string {
	rtt, cwnd := "", ""
	if f.RTT > 0 {
		rtt = "rtt " + ms(time.Duration(f.RTT))
	}
	if f.Cwnd > 0 {
		cwnd = fmt.Sprintf("cwnd %d × %d bytes", f.Cwnd, f.MSS)
	}
	return join(" · ", join(" → ", f.Local, f.Remote), f.State, rtt, cwnd, strings.Join(f.Options, " "), retransmits(f.Retransmits), failure(f.Fault, f.Error))
}

func tlsHandshake(f trace.TLSHandshake) string {
	resumed, trips := "", ""
	if f.Resumed {
		resumed = "resumed"
	}
	if f.RoundTrips > 0 {
		trips = count(f.RoundTrips, "round trip")
	}
	return join(" · ", f.ServerName, f.Version, f.Suite, f.Group, prefixed("alpn ", f.ALPN), resumed, trips, failure(f.Fault, f.Error))
}

func httpRequest(f trace.HTTPRequest) string {
	over := f.Proto + " to " + f.Remote
	if f.Stream > 0 || f.Proto == "HTTP/3" {
		over = fmt.Sprintf("%s stream %d to %s", f.Proto, f.Stream, f.Remote)
	}
	reused, queued := "new connection", ""
	if f.Reused {
		reused = "reused connection"
	}
	if f.Queued > 0 {
		queued = "waited " + ms(time.Duration(f.Queued)) + " for a connection"
	}
	return join(" · ", f.Method+" "+f.URL, over, reused, queued, prefixed("conditional: ", strings.Join(f.Validators, ", ")))
}

func originFetch(f trace.OriginFetch) string {
	result := status(f.Status)
	if f.Status == 0 {
		result = "no answer"
	}
	attempts, first := "", ""
	if f.Attempts > 1 {
		attempts = count(f.Attempts, "attempt")
	}
	if f.FirstByte > 0 {
		first = "first byte after " + ms(time.Duration(f.FirstByte))
	}
	return join(" · ", fmt.Sprintf("%s %s → %s", f.Method, f.URL, result), join(" ", f.Proto, prefixed("to ", f.Remote)), size(f.Bytes), first, attempts, prefixed("timer: ", f.Timer), failure(f.Fault, f.Error))
}

func leftAlone(d trace.Millis) string {
	if d == 0 {
		return ""
	}
	return "left alone for " + ms(time.Duration(d))
}

func originResponse(f trace.OriginResponse) string {
	left := ""
	if !f.Delivered && f.Left > 0 {
		left = "the client had left after " + ms(time.Duration(f.Left))
	}
	return join(" · ", fmt.Sprintf("%s %s → %s", f.Method, f.Target, status(f.Status)), "handler "+f.Handler, size(f.Bytes), left)
}

func httpResponse(f trace.HTTPResponse) string {
	decoded := ""
	if f.Coding != "" {
		decoded = fmt.Sprintf("%s, %s decoded", f.Coding, size(f.Decoded))
	}
	first := ""
	if f.FirstByte > 0 {
		first = "first byte after " + ms(time.Duration(f.FirstByte))
	}
	informed := ""
	for _, i := range f.Informed {
		informed = join(", ", informed, status(i))
	}
	return join(" · ", status(f.Status)+" "+f.URL, f.ContentType, size(f.Bytes), decoded, "end by "+f.FramedBy, first, prefixed("before it ", informed), failure(f.Fault, f.Error))
}

func pageLoad(f trace.PageLoad) string {
	failed := ""
	if f.Failed > 0 {
		failed = fmt.Sprintf("%d failed", f.Failed)
	}
	return join(" · ", status(f.Status)+" "+f.URL, count(f.Resources, "subresource"), count(f.Requests, "request"), fmt.Sprintf("%d from the private cache", f.Cached), size(f.Bytes), failed, failure(f.Fault, f.Error))
}

// names of the statuses that people meet (RFC 9110 §15, RFC 8297).
var statusNames = map[int]string{
	100: "Continue", 101: "Switching Protocols", 103: "Early Hints",
	200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content",
	301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
	400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
	410: "Gone", 412: "Precondition Failed", 413: "Content Too Large", 415: "Unsupported Media Type", 416: "Range Not Satisfiable",
	421: "Misdirected Request", 422: "Unprocessable Content", 425: "Too Early", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
	500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 508: "Loop Detected",
}

func status(code int) string {
	if code == 0 {
		return ""
	}
	return join(" ", fmt.Sprint(code), statusNames[code])
}

func ages(age, lifetime trace.Millis) string {
	if lifetime == 0 && age == 0 {
		return ""
	}
	return fmt.Sprintf("age %s of %s", seconds(age), seconds(lifetime))
}

func seconds(m trace.Millis) string {
	d := time.Duration(m)
	if d < 10*time.Second && d%time.Second != 0 {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

func both(sent, received int64) string {
	if sent == 0 && received == 0 {
		return ""
	}
	return fmt.Sprintf("%s out, %s in", size(sent), size(received))
}

func retransmits(n int) string {
	if n == 0 {
		return ""
	}
	return count(n, "retransmit")
}

func failure(fault, text string) string { return join(": ", fault, text) }

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "“" + s + "”"
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func parens(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// join joins the parts that are not empty.
func join(sep string, parts ...string) string {
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, sep)
}
