package packetdrill

import (
	"strings"
)

// statement is a statement of code: a line of Python, of which there are
// "assert CONDITION, MESSAGE", "NAME = VALUE", "NAME += VALUE" and "print(…)".
type statement struct {
	line  int
	text  string // as it stands in the script
	name  string // what is assigned; empty: an assertion
	add   bool   // +=
	value node
}

// node is an expression of code.
type node struct {
	op    string // "number", "name", "call", "compare" or an operator
	text  string // of "name" and "call"
	value float64
	args  []node
	ops   []string // of "compare": between the args
}

// parseCode reads a snippet.
func parseCode(t token) (*Code, error) {
	c := &Code{Text: strings.TrimSpace(t.text)}
	line, begun := t.line, ""
	for s := range strings.SplitSeq(t.text, "\n") {
		if before, ok := strings.CutSuffix(strings.TrimRight(s, " \t\r"), "\\"); ok {
			begun += before + " " // the statement goes on in the next line
			line++
			continue
		}
		for part := range strings.SplitSeq(cutComment(begun+s), ";") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			st, err := parseStatement(line, part)
			if err != nil {
				return nil, err
			}
			if st.text != "" {
				c.statements = append(c.statements, st)
			}
		}
		begun = ""
		line++
	}
	return c, nil
}

// cutComment cuts a comment off. A "#" in a string is not looked for: no
// condition compares strings.
func cutComment(s string) string {
	s, _, _ = strings.Cut(s, "#")
	return s
}

// parseStatement reads one statement. What has no effect on the outcome, a
// print, is an empty one.
func parseStatement(line int, s string) (statement, error) {
	st := statement{line: line, text: s}
	rest, isAssert := strings.CutPrefix(s, "assert")
	if isAssert && rest != "" && isWord(rest[0]) {
		isAssert = false
	}
	n := 0
	for n < len(s) && isWord(s[n]) {
		n++
	}
	after := strings.TrimLeft(s[n:], " \t")
	switch {
	case isAssert:
	case strings.HasPrefix(s, "print"):
		return statement{}, nil
	case n > 0 && strings.HasPrefix(after, "+="):
		st.name, st.add, rest = s[:n], true, after[2:]
	case n > 0 && strings.HasPrefix(after, "=") && !strings.HasPrefix(after, "=="):
		st.name, rest = s[:n], after[1:]
	default:
		return st, unsupported(line, "code other than assert, print and assignments: %s", s)
	}
	p := codeParser{rest: rest, line: line, text: s}
	var err error
	if st.value, err = p.condition(0); err != nil {
		return st, err
	}
	p.blanks()
	// A message may follow an assertion. It is told by the values instead.
	if p.rest != "" && (p.rest[0] != ',' || !isAssert) {
		return st, p.refuse()
	}
	return st, nil
}

type codeParser struct {
	rest  string
	text  string // the whole statement, for messages
	line  int
	depth int
}

func (p *codeParser) refuse() error {
	return unsupported(p.line, "code that is more than comparisons of numbers: %s", p.text)
}

func (p *codeParser) blanks() { p.rest = strings.TrimLeft(p.rest, " \t\r") }

// accept takes op where it comes next. Operators that are words end where
// the word does, and a sign is not the beginning of a longer one.
func (p *codeParser) accept(op string) bool {
	p.blanks()
	after, ok := strings.CutPrefix(p.rest, op)
	if !ok {
		return false
	}
	if after != "" {
		if isWord(op[0]) && isWord(after[0]) {
			return false
		}
		if (op == "<" || op == ">") && (after[0] == '=' || after[0] == op[0]) {
			return false
		}
	}
	p.rest = after
	return true
}

// levels are the binary operators from the loosest to the tightest. The
// comparisons, which are chained, have a level of their own: nil.
var levels = [...][]string{
	{"or"}, {"and"}, {"not"}, nil, {"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "//", "/", "%"},
}

var comparisons = [...]string{"==", "!=", "<=", ">=", "<", ">"}

// condition reads an expression of this level.
func (p *codeParser) condition(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	if ops := levels[level]; ops == nil {
		return p.comparison(level)
	} else if ops[0] == "not" {
		if !p.accept("not") {
			return p.condition(level + 1)
		}
		if p.depth++; p.depth > maxDepth {
			return node{}, p.refuse()
		}
		arg, err := p.condition(level)
		p.depth--
		return node{op: "not", args: []node{arg}}, err
	}
	left, err := p.condition(level + 1)
	if err != nil {
		return left, err
	}
next:
	for {
		for _, op := range levels[level] {
			if !p.accept(op) {
				continue
			}
			right, err := p.condition(level + 1)
			if err != nil {
				return right, err
			}
			left = node{op: op, args: []node{left, right}}
			continue next
		}
		return left, nil
	}
}

// comparison reads "990 <= x <= 1010".
func (p *codeParser) comparison(level int) (node, error) {
	first, err := p.condition(level + 1)
	if err != nil {
		return first, err
	}
	c := node{op: "compare", args: []node{first}}
next:
	for {
		for _, op := range comparisons {
			if !p.accept(op) {
				continue
			}
			arg, err := p.condition(level + 1)
			if err != nil {
				return arg, err
			}
			c.ops, c.args = append(c.ops, op), append(c.args, arg)
			continue next
		}
		if len(c.ops) == 0 {
			return first, nil
		}
		return c, nil
	}
}

// unary reads a sign, a number, a name, a call or parentheses.
func (p *codeParser) unary() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return node{}, p.refuse()
	}
	defer func() { p.depth-- }()
	if p.accept("-") {
		arg, err := p.unary()
		return node{op: "minus", args: []node{arg}}, err
	}
	if p.accept("(") {
		inner, err := p.condition(0)
		if err == nil && !p.accept(")") {
			err = p.refuse()
		}
		return inner, err
	}
	p.blanks()
	if p.rest == "" {
		return node{}, p.refuse()
	}
	if kind, n := number(p.rest); n > 0 && kind != tokenWord {
		text := p.rest[:n]
		p.rest = p.rest[n:]
		return numberNode(kind, text, p)
	}
	n := wordLength(p.rest)
	if n == 0 {
		return node{}, p.refuse()
	}
	name := p.rest[:n]
	p.rest = p.rest[n:]
	if !p.accept("(") {
		return node{op: "name", text: name}, nil
	}
	return p.call(name)
}

// call reads the arguments of a function.
func (p *codeParser) call(name string) (node, error) {
	if _, ok := functions[name]; !ok {
		return node{}, p.refuse()
	}
	c := node{op: "call", text: name}
	for {
		arg, err := p.condition(0)
		if err != nil {
			return c, err
		}
		c.args = append(c.args, arg)
		if p.accept(")") {
			return c, nil
		}
		if !p.accept(",") {
			return c, p.refuse()
		}
	}
}
