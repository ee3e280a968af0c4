package journey

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"time"

	"waypost/fault"
	"waypost/http/cache"
	"waypost/http/field"
	"waypost/http/wire"
	"waypost/link"
	"waypost/origin"
	"waypost/tls/cert"
	"waypost/trace"
)

// originAction is origin HOST [port N] [root DIR] [certificate NAME]: an
// origin that says what answer tells it, and else serves files.
type originAction struct {
	host, root, certificate string
	port                    int
}

func parseOrigin(a *args) action {
	o := &originAction{host: a.of("host")}
	for a.more() && !a.failed {
		switch {
		case a.keyword("port"):
			o.port = a.number("a port", 1, 65535)
		case a.keyword("root"):
			o.root = a.want("a directory of this journey").text
			if !a.hasBelow(o.root) {
				a.failHere("no file of this journey stands below %s/", o.root)
			}
		case a.keyword("certificate"):
			w := a.want("the certificate's name")
			if o.certificate = w.text; !a.failed && !a.given[w.text+".pem"] {
				a.failAt(w, "there is no certificate %s: make one with certificate %s", w.text, w.text)
			}
		default:
			return o
		}
	}
	return o
}

func (p *parser) hasBelow(dir string) bool {
	for name := range p.given {
		if strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/") {
			return true
		}
	}
	return false
}

func (o *originAction) do(t *task) error {
	h := t.hosts[o.host]
	h.answers = &answers{}
	s := &scripted{world: t.world, answers: h.answers, station: t.station("origin " + o.host)}
	config := origin.Config{Station: s.station, TrustTrace: everybody}
	if o.root != "" {
		files, err := t.tree(o.root)
		if err != nil {
			return err
		}
		config.Files = &origin.Files{FS: files, Modified: t.start}
	}
	var err error
	if s.files, err = origin.New(config); err != nil {
		return err
	}
	port := o.port
	server := &wire.Server{Handler: s}
	if o.certificate != "" {
		chain, key := t.made[o.certificate+".pem"], t.made[o.certificate+".key"]
		pair, err := cert.FromPEM(cert.Text{Name: o.certificate + ".pem", PEM: chain}, cert.Text{Name: o.certificate + ".key", PEM: key})
		if err != nil {
			return err
		}
		set, err := cert.NewSet(pair)
		if err != nil {
			return err
		}
		server.TLS = set.Config()
	}
	if port == 0 {
		port = 80
		if server.TLS != nil {
			port = 443
		}
	}
	h.service = listening(h, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)), server)
	return h.service.start(t.ctx)
}

// listening is a server that can be stopped and started.
func listening(n link.Network, at netip.AddrPort, server *wire.Server) *service {
	v := &service{}
	var cancel context.CancelFunc
	var ended chan error
	v.start = func(ctx context.Context) error {
		l, err := n.Listen(ctx, at)
		if err != nil {
			return err
		}
		var run context.Context
		run, cancel = context.WithCancel(context.Background())
		ended = make(chan error, 1)
		go func() { ended <- server.Serve(run, l) }()
		v.on = true
		return nil
	}
	v.stop = func() error {
		v.on = false
		cancel()
		return <-ended
	}
	return v
}

// running reports whether the service is up.
func (v *service) running() bool { return v.on || v.node != nil }

// scripted is an origin that answers by rules.
type scripted struct {
	world   *world
	answers *answers
	station *trace.Station
	files   *origin.Server
}

// Serve answers one request.
func (s *scripted) Serve(x wire.Exchange) {
	q := x.Request()
	r := s.answers.choose(q.Method, q.Path)
	if r == nil {
		s.files.Serve(x)
		return
	}
	v := &visit{exchange: x, rule: r, arrived: time.Now()}
	v.method, v.target = strings.Clone(q.Method), strings.Clone(q.Path)
	if from, ok := trace.ParseContext(q.Fields.Get("traceparent")); ok {
		v.span = s.station.Join(from)
	}
	v.serve(s.world)
	v.account()
}

// visit is one request to a scripted origin.
type visit struct {
	exchange       wire.Exchange
	rule           *rule
	span           *trace.Span
	arrived        time.Time
	method, target string
	status         int
	written        int64
	err            error // what became of the client
	left           time.Duration
}

// serve plays the rule.
func (v *visit) serve(w *world) {
	x, r := v.exchange, v.rule
	ctx := x.Context()
	if b := x.Request().Body; b != nil {
		_, _ = io.Copy(io.Discard, b) // the script has its answer whatever was sent
	}
	gone := make(chan time.Duration, 1)
	stop := context.AfterFunc(ctx, func() { gone <- time.Since(v.arrived) })
	defer func() {
		if !stop() {
			v.left = <-gone
		}
	}()
	if r.never {
		<-ctx.Done()
		v.err = context.Cause(ctx)
		return
	}
	// What informs is said at once: it is about an answer that is still to come.
	for _, i := range r.informs {
		v.err = errors.Join(v.err, x.Inform(i.status, i.fields), x.Flush())
	}
	// A script goes on when the client has left, as a handler would.
	time.Sleep(r.after)
	if r.raw != "" {
		v.raw([]byte(r.raw))
		return
	}
	if r.status != 0 {
		v.respond(w)
	}
	switch r.ending {
	case "close":
		x.Abort()
	case "reset":
		if l, ok := x.Conn().Raw.(interface{ SetLinger(int) error }); ok {
			_ = l.SetLinger(0)
		}
		_ = x.Conn().Raw.Close()
		x.Abort()
	case "stall":
		_ = x.Flush()
		<-ctx.Done()
		v.err = context.Cause(ctx)
	}
}

// raw sends bytes around the codec and ends the connection.
func (v *visit) raw(text []byte) {
	c := v.exchange.Conn().Raw
	n, err := c.Write(text)
	v.written, v.err = int64(n), err
	if v.rule.ending == "reset" {
		if l, ok := c.(interface{ SetLinger(int) error }); ok {
			_ = l.SetLinger(0)
		}
	}
	_ = c.Close()
	v.exchange.Abort()
}

// piece is the most that is written at once.
const piece = 64 << 10

func (v *visit) respond(w *world) {
	r := v.rule
	body := r.body.bytes(w)
	fields := r.fields.Clone()
	if !fields.Has("Content-Type") && len(body) > 0 {
		fields.Add("Content-Type", "text/plain; charset=utf-8")
	}
	v.status = r.status
	length := r.announced(body)
	if r.ranges {
		v.status, body = partOf(v.exchange.Request(), v.status, &fields, body)
		length = int64(len(body))
	}
	v.err = v.exchange.Respond(v.status, fields, length)
	step := piece
	if r.pace > 0 {
		step = int(max(1, r.pace/10))
	}
	for len(body) > 0 {
		n := min(len(body), step)
		if v.err == nil {
			_, v.err = v.exchange.Write(body[:n])
		}
		v.written += int64(n)
		if body = body[n:]; r.pace > 0 {
			v.err = errors.Join(v.err, v.exchange.Flush())
			time.Sleep(time.Duration(float64(n) / float64(r.pace) * float64(time.Second)))
		}
	}
	if v.err == nil {
		v.err = v.exchange.Flush()
	}
}

// partOf is the part of a body that a request asks for, with its status; the
// whole where it asks for none, or for several.
func partOf(q *wire.Request, status int, fields *field.Fields, body []byte) (int, []byte) {
	size := int64(len(body))
	fields.Set("Accept-Ranges", "bytes")
	if q.Method != "GET" || !q.Fields.Has("Range") ||
		!cache.IfRange(q.Fields, cache.Validator{ETag: fields.Get("ETag"), Exists: true, Date: time.Now()}) {
		return status, body
	}
	parts, err := cache.ParseRange(q.Fields.Get("Range"), size)
	switch {
	case errors.Is(err, cache.ErrUnsatisfiable):
		fields.Set("Content-Range", cache.UnsatisfiedRange(size))
		return 416, nil
	case err != nil || len(parts) != 1:
		return status, body
	}
	fields.Set("Content-Range", parts[0].ContentRange(size))
	return 206, body[parts[0].Start:][:parts[0].Length]
}

// account notes what the origin did, as package origin does.
func (v *visit) account() {
	if !v.span.On() {
		return
	}
	var f *fault.Error
	gone := v.left > 0 && errors.As(context.Cause(v.exchange.Context()), &f)
	out := trace.OriginResponse{
		Method: v.method, Target: v.target, Handler: v.rule.name(), Status: v.status, Bytes: v.written,
		Delivered: v.status != 0 && v.err == nil && !gone,
	}
	d := &trace.Decision{Verdict: "delivered", Reason: "The client was there and took the answer."}
	if gone {
		out.Left = trace.Millis(v.left)
		took := time.Since(v.arrived)
		d = &trace.Decision{Verdict: "undelivered", Reason: "The client left " + v.left.Round(time.Millisecond).String() +
			" after its request came; the script went on for " + (took - v.left).Round(time.Millisecond).String() + ", and nobody was there to read the answer."}
	} else if !out.Delivered {
		d = &trace.Decision{Verdict: "incomplete", Reason: "The script broke the answer off."}
	}
	v.span.Done(out, d)
}
