package journey

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"waypost/http/field"
)

// answerAction is answer HOST [METHOD] PATH …: what a scripted origin says.
// The last word counts: of several answers that fit a request the one given
// last is taken, and one with `times N` steps aside after so often.
type answerAction struct {
	host string
	rule rule
}

// rule is one answer.
type rule struct {
	method  string // "": any
	path    string // a pattern
	times   int    // 0: always
	after   time.Duration
	status  int
	fields  field.Fields
	body    payload
	ranges  bool  // parts of it are to be had
	length  int64 // announced; -1: chunked; -2: the body's
	pace    int64 // bytes per second; 0: at once
	raw     string
	ending  string // what follows the body: "", "close", "reset", "stall"
	never   bool
	informs []interim
}

type interim struct {
	status int
	fields field.Fields
}

const lengthOfBody = -2

func parseAnswer(a *args) action {
	w := &answerAction{host: a.of("host"), rule: rule{length: lengthOfBody}}
	r := &w.rule
	if slices.Contains(methods, a.peek().text) {
		r.method = a.take().text
	}
	p := a.want("a path, such as /slow or /images/*")
	if r.path = p.text; !a.failed && !strings.HasPrefix(r.path, "/") && !strings.HasPrefix(r.path, "*") {
		a.failAt(p, "%q is no path: it begins with a slash", p.text)
	}
	for a.more() && !a.failed {
		switch {
		case a.keyword("times"):
			r.times = a.number("how often", 1, maxRepeat)
		case a.keyword("after"):
			r.after = a.duration("how long")
		case a.keyword("never"):
			r.never = true
		case a.keyword("inform"):
			i := interim{status: a.number("an interim status", 100, 199)}
			for a.keyword("header") {
				i.fields = append(i.fields, read(a, "a header field", parseField))
			}
			r.informs = append(r.informs, i)
		case a.keyword("header"):
			r.fields = append(r.fields, read(a, "a header field, such as \"Cache-Control: max-age=60\"", parseField))
		case a.payload(&r.body):
		case a.keyword("ranges"):
			r.ranges = true
		case a.keyword("length"):
			r.length = a.size("the length to announce")
		case a.keyword("chunked"):
			r.length = -1
		case a.keyword("pace"):
			r.pace = a.size("bytes per second")
		case a.keyword("raw"):
			r.raw = a.want("the bytes to send").text
		case a.keyword("then"):
			r.ending = a.ending()
		default:
			if r.status != 0 || r.raw != "" {
				return w
			}
			r.status = a.number("a status", 200, 999)
		}
	}
	if !a.failed && r.status == 0 && !r.never && r.raw == "" && r.ending == "" {
		a.failHere("what to answer is missing: a status, never, raw …, then reset")
	}
	return w
}

func (a *args) ending() string {
	w := a.want("close, reset or stall")
	if !a.failed && !w.is("close") && !w.is("reset") && !w.is("stall") {
		a.failAt(w, "%q is none of close, reset, stall", w.text)
	}
	return w.text
}

func (a *answerAction) do(t *task) error {
	h := t.hosts[a.host]
	if h.answers == nil {
		return fmt.Errorf("%s is no scripted origin: put one there with origin %s", a.host, a.host)
	}
	h.answers.add(a.rule)
	return nil
}

// answers are the rules of one origin. They are safe for concurrent use.
type answers struct {
	mu    sync.Mutex
	rules []*rule // the one given last stands first
	used  map[*rule]int
}

func (a *answers) add(r rule) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules = slices.Insert(a.rules, 0, &r)
}

// choose returns the rule for a request, or nil.
func (a *answers) choose(method, target string) *rule {
	path, _, _ := strings.Cut(target, "?")
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.rules {
		if r.method != "" && r.method != method && (r.method != "GET" || method != "HEAD") {
			continue
		}
		if r.path != "*" && !globMatch(r.path, path) && !globMatch(r.path, target) {
			continue
		}
		if r.times > 0 {
			if a.used == nil {
				a.used = map[*rule]int{}
			}
			if a.used[r] == r.times {
				continue
			}
			a.used[r]++
		}
		return r
	}
	return nil
}

// announced is the Content-Length that the rule sends; -1: none.
func (r *rule) announced(body []byte) int64 {
	if r.length == lengthOfBody {
		return int64(len(body))
	}
	return r.length
}

// name is what the record calls the rule.
func (r *rule) name() string {
	switch {
	case r.never:
		return "script: never"
	case r.raw != "":
		return "script: raw"
	case r.status == 0:
		return "script: " + r.ending
	}
	return "script: " + strconv.Itoa(r.status)
}
