package node

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// This file reads YAML into sections and lists and collects what is wrong with
// its place; values.go reads single values. The shape of the configuration is
// told by the calls in roles.go and sites.go; the same calls, made on no
// document at all, describe the keys for docs/CONFIG.md and
// docs/config.schema.json.

// reader collects the problems of one document, or describes its keys.
type reader struct {
	file     string
	problems Problems
	warnings Problems  // what is odd, and does not hinder
	keys     *[]keyDoc // non-nil: describe instead of reading
}

// keyDoc describes one key of the configuration.
type keyDoc struct {
	path string // e.g. sites[].origin.urls
	kind string // "text", "duration", "list of text", "section", …
	doc  string
}

func (r *reader) fail(at *token.Token, key, format string, args ...any) {
	r.problems = append(r.problems, r.problem(at, key, fmt.Sprintf(format, args...)))
}

// problem gives what is wrong its place.
func (r *reader) problem(at *token.Token, key, what string) Problem {
	p := Problem{File: r.file, Line: 1, Col: 1, Key: key, What: what}
	if at != nil && at.Position != nil {
		p.Line, p.Col = at.Position.Line, at.Position.Column
	}
	return p
}

// document parses text and returns its top section.
func (r *reader) document(text []byte) *section {
	if len(text) > maxConfig {
		r.fail(nil, "", "%d bytes is too long for a configuration, the bound is %d", len(text), maxConfig)
		return &section{r: r}
	}
	if line := tooDeep(text); line > 0 {
		r.problems = append(r.problems, Problem{File: r.file, Line: line, Col: 1, What: fmt.Sprintf("nested deeper than %d levels", maxNesting)})
		return &section{r: r}
	}
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		line, col, what := syntaxError(err)
		r.problems = append(r.problems, Problem{File: r.file, Line: line, Col: col, What: what})
		return &section{r: r}
	}
	switch {
	case len(f.Docs) > 1:
		r.fail(f.Docs[1].Start, "", "a second YAML document: one file holds one configuration")
	case len(f.Docs) == 0 || f.Docs[0].Body == nil:
		r.fail(nil, "", "the file is empty: name at least one role (resolver, authority, edge or origin)")
		return &section{r: r}
	}
	return r.section(f.Docs[0].Body, "")
}

// syntaxError takes the parser's "[line:col] message" apart.
func syntaxError(err error) (line, col int, what string) {
	line, col = 1, 1
	what, _, _ = strings.Cut(err.Error(), "\n")
	if at, rest, ok := strings.Cut(strings.TrimPrefix(what, "["), "] "); ok {
		if l, c, ok := strings.Cut(at, ":"); ok {
			line, _ = strconv.Atoi(l)
			col, _ = strconv.Atoi(c)
			what = rest
		}
	}
	return cmp.Or(line, 1), cmp.Or(col, 1), "not YAML: " + what
}

// section is a YAML mapping being read, or the place of one being described.
type section struct {
	r      *reader
	path   string
	at     *token.Token
	values []*ast.MappingValueNode
	known  []string
}

func (r *reader) section(n ast.Node, path string) *section {
	s := &section{r: r, path: path}
	if n == nil {
		return s
	}
	s.at = n.GetToken()
	switch n := n.(type) {
	case *ast.MappingNode:
		s.values = n.Values
	case *ast.MappingValueNode:
		s.values = []*ast.MappingValueNode{n}
	case *ast.NullNode:
	default:
		r.fail(s.at, path, "%s, where keys and values are wanted", nodeKind(n))
	}
	return s
}

func keyName(v *ast.MappingValueNode) string {
	if k, ok := v.Key.(*ast.StringNode); ok {
		return k.Value
	}
	return v.Key.String()
}

func (s *section) join(key string) string {
	if s.path == "" {
		return key
	}
	return s.path + "." + key
}

// find returns the value of key, or nil, and describes the key.
func (s *section) find(key, kind, doc string) ast.Node {
	s.known = append(s.known, key)
	if s.r.keys != nil {
		*s.r.keys = append(*s.r.keys, keyDoc{s.join(key), kind, doc})
		return nil
	}
	for _, v := range s.values {
		if keyName(v) == key {
			if _, null := v.Value.(*ast.NullNode); null {
				return nil
			}
			return v.Value
		}
	}
	return nil
}

// has reports whether the key is there.
func (s *section) has(key string) bool {
	return slices.ContainsFunc(s.values, func(v *ast.MappingValueNode) bool { return keyName(v) == key })
}

// token is where the key stands, or where the section does.
func (s *section) token(key string) *token.Token {
	for _, v := range s.values {
		if keyName(v) == key {
			return v.Key.GetToken()
		}
	}
	return s.at
}

// fail says what is wrong with a key of the section.
func (s *section) fail(key, format string, args ...any) {
	s.r.fail(s.token(key), s.join(key), format, args...)
}

// need says that a key must be there.
func (s *section) need(key, why string) {
	if s.r.keys == nil && !s.has(key) {
		s.r.fail(s.at, s.join(key), "is missing: %s", why)
	}
}

// done refuses the keys that nobody asked for.
func (s *section) done() {
	for _, v := range s.values {
		k := keyName(v)
		if slices.Contains(s.known, k) {
			continue
		}
		what := "unknown key; known here are " + strings.Join(s.known, ", ")
		if near := nearest(k, s.known); near != "" {
			what = fmt.Sprintf("unknown key: did you mean %q?", near)
		}
		s.r.fail(v.Key.GetToken(), s.join(k), "%s", what)
	}
}

// sub reads a section; it returns nil when the key is absent.
func (s *section) sub(key, doc string) *section {
	n := s.find(key, "section", doc)
	if s.r.keys != nil {
		return &section{r: s.r, path: s.join(key)}
	}
	if n == nil {
		return nil
	}
	return s.r.section(n, s.join(key))
}

// each reads a list of sections.
func (s *section) each(key, doc string, read func(i int, item *section)) {
	n := s.find(key, "list of sections", doc)
	if s.r.keys != nil {
		read(0, &section{r: s.r, path: s.join(key) + "[]"})
		return
	}
	for i, v := range s.list(key, n) {
		item := s.r.section(v, fmt.Sprintf("%s[%d]", s.join(key), i))
		read(i, item)
	}
}

func (s *section) list(key string, n ast.Node) []ast.Node {
	switch n := n.(type) {
	case nil:
		return nil
	case *ast.SequenceNode:
		return n.Values
	}
	s.fail(key, "%s, where a list is wanted: write [ … ] or one line with - for each", nodeKind(n))
	return nil
}
