package cache

import (
	"strconv"
	"strings"
	"time"

	"waypost/http/field"
	"waypost/trace"
)

// evidence says where the bytes stand that decided: the first of these that
// is there.
type evidence struct {
	lifetime bool     // what the lifetime rests on
	says     []string // one of these directives of the response
	asks     []string // one of these directives of the request
	asked    []string // one of these request fields
	field    string   // this response field
	method   bool
	status   bool
}

var actionNames = [...]string{
	Miss: "miss", Hit: "hit", Stale: "stale", StaleWhileRevalidate: "stale-while-revalidate",
	StaleIfError: "stale-if-error", Validate: "validate", Pass: "pass",
	Unsatisfiable: "unsatisfiable", Keep: "store", DoNotKeep: "do-not-store",
}

// String is the action's name, for people.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "action " + strconv.Itoa(int(a))
}

// Decision puts the verdict into words: why in one sentence, the clause, the
// bytes that decided it, and the smallest change that would have made it a
// hit. The arguments are those that the verdict was made of; resp may be nil
// where there was none, and any variant where none was selected.
func (v Verdict) Decision(rules *Rules, req *Request, resp *Response) *trace.Decision {
	if int(v.why) >= len(grounds) {
		return nil
	}
	g := &grounds[v.why]
	var p reading
	if resp != nil {
		p = read(rules, resp)
	}
	words := v.words(rules, req, resp, &p)
	d := &trace.Decision{
		Verdict: v.verdict(rules),
		Reason:  words.Replace(g.reason),
		Clause:  g.clause,
		Because: g.bytes.find(req, resp, &p),
		Remedy:  words.Replace(g.remedy),
	}
	if v.Action == Miss && resp != nil && v.why != noVariant && !p.has(confirmable) && v.Lifetime <= v.Age {
		d.Remedy = strings.TrimPrefix(d.Remedy+", or an ETag to confirm it by", ", or ")
	}
	return d
}

// verdict is the word that the record's catalogue has for the action.
func (v Verdict) verdict(rules *Rules) string {
	switch v.Action {
	case Validate:
		if rules.Shared {
			return "revalidate"
		}
	case StaleWhileRevalidate, StaleIfError:
		return "stale"
	}
	return v.Action.String()
}

// words are what the braces in a ground stand for.
func (v Verdict) words(rules *Rules, req *Request, resp *Response, p *reading) *strings.Replacer {
	governing, status := "Cache-Control", ""
	if p.governs != "" {
		governing = p.governs
	}
	directive := "max-age"
	if rules.Shared && p.governs == "" {
		directive = "s-maxage"
	}
	if resp != nil {
		status = strconv.Itoa(resp.Status)
	}
	over := v.Age - v.Lifetime
	return strings.NewReplacer(
		"{age}", spell(v.Age), "{lifetime}", spell(v.Lifetime), "{limit}", spell(v.limit),
		"{over}", spell(over), "{left}", spell(-over),
		"{enough}", seconds(v.Age+time.Second), "{window}", seconds(over), "{enoughstale}", seconds(over),
		"{ageup}", seconds(v.Age), "{leftdown}", strconv.FormatInt(int64(-over/time.Second), 10),
		"{field}", governing, "{directive}", directive, "{status}", status, "{method}", req.Method,
	)
}

// spell writes a duration as people do: whole seconds from a minute on, no
// zero parts.
func spell(d time.Duration) string {
	if d < 0 {
		return "-" + spell(-d)
	}
	if d >= time.Minute {
		d = d.Truncate(time.Second)
	} else {
		d = d.Truncate(time.Millisecond)
	}
	s := d.String()
	s, _ = strings.CutSuffix(s, "m0s")
	if len(s) < len(d.String()) {
		s += "m"
		if h, ok := strings.CutSuffix(s, "h0m"); ok {
			s = h + "h"
		}
	}
	return s
}

// seconds writes a duration as delta-seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// find returns the evidence as it stands in the messages.
func (e evidence) find(req *Request, resp *Response, p *reading) string {
	if line := e.inResponse(resp, p); line != "" {
		return line
	}
	for i := range req.Fields {
		name, value := req.Fields[i].Name, req.Fields[i].Value
		if field.Is(name, "Cache-Control") {
			if d := directiveIn(value, e.asks); d != "" {
				return name + ": " + d
			}
		}
		for _, asked := range e.asked {
			if field.Is(name, asked) {
				return trace.Redacted(name, value)
			}
		}
	}
	switch {
	case e.method:
		return req.Method
	case e.status && resp != nil:
		return strconv.Itoa(resp.Status)
	}
	return ""
}

// inResponse is find for the stored response.
func (e evidence) inResponse(resp *Response, p *reading) string {
	if resp == nil {
		return ""
	}
	says := e.says
	if e.lifetime {
		switch p.basis {
		case bySMaxAge:
			says = []string{"s-maxage"}
		case byMaxAge:
			says = []string{"max-age"}
		case byExpires:
			e.field = "Expires"
		case byHeuristic:
			e.field = "Last-Modified"
		}
	}
	governing := "Cache-Control"
	if p.governs != "" {
		governing = p.governs
	}
	for i := range resp.Fields {
		if field.Is(resp.Fields[i].Name, governing) {
			if d := directiveIn(resp.Fields[i].Value, says); d != "" {
				return resp.Fields[i].Name + ": " + d
			}
		}
	}
	for i := range resp.Fields {
		if e.field != "" && field.Is(resp.Fields[i].Name, e.field) {
			return trace.Redacted(resp.Fields[i].Name, resp.Fields[i].Value)
		}
	}
	return ""
}

// directiveIn returns the first of the named directives as it is written in
// value, or "".
func directiveIn(value string, names []string) string {
	list := membersOf(value)
	for member, ok := list.next(); ok; member, ok = list.next() {
		d := parseDirective(member)
		for _, name := range names {
			if field.Is(d.name, name) {
				return member
			}
		}
	}
	return ""
}
