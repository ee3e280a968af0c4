package resolver

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"

	"waypost/dns"
)

// The scenarios of CZ-NIC's deckard (BSD-2-Clause) are run where they are
// present: WAYPOST_SUITES names the folder that holds deckard/, by default
// ../shared/suites beside the repository.
func suites() string {
	if dir := os.Getenv("WAYPOST_SUITES"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared", "suites")
}

// notOurs says why scenarios are left out, by file name.
var notOurs = map[string]string{
	"module_":   "tests a module of Knot Resolver, set up by its own configuration",
	"fwd_val_":  "needs DNSSEC validation",
	"val_":      "needs DNSSEC validation",
	"nsec":      "needs DNSSEC validation",
	"black_":    "needs DNSSEC validation",
	"world_":    "needs DNSSEC validation",
	"iter_mod.": "tests a module of Knot Resolver, set up by its own configuration",
}

// TestScenarios runs every .rpl scenario that can be run without DNSSEC.
func TestScenarios(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(suites(), "deckard", "sets", "resolver", "*.rpl"))
	if len(files) == 0 {
		t.Skipf("skipped: no suites at %s", suites())
	}
	passed, failed, skipped := 0, 0, map[string]int{}
	for _, file := range files {
		name := filepath.Base(file)
		sc, err := readScenario(file)
		if why := skipReason(name, sc, err); why != "" {
			skipped[why]++
			continue
		}
		if t.Run(name, func(t *testing.T) { synctest.Test(t, sc.run) }) {
			passed++
		} else {
			failed++
		}
	}
	t.Log(summary(passed, failed, skipped))
}

// summary is one line; skipped counts by reason, and the most frequent one
// comes first.
func summary(passed, failed int, skipped map[string]int) string {
	line := fmt.Sprintf("%d pass", passed)
	if failed > 0 {
		line += fmt.Sprintf(", %d fail", failed)
	}
	all, reasons := 0, slices.Sorted(maps.Keys(skipped))
	slices.SortStableFunc(reasons, func(a, b string) int { return skipped[b] - skipped[a] })
	for i, why := range reasons {
		all += skipped[why]
		reasons[i] = fmt.Sprintf("%d: %s", skipped[why], why)
	}
	line += fmt.Sprintf(", %d skipped", all)
	if all > 0 {
		line += " (" + strings.Join(reasons, " | ") + ")"
	}
	return line
}

func TestSummary(t *testing.T) {
	for _, c := range []struct {
		passed, failed int
		skipped        map[string]int
		want           string
	}{
		{3, 0, nil, "3 pass, 0 skipped"},
		{3, 1, map[string]int{"sends raw bytes": 1, "needs DNSSEC validation": 20, "a module": 1},
			"3 pass, 1 fail, 22 skipped (20: needs DNSSEC validation | 1: a module | 1: sends raw bytes)"},
	} {
		if got := summary(c.passed, c.failed, c.skipped); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func skipReason(name string, sc *scenario, err error) string {
	for prefix, why := range notOurs {
		if strings.HasPrefix(name, prefix) {
			return why
		}
	}
	if why, ok := departures[name]; ok {
		return why
	}
	switch {
	case err != nil:
		return err.Error()
	case sc.config["trust-anchor"] != "":
		return "needs DNSSEC validation"
	}
	return ""
}

// departures are scenarios whose expectation is not ours, each with the
// reason.
var departures = map[string]string{
	"iter_cycle_noh.rpl": "needs glue from outside the zone asked (harden-glue: no), which we never believe",
	"iter_minmaxttl.rpl": "sets a least TTL by Knot Resolver's own configuration; we have none",
	"iter_nottl.rpl":     "expects an answer without SOA to be kept; RFC 2308 §5 says no",
}

// scenario is one .rpl file.
type scenario struct {
	config map[string]string
	ranges []rplRange
	steps  []rplStep
	at     int // the step being run
}

type rplRange struct {
	from, to int
	addrs    []netip.Addr
	entries  []rplEntry
}

type rplStep struct {
	id    int
	kind  string
	pause time.Duration
	entry rplEntry
}

type rplEntry struct {
	match, adjust, reply []string
	msg                  *mdns.Msg
}

// readScenario parses the subset of the format that is run.
func readScenario(file string) (*scenario, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sc := &scenario{config: map[string]string{}}
	lines := bufio.NewScanner(f)
	p := &rplParser{scenario: sc}
	config := true
	for lines.Scan() {
		text := lines.Text()
		if i := strings.IndexByte(text, ';'); i >= 0 && !strings.Contains(text[:i], `"`) {
			text = text[:i]
		}
		w := strings.Fields(text)
		if len(w) == 0 {
			continue
		}
		if config {
			if config = w[0] != "CONFIG_END"; config {
				if k, v, ok := strings.Cut(strings.Join(w, " "), ":"); ok {
					v, _, _ = strings.Cut(v, "#")
					sc.config[k] = strings.Trim(v, ` "`)
				}
			}
			continue
		}
		if err := p.line(w); err != nil {
			return nil, err
		}
	}
	return sc, lines.Err()
}

// rplParser is a scenario being read.
type rplParser struct {
	*scenario
	entry   *rplEntry
	section string
	inRange bool
}

// line takes one line after the configuration, split at white space.
func (p *rplParser) line(w []string) error {
	switch w[0] {
	case "RANGE_BEGIN":
		from, _ := strconv.Atoi(w[1])
		to, _ := strconv.Atoi(w[2])
		p.ranges = append(p.ranges, rplRange{from: from, to: to})
		p.inRange = true
		for _, text := range w[3:] {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return fmt.Errorf("has an address that is none")
			}
			r := &p.ranges[len(p.ranges)-1]
			r.addrs = append(r.addrs, a)
		}
	case "RANGE_END":
		p.inRange = false
	case "ADDRESS":
		a, err := netip.ParseAddr(w[1])
		if err != nil {
			return fmt.Errorf("has an address that is none")
		}
		r := &p.ranges[len(p.ranges)-1]
		r.addrs = append(r.addrs, a)
	case "STEP":
		id, _ := strconv.Atoi(w[1])
		s := rplStep{id: id, kind: w[2]}
		if s.kind == "TIME_PASSES" {
			n, _ := strconv.Atoi(w[4])
			s.pause = time.Duration(n) * time.Second
		}
		if s.kind == "REPLY" || s.kind == "CHECK_OUT_QUERY" {
			return fmt.Errorf("prescribes the resolver's own queries, one by one")
		}
		p.steps = append(p.steps, s)
	case "ENTRY_BEGIN":
		p.entry, p.section = &rplEntry{msg: new(mdns.Msg)}, ""
	case "ENTRY_END":
		if n := len(p.steps); !p.inRange {
			p.steps[n-1].entry = *p.entry
		} else {
			r := &p.ranges[len(p.ranges)-1]
			r.entries = append(r.entries, *p.entry)
		}
		p.entry = nil
	case "MATCH":
		p.entry.match = append(p.entry.match, w[1:]...)
	case "ADJUST":
		p.entry.adjust = append(p.entry.adjust, w[1:]...)
	case "REPLY":
		p.entry.reply = append(p.entry.reply, w[1:]...)
	case "SECTION":
		p.section = w[1]
	case "RAW":
		return fmt.Errorf("sends raw bytes")
	case "SCENARIO_BEGIN", "SCENARIO_END":
	default:
		if p.entry != nil {
			if err := p.entry.record(p.section, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// record adds one line of a section.
func (e *rplEntry) record(section string, w []string) error {
	if section == "QUESTION" {
		qtype, ok := mdns.StringToType[w[len(w)-1]]
		if !ok {
			return fmt.Errorf("has a question that cannot be read")
		}
		e.msg.Question = []mdns.Question{{Name: mdns.Fqdn(w[0]), Qtype: qtype, Qclass: mdns.ClassINET}}
		return nil
	}
	rr, err := mdns.NewRR(mdns.Fqdn(w[0]) + " " + strings.Join(w[1:], " "))
	if err != nil || rr == nil {
		return fmt.Errorf("has a record that cannot be read")
	}
	switch section {
	case "ANSWER":
		e.msg.Answer = append(e.msg.Answer, rr)
	case "AUTHORITY":
		e.msg.Ns = append(e.msg.Ns, rr)
	case "ADDITIONAL":
		e.msg.Extra = append(e.msg.Extra, rr)
	}
	return nil
}

// run is one scenario in virtual time.
func (sc *scenario) run(t *testing.T) {
	n := newInternet()
	for _, r := range sc.ranges {
		for _, a := range r.addrs {
			n.servers[a] = &nameServer{delay: 10 * time.Millisecond, answer: func(q *mdns.Msg, from netip.AddrPort) *mdns.Msg {
				return sc.answer(a, q, from)
			}}
		}
	}
	stub, err := netip.ParseAddr(sc.config["stub-addr"])
	if err != nil {
		t.Fatalf("stub-addr: %v", err)
	}
	r := client(n, func(c *Config) {
		c.Roots = []netip.AddrPort{netip.AddrPortFrom(stub, 53)}
		c.FullNames = sc.config["query-minimization"] == "off" || sc.config["query-minimization"] == "no"
	})
	var got *mdns.Msg
	for _, s := range sc.steps {
		sc.at = s.id
		switch s.kind {
		case "TIME_PASSES":
			time.Sleep(s.pause)
		case "QUERY":
			q := &mdns.Msg{Question: s.entry.msg.Question}
			q.Id = 1
			q.RecursionDesired = slices.Contains(s.entry.reply, "RD")
			q.CheckingDisabled = slices.Contains(s.entry.reply, "CD")
			q.SetEdns0(4096, slices.Contains(s.entry.reply, "DO"))
			packet, err := q.Pack()
			if err != nil {
				t.Fatal(err)
			}
			in := &dns.Query{From: netip.MustParseAddrPort(localClient), Transport: dns.TCP}
			if d := in.Parse(packet); d != dns.Sound {
				t.Fatal(d)
			}
			got = new(mdns.Msg)
			if err := got.Unpack(r.ServeDNS(context.Background(), nil, in)); err != nil {
				t.Fatal(err)
			}
		case "CHECK_ANSWER":
			if diff := s.entry.differs(got); diff != "" {
				t.Errorf("step %d: %s\n%s\nasked:\n%s", s.id, diff, got, strings.Join(n.timed(), "\n"))
			}
		}
	}
}

// answer is what the server at a says, by the ranges. Most scenarios expect
// minimised questions to be for NS; we ask for A (RFC 9156 §2.1 allows both).
// Whoever refers a question for NS elsewhere does the same with one for A.
func (sc *scenario) answer(a netip.Addr, q *mdns.Msg, from netip.AddrPort) *mdns.Msg {
	m, ok := sc.scripted(a, q, from)
	if ok || q.Question[0].Qtype != mdns.TypeA {
		return m
	}
	ns := q.Copy()
	ns.Question[0].Qtype = mdns.TypeNS
	if m, _ = sc.scripted(a, ns, from); m == nil || len(m.Answer) > 0 {
		return nil
	}
	m.Question = q.Question
	return m
}

// scripted is the answer of the first entry that fits; nil with ok true is
// silence on purpose.
func (sc *scenario) scripted(a netip.Addr, q *mdns.Msg, from netip.AddrPort) (m *mdns.Msg, ok bool) {
	for _, r := range sc.ranges {
		if sc.at < r.from || sc.at > r.to || !slices.Contains(r.addrs, a) {
			continue
		}
		for _, e := range r.entries {
			if !e.fits(q, from) {
				continue
			}
			if slices.Contains(e.adjust, "do_not_answer") {
				return nil, true
			}
			m := e.msg.Copy()
			m.Rcode = rcodeOf(e.reply)
			m.Authoritative = slices.Contains(e.reply, "AA")
			m.Truncated = slices.Contains(e.reply, "TC")
			m.RecursionAvailable = slices.Contains(e.reply, "RA")
			m.RecursionDesired = slices.Contains(e.reply, "RD")
			switch {
			case slices.Contains(e.adjust, "copy_query"):
				m.Question = q.Question
			case len(m.Question) == 0:
				m.Question = []mdns.Question{}
			case slices.Contains(e.adjust, "copy_id"):
				m.Question = []mdns.Question{{Name: q.Question[0].Name, Qtype: m.Question[0].Qtype, Qclass: mdns.ClassINET}}
			}
			return m, true
		}
	}
	return nil, false
}

func rcodeOf(words []string) int {
	for _, w := range words {
		if c, ok := mdns.StringToRcode[w]; ok {
			return c
		}
	}
	return mdns.RcodeSuccess
}

// fits reports whether the entry answers q.
func (e *rplEntry) fits(q *mdns.Msg, from netip.AddrPort) bool {
	if len(e.msg.Question) == 0 {
		return true
	}
	want, got := e.msg.Question[0], q.Question[0]
	for _, m := range e.match {
		ok := true
		switch m {
		case "qtype":
			ok = want.Qtype == got.Qtype
		case "qname":
			ok = strings.EqualFold(want.Name, got.Name)
		case "question":
			ok = want.Qtype == got.Qtype && strings.EqualFold(want.Name, got.Name)
		case "subdomain":
			ok = mdns.IsSubDomain(strings.ToLower(want.Name), strings.ToLower(got.Name))
		case "TCP":
			ok = from.Port() == 50000
		case "UDP":
			ok = from.Port() != 50000
		}
		if !ok {
			return false
		}
	}
	return true
}

// differs compares the answer given to a client; "" is no difference. Our
// answers carry no more than they must: where the
// answer section is not empty, the two sections after it are not compared, and
// where it is empty only the SOA.
func (e *rplEntry) differs(m *mdns.Msg) string {
	all := slices.Contains(e.match, "all")
	has := func(what string) bool { return all || slices.Contains(e.match, what) }
	if want := rcodeOf(e.reply); has("rcode") && m.Rcode != want {
		return fmt.Sprintf("rcode %s, want %s", dns.RcodeString(m.Rcode), dns.RcodeString(want))
	}
	if has("flags") {
		for name, on := range map[string]bool{
			"QR": m.Response, "AA": m.Authoritative, "TC": m.Truncated, "RD": m.RecursionDesired,
			"RA": m.RecursionAvailable, "AD": m.AuthenticatedData, "CD": m.CheckingDisabled,
		} {
			if want := slices.Contains(e.reply, name); on != want {
				return fmt.Sprintf("flag %s %v, want %v", name, on, want)
			}
		}
	}
	if has("answer") && m.Rcode != mdns.RcodeServerFailure { // records beside a failure are of no use to anybody
		if got, want := bare(m.Answer), bare(e.msg.Answer); !slices.Equal(got, want) {
			return fmt.Sprintf("answer %q, want %q", got, want)
		}
	}
	if has("authority") && len(m.Answer) == 0 {
		want := slices.DeleteFunc(slices.Clone(e.msg.Ns), func(rr mdns.RR) bool { return rr.Header().Rrtype != mdns.TypeSOA })
		if got, want := bare(m.Ns), bare(want); !slices.Equal(got, want) {
			return fmt.Sprintf("authority %q, want %q", got, want)
		}
	}
	return ""
}

// bare is records without TTL, sorted, in lower case.
func bare(section []mdns.RR) []string {
	var out []string
	for _, rr := range section {
		rr = mdns.Copy(rr)
		rr.Header().Ttl = 0
		out = append(out, strings.ToLower(rr.String()))
	}
	slices.Sort(out)
	return out
}
