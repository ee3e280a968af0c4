package origin

import (
	"encoding/json"
	"errors"
	"strings"

	"waypost/fault"
	"waypost/http/field"
)

// Problem is an answer that says why there is no other, in the form of
// RFC 9457. As an error it carries the answer to where it is written.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"` // short, the same for every problem of its kind; "" is the status's own name
	Detail string `json:"detail,omitempty"`
	// At names the members of the request's content that are wrong, each
	// with what is wrong about it.
	At []Fault `json:"errors,omitempty"`
	// Clause is the rule that the refusal follows, for the record.
	Clause string `json:"-"`
	// Fields go along, e.g. Allow.
	Fields field.Fields `json:"-"`
}

// Fault is one thing wrong with a request's content.
type Fault struct {
	Pointer string `json:"pointer"` // JSON Pointer (RFC 6901), e.g. /items/0/quantity
	Detail  string `json:"detail"`
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.title()
	}
	return p.title() + ": " + p.Detail
}

func (p *Problem) title() string {
	if p.Title != "" {
		return p.Title
	}
	return statusText[p.Status]
}

// statusText names the statuses that this package sends as problems
// (RFC 9110 §15).
var statusText = map[int]string{
	400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
	412: "Precondition Failed", 413: "Content Too Large", 415: "Unsupported Media Type", 416: "Range Not Satisfiable",
	422: "Unprocessable Content", 426: "Upgrade Required", 429: "Too Many Requests",
	500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
}

// Refuse answers with the problem. It does nothing when the answer has begun.
func (w *Response) Refuse(p *Problem) {
	if w.status != 0 {
		return
	}
	shown := *p
	shown.Title = p.title()
	body, err := json.Marshal(&shown)
	if err != nil { // strings and integers only: it cannot be
		body = []byte("{}")
	}
	w.Fields = append(w.Fields, p.Fields...)
	if !w.Fields.Has("Cache-Control") {
		w.Fields.Add("Cache-Control", "no-store")
	}
	w.Decide("refused", strings.TrimSuffix(p.Error(), "."), p.Clause, "")
	w.Send(p.Status, "application/problem+json", body)
}

// clientFault reports whether err is the client's doing: it left or was too
// slow.
func clientFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f)
}
