package origin

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"waypost/http/wire"
)

// Request is a request as a handler sees it. Its strings are valid until the
// handler returns: what is kept longer must be cloned.
type Request struct {
	wire.Request
	// Resource is the path, decoded once and without the query. It begins
	// with a slash and may hold any other bytes.
	Resource string
	// Rest is what Resource has beyond the path of a prefix route.
	Rest string
	// Query is what follows the question mark, as sent.
	Query string
	// Conn is the connection that the request came on.
	Conn *wire.ConnInfo

	limit *limitedBody
}

// newRequest reads the target. It does not touch the body.
func newRequest(x wire.Exchange, maxBody int64) (*Request, *Problem) {
	r := &Request{Request: *x.Request(), Conn: x.Conn()}
	r.limit = &limitedBody{max: maxBody, body: r.Body}
	if r.Body != nil {
		r.Body = r.limit
	}
	path, query, _ := strings.Cut(r.Path, "?")
	r.Query = query
	resource, at := decode(path)
	if at >= 0 {
		return r, &Problem{Status: 400, Detail: fmt.Sprintf("broken percent-encoding at byte %d of the path", at), Clause: "RFC 3986 §2.1"}
	}
	r.Resource = resource
	return r, nil
}

// decode undoes percent-encoding; at is where it is broken, or -1.
func decode(path string) (decoded string, at int) {
	if !strings.Contains(path, "%") {
		return path, -1
	}
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			out = append(out, path[i])
			continue
		}
		if i+2 >= len(path) {
			return "", i
		}
		v, err := strconv.ParseUint(path[i+1:i+3], 16, 8)
		if err != nil || path[i+1] == '+' || path[i+1] == '-' {
			return "", i
		}
		out = append(out, byte(v))
		i += 2
	}
	return string(out), -1
}

// QueryValue returns the first value of a query parameter, decoded as forms
// are ("+" is a blank), and whether it is there.
func (r *Request) QueryValue(name string) (value string, ok bool) {
	for pair := range strings.SplitSeq(r.Query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		key, bad := decode(strings.ReplaceAll(key, "+", " "))
		if bad >= 0 || key != name {
			continue
		}
		value, bad = decode(strings.ReplaceAll(value, "+", " "))
		if bad < 0 {
			return value, true
		}
	}
	return "", false
}

// ReadAll reads the whole body, which is empty when there is none. Its error
// is for [Response.Fail]: a [Problem] when the body is too large.
func (r *Request) ReadAll() ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(r.Body)
}

// extendedConnect reports whether the request opens a tunnel for another
// protocol over HTTP/2 (RFC 8441).
func (r *Request) extendedConnect() bool { return r.Method == "CONNECT" && r.Upgrade != "" }

// MediaType returns the type of the request's content in lower case, without
// parameters; "" when none is given.
func (r *Request) MediaType() string {
	value, _, _ := strings.Cut(r.Fields.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(value))
}

// limitedBody is a body that may not be larger than max.
type limitedBody struct {
	body io.Reader
	max  int64
	read int64
}

// announced refuses a body by its announced length, before any of it is read
// (RFC 9110 §15.5.14). The codec then reads the rest and throws it away where
// that is cheap, or closes the connection: a client that waits for 100
// (Continue) sends nothing at all.
func (l *limitedBody) announced(length int64) *Problem {
	if length > l.max {
		return tooLarge(l.max)
	}
	return nil
}

func (l *limitedBody) Read(p []byte) (int, error) {
	if l.read > l.max {
		return 0, tooLarge(l.max)
	}
	n, err := l.body.Read(p)
	l.read += int64(n)
	if over := l.read - l.max; over > 0 {
		return n - int(min(over, int64(n))), tooLarge(l.max)
	}
	return n, err
}

func tooLarge(limit int64) *Problem {
	return &Problem{Status: 413, Detail: fmt.Sprintf("the limit here is %d bytes", limit), Clause: "RFC 9110 §15.5.14"}
}
