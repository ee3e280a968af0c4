package edge

import (
	"html"
	"strconv"
	"strings"

	"waypost/http/field"
)

// page is the body of an answer of our own: what went wrong, where, and what
// to quote when asking about it. Browsers get HTML, everybody else text.
func (r *request) page(p *problem) (media string, body []byte) {
	lines := [][2]string{}
	add := func(name, value string) {
		if value != "" {
			lines = append(lines, [2]string{name, value})
		}
	}
	add("site", p.site)
	add("edge", r.edge.name)
	add("fault", string(p.kind))
	add("timer", p.timer)
	add("trace", r.traceID())
	title := strconv.Itoa(p.status) + " " + reasonPhrase(p.status)
	sentence := strings.ToUpper(p.reason[:1]) + p.reason[1:] + "."
	var b strings.Builder
	if !acceptsHTML(r.in.Fields) {
		b.WriteString(title + "\n\n" + sentence + "\n")
		if len(lines) > 0 {
			b.WriteByte('\n')
		}
		for _, l := range lines {
			b.WriteString(l[0] + ": " + l[1] + "\n")
		}
		return "text/plain; charset=utf-8", []byte(b.String())
	}
	b.WriteString("<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<title>" + title + "</title>\n" +
		"<style>body{font:16px/1.5 system-ui,sans-serif;margin:10vh auto;max-width:40em;padding:0 1em}" +
		"dl{display:grid;grid-template-columns:auto 1fr;gap:.2em 1em;color:#555}dd{margin:0}</style>\n" +
		"<h1>" + title + "</h1>\n<p>" + html.EscapeString(sentence) + "</p>\n<dl>\n")
	for _, l := range lines {
		b.WriteString("<dt>" + l[0] + "<dd>" + html.EscapeString(l[1]) + "\n")
	}
	b.WriteString("</dl>\n")
	return "text/html; charset=utf-8", []byte(b.String())
}

// acceptsHTML reports whether the client names HTML among what it accepts, as
// browsers do when a person looks on.
func acceptsHTML(f field.Fields) bool {
	for e := range f.All("Accept") {
		media, _, _ := strings.Cut(e, ";")
		if strings.EqualFold(strings.TrimSpace(media), "text/html") {
			return true
		}
	}
	return false
}

// traceID is the journey's id, recorded here or not.
func (r *request) traceID() string {
	if r.span.On() {
		return r.span.Context().Trace.String()
	}
	if len(r.untrusted) > 35 {
		return strings.Clone(r.untrusted[3:35])
	}
	return ""
}

// reasonPhrase is the name of a status that the edge makes (RFC 9110 §15).
func reasonPhrase(status int) string {
	switch status {
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 405:
		return "Method Not Allowed"
	case 408:
		return "Request Timeout"
	case 412:
		return "Precondition Failed"
	case 413:
		return "Content Too Large"
	case 421:
		return "Misdirected Request"
	case 425:
		return "Too Early"
	case 429:
		return "Too Many Requests"
	case 500:
		return "Internal Server Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Gateway Timeout"
	}
	return "Error"
}
