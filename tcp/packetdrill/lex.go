package packetdrill

import (
	"fmt"
	"strings"
)

// Error is why a script cannot be read or run, and where.
type Error struct {
	Line        int
	Reason      string
	Unsupported bool // the script is right, but asks for what is not there
	Syntax      bool // it cannot be read: nothing of it was run
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// wrong is an error in the script itself.
func wrong(line int, format string, args ...any) *Error {
	return &Error{Line: line, Reason: fmt.Sprintf(format, args...)}
}

// unsupported is an error because of what this package leaves out.
func unsupported(line int, format string, args ...any) *Error {
	return &Error{Line: line, Reason: fmt.Sprintf(format, args...), Unsupported: true}
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenOption
	tokenInteger
	tokenFloat
	tokenHex
	tokenWord
	tokenString
	tokenCommand
	tokenCode
	tokenEllipsis
	tokenSign // one character
)

// token is a word of the language. text is what stands in the script,
// without quotes.
type token struct {
	kind tokenKind
	text string
	line int
}

func (t token) String() string {
	if t.kind == tokenEnd {
		return "the end of the script"
	}
	return fmt.Sprintf("%q", t.text)
}

// is reports whether the token is this word or sign.
func (t token) is(text string) bool {
	return (t.kind == tokenWord || t.kind == tokenSign) && t.text == text
}

// MaxTokens bounds a script: each token costs some dozens of bytes, and the
// largest scripts known have 5,000.
const MaxTokens = 100_000

// lex divides a script into tokens. The last one is tokenEnd.
func lex(text string) ([]token, error) {
	l := lexer{rest: text, line: 1}
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		if l.tokens = append(l.tokens, t); t.kind == tokenEnd {
			return l.tokens, nil
		}
		if len(l.tokens) > MaxTokens {
			return nil, wrong(t.line, "more than %d words", MaxTokens)
		}
	}
}

type lexer struct {
	rest   string
	line   int
	tokens []token
}

// take cuts the first n bytes off.
func (l *lexer) take(n int) string {
	s := l.rest[:n]
	l.rest = l.rest[n:]
	l.line += strings.Count(s, "\n")
	return s
}

// next returns the next token after blanks and comments.
func (l *lexer) next() (token, error) {
	for {
		l.take(len(l.rest) - len(strings.TrimLeft(l.rest, " \t\r\n")))
		switch {
		case strings.HasPrefix(l.rest, "//"):
			end := strings.IndexByte(l.rest, '\n')
			if end < 0 {
				end = len(l.rest)
			}
			l.take(end)
		case strings.HasPrefix(l.rest, "/*"):
			end := strings.Index(l.rest[2:], "*/")
			if end < 0 {
				return token{}, wrong(l.line, "a comment without an end")
			}
			l.take(end + 4)
		default:
			return l.token()
		}
	}
}

// token returns what the rest of the script begins with.
func (l *lexer) token() (token, error) {
	if l.rest == "" {
		return token{kind: tokenEnd, line: l.line}, nil
	}
	line, c := l.line, l.rest[0]
	switch {
	case strings.HasPrefix(l.rest, "--") && len(l.rest) > 2 && isWord(l.rest[2]):
		return token{tokenOption, l.take(2 + wordLength(l.rest[2:]))[2:], line}, nil
	case strings.HasPrefix(l.rest, "..."):
		return token{tokenEllipsis, l.take(3), line}, nil
	case strings.HasPrefix(l.rest, "%{"):
		end := strings.Index(l.rest, "}%")
		if end < 0 {
			return token{}, wrong(line, "code without an end")
		}
		text := l.take(end + 2)
		return token{tokenCode, text[2 : len(text)-2], line}, nil
	case c == '"' || c == '`':
		return l.quoted()
	}
	if kind, n := number(l.rest); n > 0 {
		return token{kind, l.take(n), line}, nil
	}
	if isWord(c) {
		return token{tokenWord, l.take(wordLength(l.rest)), line}, nil
	}
	return token{tokenSign, l.take(1), line}, nil
}

// quoted reads a string or a command: until the same quote, which a
// backslash takes into the text.
func (l *lexer) quoted() (token, error) {
	line, quote := l.line, l.rest[0]
	for i := 1; i < len(l.rest); i++ {
		switch l.rest[i] {
		case '\\':
			i++
		case quote:
			kind := tokenString
			if quote == '`' {
				kind = tokenCommand
			}
			text := l.take(i + 1)
			return token{kind, text[1:i], line}, nil
		}
	}
	return token{}, wrong(line, "%c without an end", quote)
}

// number tells which kind of number s begins with and how long it is; a
// length of 0: none. A word may begin with digits (a cookie), so the longer
// one of both wins.
func number(s string) (tokenKind, int) {
	i := 0
	if s[0] == '-' {
		i++
	}
	whole := digits(s[i:])
	i += whole
	if i+1 < len(s) && s[i] == '.' {
		if n := digits(s[i+1:]); n > 0 {
			return tokenFloat, i + 1 + n
		}
	}
	if whole == 0 {
		return 0, 0
	}
	if n := wordLength(s); n > i {
		if strings.HasPrefix(s, "0x") && n > 2 && strings.Trim(s[2:n], "0123456789abcdefABCDEF") == "" {
			return tokenHex, n
		}
		return tokenWord, n
	}
	return tokenInteger, i
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func wordLength(s string) int {
	n := 0
	for n < len(s) && isWord(s[n]) {
		n++
	}
	return n
}
