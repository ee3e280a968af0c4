package packetdrill

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxEvents bounds a script; the longest ones known have 300.
	MaxEvents = 20_000
	// maxTime bounds times in a script, so that their sums cannot overflow:
	// the longest wait of TCP is counted in hours.
	maxTime = 366 * 24 * time.Hour
	// maxDepth bounds expressions within expressions.
	maxDepth = 20
)

// Parse reads a script. name is for messages. An error is an *[Error].
func Parse(name string, text []byte) (*Script, error) {
	tokens, err := lex(choose(string(text)))
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens, defines: map[string]token{}}
	s := &Script{Name: name}
	for p.peek().kind == tokenOption {
		o, err := p.option()
		if err != nil {
			return nil, err
		}
		s.Options = append(s.Options, o)
	}
	if p.peek().kind == tokenCommand {
		s.Init = p.next().text
	}
	for p.peek().kind != tokenEnd {
		if p.peek().kind == tokenCommand { // the command that cleans up
			p.next()
			if t := p.peek(); t.kind != tokenEnd {
				return nil, wrong(t.line, "%v after a command without a time: only the first and the last command have none", t)
			}
			break
		}
		e, err := p.event()
		if err != nil {
			return nil, err
		}
		if s.Events = append(s.Events, e); len(s.Events) > MaxEvents {
			return nil, wrong(e.Line, "more than %d events", MaxEvents)
		}
	}
	if len(s.Events) == 0 {
		return nil, wrong(1, "a script without events")
	}
	return s, nil
}

// choose blanks lines out that stand between "#ifdef NAME" or "#else" and
// "#endif" and are not ours. Scripts of the FreeBSD project that expect one
// thing by the RFCs and another of FreeBSD have both; the name STANDARD is
// ours. Lines keep their numbers.
func choose(text string) string {
	if !strings.Contains(text, "\n#ifdef ") {
		return text
	}
	lines := strings.Split(text, "\n")
	keep := true
	for i, l := range lines {
		name, isIf := strings.CutPrefix(l, "#ifdef ")
		switch {
		case isIf:
			keep, lines[i] = strings.TrimSpace(name) == "STANDARD", ""
		case strings.HasPrefix(l, "#else"):
			keep, lines[i] = !keep, ""
		case strings.HasPrefix(l, "#endif"):
			keep, lines[i] = true, ""
		case !keep:
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}

type parser struct {
	tokens  []token
	defines map[string]token // --define=NAME=VALUE
	depth   int
}

// peek returns the next token; a word that is defined is its value.
func (p *parser) peek() token {
	t := p.tokens[0]
	if t.kind == tokenWord {
		if d, ok := p.defines[t.text]; ok {
			d.line = t.line
			return d
		}
	}
	return t
}

func (p *parser) next() token {
	t := p.peek()
	if len(p.tokens) > 1 {
		p.tokens = p.tokens[1:]
	}
	return t
}

// accept takes the next token where it is this word or sign.
func (p *parser) accept(text string) bool {
	if p.peek().is(text) {
		p.next()
		return true
	}
	return false
}

// want takes the next token, which must be this word or sign.
func (p *parser) want(text string) error {
	if t := p.next(); !t.is(text) {
		return wrong(t.line, "%v where %q belongs", t, text)
	}
	return nil
}

// option reads --name or --name=value.
func (p *parser) option() (Option, error) {
	t := p.next()
	o := Option{Line: t.line, Name: t.text}
	if !p.accept("=") {
		return o, nil
	}
	if o.Name == "define" {
		return o, p.define()
	}
	// A value is what stands on the rest of the line up to a blank. Addresses
	// are made of several tokens.
	var b strings.Builder
	for p.peek().line == t.line && p.peek().kind != tokenOption && p.peek().kind != tokenEnd && p.peek().kind != tokenCommand {
		b.WriteString(p.next().text)
	}
	o.Value = b.String()
	return o, nil
}

// define reads NAME=VALUE.
func (p *parser) define() error {
	name := p.tokens[0]
	p.tokens = p.tokens[1:]
	if name.kind != tokenWord {
		return wrong(name.line, "%v where the name of a definition belongs", name)
	}
	if err := p.want("="); err != nil {
		return err
	}
	p.defines[name.text] = p.next()
	return nil
}

// event reads a time and what happens then.
func (p *parser) event() (Event, error) {
	e := Event{Line: p.peek().line}
	var err error
	if e.When, err = p.when(); err != nil {
		return e, err
	}
	t := p.peek()
	switch {
	case t.is("<"), t.is(">"):
		e.Action, err = p.packet()
	case t.kind == tokenCommand:
		e.Action = Command(p.next().text)
	case t.kind == tokenCode:
		e.Action, err = parseCode(p.next())
	case t.kind == tokenWord, t.kind == tokenEllipsis:
		e.Action, err = p.call(e.When)
	default:
		err = wrong(t.line, "%v where a packet, a call, a command or code belongs", t)
	}
	if err != nil {
		return e, err
	}
	if p, ok := e.Action.(*Packet); (!ok || p.Inbound) && e.When.Kind >= Anytime {
		return e, wrong(e.Line, "only a segment that is expected has * or a range as its time")
	}
	return e, nil
}

// when reads the time of an event.
func (p *parser) when() (w When, err error) {
	switch {
	case p.accept("*"):
		return When{Kind: Anytime}, nil
	case p.accept("+"):
		w.Kind = Relative
	}
	if w.From, err = p.seconds(); err != nil {
		return w, err
	}
	if !p.peek().is("~") {
		return w, nil
	}
	p.next()
	if w.Kind == Relative {
		if err := p.want("+"); err != nil {
			return w, err
		}
		w.Kind = RelativeRange
	} else {
		w.Kind = AbsoluteRange
	}
	line := p.peek().line
	if w.To, err = p.seconds(); err != nil {
		return w, err
	}
	if w.To < w.From {
		return w, wrong(line, "a range of time that ends before it begins")
	}
	return w, nil
}

// seconds reads a time in seconds. It has the precision of a microsecond.
func (p *parser) seconds() (time.Duration, error) {
	t := p.next()
	if t.kind != tokenFloat && t.kind != tokenInteger {
		return 0, wrong(t.line, "%v where a time belongs", t)
	}
	s, err := strconv.ParseFloat(t.text, 64)
	if err != nil || s < 0 || s > maxTime.Seconds() {
		return 0, wrong(t.line, "%s is not a time between 0 and %v", t.text, maxTime)
	}
	return time.Duration(math.Round(s*1e6)) * time.Microsecond, nil
}

// uint reads a number of at most bits bits.
func (p *parser) uint(bits int, what string) (uint32, error) {
	t := p.next()
	if t.kind == tokenInteger || t.kind == tokenHex {
		if n, err := strconv.ParseUint(t.text, 0, bits); err == nil {
			return uint32(n), nil
		}
		// Decimal numbers may begin with 0.
		if n, err := strconv.ParseUint(t.text, 10, bits); err == nil {
			return uint32(n), nil
		}
	}
	if t.kind == tokenWord && t.text == strings.ToUpper(t.text) {
		return 0, unsupported(t.line, "%s, which the command line of the original defines", t.text)
	}
	return 0, wrong(t.line, "%v where %s belongs, a number of %d bits", t, what, bits)
}
