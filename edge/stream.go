package edge

import (
	"strings"

	"waypost/edge/rules"
	"waypost/fetch"
	"waypost/http/field"
	"waypost/trace"
)

// What is not stored is compressed on its way, where the site's rules ask for
// it: each time anew, with less effort, and for so many clients at once. What
// has come is flushed before more is waited for, as in what passes uncoded.

// pressing begins to compress a response that comes from the origin, or finds
// out that it goes as it is.
func (r *request) pressing(resp *fetch.Response) {
	u := &r.ruled
	u.codable, u.coding = false, ""
	if u.by == nil || u.by.Compress == nil {
		return
	}
	switch {
	case resp.Status == 206:
		// The 200 of which it is a part would carry the same Vary (RFC 9110
		// §15.3.7).
		u.codable = u.by.Compress.Fits(resp.Fields, r.in.Fields, sizeOf(r.came(resp)))
		return
	case resp.Status == 304:
		if r.conditional && heldWeakly(r.in.Fields, resp.Fields.Get("ETag")) {
			u.coding = u.by.Compress.Choose(r.in.Fields)
		}
		return
	case resp.Status != 200 || !u.by.Compress.Fits(resp.Fields, r.in.Fields, resp.Length):
		return
	}
	u.codable = true
	coding := u.by.Compress.Choose(r.in.Fields)
	if coding == "" || resp.Fields.Has("Trailer") {
		return // trailers may be digests of the bytes
	}
	if r.in.Method == "HEAD" {
		// The fields are those that a GET would get (RFC 9110 §9.3.2), and no
		// length that it would not have (§8.6).
		if !rules.Guessable(r.in.Fields) {
			u.coding = coding
		}
		return
	}
	d := &trace.Decision{Verdict: "encode", Reason: "the client takes the coding, and the content compresses well",
		Clause: "RFC 9110 §12.5.3", Because: "Accept-Encoding: " + r.in.Fields.Join("Accept-Encoding")}
	switch {
	case rules.Guessable(r.in.Fields):
		d.Verdict, d.Because = "identity", "Sec-Fetch-Site: "+r.in.Fields.Join("Sec-Fetch-Site")
		d.Reason = "its length could give secrets of the user's away: another site may have told the browser to ask"
	default:
		if r.press = r.edge.streams.Open(coding, toClient{r}); r.press == nil {
			d.Verdict, d.Reason = "identity", "as many as may be are being compressed on their way"
			break
		}
		u.coding = coding
	}
	if r.span.On() {
		f := trace.CodingDecision{Coding: coding, Identity: resp.Length, Made: r.press != nil}
		if r.press == nil {
			f.Coding = "identity"
		}
		r.span.Note(f, own(d))
	}
}

// heldWeakly reports whether a client asks about a copy with the weak form of
// an entity tag that the origin calls strong: it was sent a coded form.
func heldWeakly(req field.Fields, tag string) bool {
	return strings.HasPrefix(tag, `"`) && strings.Contains(req.Join("If-None-Match"), "W/"+tag)
}

// relayed sends the head of a response that comes from the origin.
func (r *request) relayed(resp *fetch.Response) error {
	if r.ruled.coding == "" {
		return r.respond(resp.Status, r.fields(resp.Fields, -1), resp.Length)
	}
	length := resp.Length
	r.out = r.ownFields(resp.Fields, -1)
	if resp.Status == 200 {
		length = -1
		rules.Encode(&r.out, r.ruled.coding)
	}
	r.weaken()
	r.decorate(true)
	return r.respond(resp.Status, r.out, length)
}

// passOn sends body bytes on, compressed where that was begun.
func (r *request) passOn(p []byte) error {
	if r.press == nil {
		return r.write(p)
	}
	_, err := r.press.Write(p)
	return err
}

// flush sends what has been passed on.
func (r *request) flush() error {
	if r.press != nil {
		if err := r.press.Flush(); err != nil {
			return err
		}
	}
	return r.x.Flush()
}

// toClient is where compressed bytes go.
type toClient struct{ r *request }

func (c toClient) Write(p []byte) (int, error) {
	if err := c.r.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}
