package browser

import "strings"

// This file finds the static imports of a module script, without its
// grammar: a scanner over comments, strings, templates, regular expressions
// and brackets that looks at import and export at the top level (ECMA-262
// §16.2.2 and §16.2.3). import() and import.meta are not static. What only a
// parser could tell (is this slash a division?) is guessed from the token
// before it.

// Limits of the scan.
const (
	// maxImports bounds what one module can ask for.
	maxImports = 256
	// maxClause bounds the tokens between import and its from: a list of
	// names, not a program.
	maxClause = 4096
)

// scanImports returns the module specifiers that a module names, in order.
func scanImports(text string) []string {
	s := &module{text: text}
	dot := false // the token before was one: what follows is a property
	for len(s.imports) < maxImports {
		t := s.token()
		if t.kind == scriptEnd {
			break
		}
		if t.kind == scriptWord && len(s.open) == 0 && !dot {
			switch t.text {
			case "import":
				s.importClause()
			case "export":
				s.exportClause()
			}
		}
		dot = t.kind == scriptPunct && t.text == "."
	}
	return s.imports
}

// module is a script being scanned.
type module struct {
	text    string
	at      int
	before  scriptToken  // the one read last
	next    *scriptToken // one read ahead
	open    []byte       // open brackets; '`' stands for a ${ in a template
	over    int          // brackets open beyond maxOpen
	imports []string
}

// maxOpen bounds the open brackets kept; what is nested deeper is not
// followed.
const maxOpen = 1024

// importClause reads what follows import.
func (s *module) importClause() {
	switch t := s.peek(); {
	case t.kind == scriptString:
		s.found(s.token())
	case t.kind == scriptWord, t.text == "{", t.text == "*":
		s.fromClause()
	}
}

// exportClause reads what follows export where that can name a module.
func (s *module) exportClause() {
	if t := s.peek(); t.text == "{" || t.text == "*" {
		s.fromClause()
	}
}

// fromClause reads bindings up to from and a string. What does not belong
// into such a clause ends it and is not taken.
func (s *module) fromClause() {
	base, closed := len(s.open), false
	if s.peek().text == "{" {
		base-- // it has been counted already
	}
	for range maxClause {
		t := s.peek()
		inside := len(s.open) > base
		switch {
		case inside && t.kind != scriptEnd && t.kind != scriptOther:
		case t.kind == scriptWord && t.text == "from":
			s.token()
			if s.peek().kind == scriptString {
				s.found(s.token())
				return
			}
			continue
		case t.kind == scriptWord && !closed && t.text != "import" && t.text != "export":
		case t.kind == scriptPunct && isClausePunct(t.text):
			closed = t.text == "}"
		default:
			return
		}
		s.token()
	}
}

func isClausePunct(p string) bool { return p == "{" || p == "}" || p == "," || p == "*" }

func (s *module) found(t scriptToken) {
	if t.text != "" {
		s.imports = append(s.imports, t.text)
	}
}

// scriptKind tells the tokens that matter.
type scriptKind uint8

const (
	scriptEnd scriptKind = iota
	scriptWord
	scriptString
	scriptPunct
	scriptOther // numbers, templates, regular expressions
)

type scriptToken struct {
	kind scriptKind
	text string
}

// peek looks at the next token without taking it. The brackets that it opens
// or closes count already.
func (s *module) peek() scriptToken {
	if s.next == nil {
		t := s.read()
		s.next = &t
	}
	return *s.next
}

// token takes the next token.
func (s *module) token() scriptToken {
	t := s.peek()
	s.next = nil
	return t
}

// read reads a token from the text and keeps count of brackets.
func (s *module) read() (t scriptToken) {
	defer func() { s.before = t }()
	s.skipBlank()
	if s.at >= len(s.text) {
		return scriptToken{}
	}
	begin := s.at
	switch c := s.text[s.at]; {
	case isWordByte(c):
		for s.at < len(s.text) && isWordByte(s.text[s.at]) {
			s.at++
		}
		return scriptToken{scriptWord, s.text[begin:s.at]}
	case c == '"' || c == '\'':
		return scriptToken{scriptString, s.quoted(c)}
	case c == '`':
		s.at++
		s.template()
		return scriptToken{kind: scriptOther}
	case c == '/' && !s.divides():
		s.regexp()
		return scriptToken{kind: scriptOther}
	default:
		s.at++
		if s.bracket(c) {
			return scriptToken{kind: scriptOther}
		}
		return scriptToken{scriptPunct, s.text[begin:s.at]}
	}
}

// bracket follows the nesting. It reports whether c led back into the text of
// a template, which has been skipped then.
func (s *module) bracket(c byte) bool {
	switch c {
	case '{', '(', '[':
		s.enter(c)
	case '}', ')', ']':
		if s.over > 0 {
			s.over--
			return false
		}
		n := len(s.open)
		if n == 0 {
			return false
		}
		was := s.open[n-1]
		s.open = s.open[:n-1]
		if was == '`' && c == '}' {
			s.template()
			return true
		}
	}
	return false
}

func (s *module) enter(c byte) {
	if len(s.open) == maxOpen {
		s.over++
		return
	}
	s.open = append(s.open, c)
}

// skipBlank skips white space and comments.
func (s *module) skipBlank() {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		var end int
		switch {
		case isSpace(rest[0]) || rest[0] == '\v':
			s.at++
			continue
		case strings.HasPrefix(rest, "//"), strings.HasPrefix(rest, "#!") && s.at == 0:
			end = strings.IndexByte(rest, '\n')
		case strings.HasPrefix(rest, "/*"):
			if end = strings.Index(rest[2:], "*/"); end >= 0 {
				end += 4
			}
		default:
			return
		}
		if end < 0 {
			end = len(rest)
		}
		s.at += end
	}
}

// quoted reads a string literal; simple escapes are undone, which is enough
// for a module specifier. A newline ends it badly.
func (s *module) quoted(quote byte) string {
	var b strings.Builder
	s.at++
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == quote:
			return b.String()
		case c == '\n':
			return ""
		case c == '\\' && s.at < len(s.text):
			b.WriteByte(s.text[s.at])
			s.at++
		default:
			b.WriteByte(c)
		}
	}
	return ""
}

// template skips the text of a template literal up to its end or to a ${.
func (s *module) template() {
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '`':
			return
		case c == '\\' && s.at < len(s.text):
			s.at++
		case c == '$' && s.at < len(s.text) && s.text[s.at] == '{':
			s.at++
			s.enter('`')
			return
		}
	}
}

// regexp skips a regular expression literal; a newline ends it badly.
func (s *module) regexp() {
	s.at++
	class := false
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '\n', c == '/' && !class:
			return
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '\\' && s.at < len(s.text):
			s.at++
		}
	}
}

// divides reports whether a slash after the last token is a division.
func (s *module) divides() bool {
	switch s.before.kind {
	case scriptString, scriptOther:
		return true
	case scriptPunct: // after } a statement begins far more often than a quotient goes on
		return s.before.text == ")" || s.before.text == "]"
	case scriptWord:
		switch s.before.text {
		case "return", "typeof", "case", "in", "of", "do", "else", "void", "delete", "throw", "new", "instanceof", "await", "yield":
			return false
		}
		return true
	}
	return false
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}
