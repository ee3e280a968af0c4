package node

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"waypost/edge"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/trace"
)

// Account is what a node's flight recorder holds of one journey, as GET
// /trace/ID of the admin listener gives it in JSON.
type Account struct {
	Events []trace.Event `json:"events"`
	Missed int           `json:"missed,omitempty"` // events that did not fit
}

// AdminChallenge is what an admin listener asks of whoever comes without the
// token (RFC 6750 §3), so that one can tell it from other servers before the
// token is sent.
const AdminChallenge = `Bearer realm="waypost"`

// admin makes the listener for the node's owner. Every request needs the
// token.
func (n *Node) admin() (role, error) {
	c := n.config.Admin
	s := &wire.Server{Handler: wire.HandlerFunc(n.serveAdmin)}
	return role{listen: func(ctx context.Context) ([]func(context.Context) error, error) {
		return n.listenHTTP(ctx, "admin", c.Listen, s)
	}}, nil
}

func (n *Node) serveAdmin(x wire.Exchange) {
	r := x.Request()
	id, isTrace := strings.CutPrefix(r.Path, "/trace/")
	isPurge := r.Path == "/purge" && n.cache != nil
	switch {
	case !authorized(r.Fields.Get("Authorization"), n.config.Admin.Token):
		reply(x, 401, field.Fields{{Name: "WWW-Authenticate", Value: AdminChallenge}}, "the admin listener wants Authorization: Bearer with the token of admin.token_file\n")
	case isPurge && r.Method == "POST":
		n.servePurge(x)
	case isPurge:
		reply(x, 405, field.Fields{{Name: "Allow", Value: "POST"}}, "a purge is sent with POST\n")
	case !isTrace:
		reply(x, 404, nil, "there is /trace/ID, with a trace id of 32 hexadecimal digits, and on an edge /purge\n")
	case r.Method != "GET":
		reply(x, 405, field.Fields{{Name: "Allow", Value: "GET"}}, "the flight recorder is read with GET\n")
	default:
		n.serveTrace(x, id)
	}
}

func (n *Node) serveTrace(x wire.Exchange, text string) {
	id, ok := trace.ParseID(text)
	if !ok {
		reply(x, 400, nil, "a trace id has 32 lower-case hexadecimal digits\n")
		return
	}
	events, missed := n.options.Recorder.Events(id)
	if events == nil {
		events = []trace.Event{}
	}
	replyJSON(x, 200, Account{Events: events, Missed: missed})
}

// maxPurge bounds an order to purge, which holds a URL and a few words.
const maxPurge = 64 << 10

// servePurge takes an edge.Purge in JSON and answers with its Receipt: with 500
// where the disk did not take it.
func (n *Node) servePurge(x wire.Exchange) {
	var p edge.Purge
	var body io.Reader = strings.NewReader("")
	if b := x.Request().Body; b != nil {
		body = io.LimitReader(b, maxPurge)
	}
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		reply(x, 400, nil, `a purge is JSON such as {"url": "https://www.example.test/"}, with one of url, prefix and tag, and soft: `+err.Error()+"\n")
		return
	}
	receipt, err := n.cache.Purge(p)
	switch {
	case errors.Is(err, edge.ErrOnDisk):
		n.options.Log.Error("purge", "url", p.URL, "prefix", p.Prefix, "tag", p.Tag, "soft", p.Soft, "objects", receipt.Objects, "error", err)
		replyJSON(x, 500, receipt)
		return
	case err != nil:
		reply(x, 422, nil, err.Error()+"\n")
		return
	}
	n.options.Log.Info("purged", "url", p.URL, "prefix", p.Prefix, "tag", p.Tag, "soft", p.Soft, "objects", receipt.Objects)
	replyJSON(x, 200, receipt)
}

func replyJSON(x wire.Exchange, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		reply(x, 500, nil, err.Error()+"\n")
		return
	}
	fields := field.Fields{{Name: "Content-Type", Value: "application/json"}, {Name: "Cache-Control", Value: "no-store"}}
	if x.Respond(status, fields, int64(len(body))) == nil {
		_, _ = x.Write(body) // the owner may have left
	}
}

func reply(x wire.Exchange, status int, fields field.Fields, text string) {
	fields.Add("Content-Type", "text/plain; charset=utf-8")
	if x.Respond(status, fields, int64(len(text))) == nil {
		_, _ = x.Write([]byte(text)) // the client may have left
	}
}

// authorized compares in a time that does not tell how much was right. The
// scheme's case does not matter (RFC 9110 §11.1).
func authorized(got, token string) bool {
	scheme, sent, ok := strings.Cut(got, " ")
	return ok && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(sent), []byte(token)) == 1
}
