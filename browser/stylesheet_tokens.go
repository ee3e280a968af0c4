package browser

import (
	"strings"
	"unicode/utf8"
)

// The tokens of a stylesheet, as CSS Syntax 3 §4 divides them, as far as they
// matter to finding URLs.

// tokenKind tells the tokens that matter from all others.
type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenIdent
	tokenAt
	tokenString
	tokenURL
	tokenFunction
	tokenDelim
)

type token struct {
	kind tokenKind
	text string // lower case for idents, at-rules and functions
}

// token reads the next token; space and comments are one delimiter ' '.
func (s *sheet) token() token {
	if s.at >= len(s.text) {
		return token{kind: tokenEnd}
	}
	switch c := s.text[s.at]; {
	case strings.HasPrefix(s.text[s.at:], "/*"):
		end := strings.Index(s.text[s.at+2:], "*/")
		if end < 0 {
			s.at = len(s.text)
		} else {
			s.at += 2 + end + 2
		}
		return token{tokenDelim, " "}
	case isSpace(c):
		s.skipSpace()
		return token{tokenDelim, " "}
	case c == '"' || c == '\'':
		s.at++
		return token{tokenString, s.quoted(c)}
	case c == '@' && s.at+1 < len(s.text) && s.nameAt(s.at+1):
		s.at++
		return token{tokenAt, s.name()}
	case s.nameAt(s.at):
		return s.identLike()
	default:
		s.at++
		return token{tokenDelim, s.text[s.at-1 : s.at]}
	}
}

// identLike reads an ident, a function or a url() (CSS Syntax 3 §4.3.4).
func (s *sheet) identLike() token {
	name := s.name()
	if s.at >= len(s.text) || s.text[s.at] != '(' {
		if name == "" {
			s.at++ // a lone backslash
		}
		return token{tokenIdent, name}
	}
	s.at++
	if name != "url" {
		return token{tokenFunction, name}
	}
	s.skipSpace()
	if s.at < len(s.text) && (s.text[s.at] == '"' || s.text[s.at] == '\'') {
		quote := s.text[s.at]
		s.at++
		url := s.quoted(quote)
		s.closeParen()
		return token{tokenURL, url}
	}
	return token{tokenURL, s.unquoted()}
}

// closeParen skips modifiers and the parenthesis that ends a url().
func (s *sheet) closeParen() {
	for s.at < len(s.text) {
		c := s.text[s.at]
		if c == ';' || c == '}' || c == '{' {
			return // it was never closed
		}
		s.at++
		if c == ')' {
			return
		}
	}
}

// quoted reads a string up to its quote; a newline ends it badly.
func (s *sheet) quoted(quote byte) string {
	var b strings.Builder
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case quote:
			s.at++
			return b.String()
		case '\n':
			return ""
		case '\\':
			s.escape(&b)
		default:
			b.WriteByte(c)
			s.at++
		}
	}
	return b.String()
}

// unquoted reads the rest of a url( without quotes.
func (s *sheet) unquoted() string {
	var b strings.Builder
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == ')':
			s.at++
			return b.String()
		case c == '\\':
			s.escape(&b)
		case isSpace(c):
			s.skipSpace()
			if s.at < len(s.text) && s.text[s.at] != ')' {
				s.closeParen()
				return "" // a bad URL (§4.3.14)
			}
		case c == '"' || c == '\'' || c == '(':
			s.closeParen()
			return ""
		default:
			b.WriteByte(c)
			s.at++
		}
	}
	return b.String()
}

// nameAt reports whether a name goes on at i. Digits may start one here:
// that takes "10px" for a name, which harms nobody.
func (s *sheet) nameAt(i int) bool {
	c := s.text[i]
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '_' || c >= utf8.RuneSelf || c == '\\'
}

func (s *sheet) name() string {
	begin := s.at
	for s.at < len(s.text) && s.nameAt(s.at) && s.text[s.at] != '\\' {
		s.at++
	}
	plain := s.text[begin:s.at]
	if s.at == len(s.text) || s.text[s.at] != '\\' {
		return strings.ToLower(plain)
	}
	var b strings.Builder
	b.WriteString(plain)
	for s.at < len(s.text) && s.nameAt(s.at) {
		if s.text[s.at] == '\\' {
			s.escape(&b)
			continue
		}
		b.WriteByte(s.text[s.at])
		s.at++
	}
	return strings.ToLower(b.String())
}

// escape undoes the escape at the backslash (CSS Syntax 3 §4.3.7).
func (s *sheet) escape(b *strings.Builder) {
	s.at++
	code, digits := rune(0), 0
	for s.at < len(s.text) && digits < 6 {
		d := hexDigit(s.text[s.at])
		if d < 0 {
			break
		}
		code, digits, s.at = code<<4|rune(d), digits+1, s.at+1
	}
	switch {
	case digits > 0:
		if s.at < len(s.text) && isSpace(s.text[s.at]) {
			s.at++
		}
		if code == 0 || !utf8.ValidRune(code) {
			code = utf8.RuneError
		}
		b.WriteRune(code)
	case s.at < len(s.text):
		if s.text[s.at] != '\n' { // an escaped newline continues a string
			b.WriteByte(s.text[s.at])
		}
		s.at++
	}
}

func (s *sheet) skipSpace() {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
