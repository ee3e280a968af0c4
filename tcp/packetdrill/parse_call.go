package packetdrill

import (
	"strconv"
	"time"
)

// call reads a system call: "...0.2 accept(3, ..., ...) = 4".
func (p *parser) call(at When) (_ *Call, err error) {
	c := &Call{}
	if p.peek().kind == tokenEllipsis {
		p.next()
		c.Blocks = true
		line := p.peek().line
		if c.End, err = p.seconds(); err != nil {
			return nil, err
		}
		if c.End < at.From {
			return nil, wrong(line, "a call that ends before it begins")
		}
	}
	name := p.next()
	if name.kind != tokenWord {
		return nil, wrong(name.line, "%v where the name of a call belongs", name)
	}
	c.Name = name.text
	if err := p.want("("); err != nil {
		return nil, err
	}
	if c.Args, err = p.list(")"); err != nil {
		return nil, err
	}
	if err := p.want("="); err != nil {
		return nil, err
	}
	if c.Result, err = p.expr(); err != nil {
		return nil, err
	}
	// "EAGAIN (Try again)", "(flags O_RDWR)"
	if t := p.peek(); t.kind == tokenWord {
		if c.Errno = p.next().text; c.Errno == "EWOULDBLOCK" {
			c.Errno = "EAGAIN" // one number on all systems of today
		}
		if !p.peek().is("(") {
			return nil, wrong(t.line, "%s without its text in parentheses", t.text)
		}
	}
	for p.peek().is("(") {
		if err := p.note(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// note reads words in parentheses, which are for people.
func (p *parser) note() error {
	t := p.next()
	for {
		switch w := p.next(); {
		case w.is(")"):
			return nil
		case w.kind == tokenEnd:
			return wrong(t.line, "a note without an end")
		}
	}
}

// list reads expressions up to the sign end.
func (p *parser) list(end string) ([]Expr, error) {
	var list []Expr
	if p.accept(end) {
		return nil, nil
	}
	for {
		e, err := p.expr()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if !p.accept(",") {
			return list, p.want(end)
		}
	}
}

// expr reads an expression: parts joined by "|".
func (p *parser) expr() (Expr, error) {
	if p.depth++; p.depth > maxDepth {
		return Expr{}, wrong(p.peek().line, "expressions within expressions deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	first, err := p.part()
	if err != nil || !p.peek().is("|") {
		return first, err
	}
	or := Expr{Kind: ExprOr, List: []Expr{first}}
	for p.accept("|") {
		e, err := p.part()
		if err != nil {
			return Expr{}, err
		}
		or.List = append(or.List, e)
	}
	return or, nil
}

// part reads an expression without "|" at its top.
func (p *parser) part() (Expr, error) {
	t := p.next()
	switch {
	case t.kind == tokenEllipsis:
		return Expr{Kind: ExprAny}, nil
	case t.kind == tokenInteger, t.kind == tokenHex:
		return numberExpr(t)
	case t.kind == tokenString:
		e := Expr{Kind: ExprString, Text: t.text}
		for p.peek().kind == tokenString { // strings side by side are one
			e.Text += p.next().text
		}
		if p.peek().kind == tokenEllipsis {
			p.next()
		}
		return e, nil
	case t.is("["):
		list, err := p.list("]")
		return Expr{Kind: ExprList, List: list}, err
	case t.is("{"):
		list, err := p.list("}")
		return Expr{Kind: ExprStruct, List: list}, err
	case t.kind == tokenWord:
		return p.word(t)
	}
	return Expr{}, wrong(t.line, "%v where an argument belongs", t)
}

// word reads a word and what makes more of it: "fd=4", "htons(80)",
// "msg_iov(1)=[...]".
func (p *parser) word(t token) (e Expr, err error) {
	e = Expr{Kind: ExprWord, Text: t.text}
	if p.accept("(") {
		e.Kind = ExprApply
		if e.List, err = p.list(")"); err != nil {
			return e, err
		}
	}
	if !p.accept("=") {
		return e, nil
	}
	value, err := p.expr()
	return Expr{Kind: ExprAssign, Text: t.text, List: []Expr{value}}, err
}

func numberExpr(t token) (Expr, error) {
	n, err := strconv.ParseInt(t.text, 0, 64)
	if err != nil {
		n, err = strconv.ParseInt(t.text, 10, 64) // leading zeros
	}
	if err != nil {
		return Expr{}, wrong(t.line, "%v is not a number of 64 bits", t)
	}
	return Expr{Kind: ExprNumber, Num: n}, nil
}

// field returns the value of name in a struct.
func (e Expr) field(name string) (Expr, bool) {
	for _, f := range e.List {
		if f.Kind == ExprAssign && f.Text == name {
			return f.List[0], true
		}
	}
	return Expr{}, false
}

// milliseconds is a number of a socket option as a time.
func milliseconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), maxTime.Milliseconds())) * time.Millisecond
}
