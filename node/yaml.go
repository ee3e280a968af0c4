package node

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// This file reads YAML into typed values and collects what is wrong with its
// place. The shape of the configuration is told by the calls in config.go;
// the same calls, made on no document at all, describe the keys for
// docs/CONFIG.md and docs/config.schema.json.

// Problem is one thing wrong with a configuration, and where.
type Problem struct {
	File      string
	Line, Col int
	Key       string // the key meant, e.g. sites[0].origin.urls
	What      string // what is wrong, and the mend
}

func (p Problem) Error() string {
	at := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Col)
	if p.Key != "" {
		at += p.Key + ": "
	}
	return at + p.What
}

// Problems is all that is wrong with a configuration, by line.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

const (
	// maxConfig bounds a configuration file: thousands of sites fit, and the
	// parser takes a multiple of the text.
	maxConfig = 4 << 20
	// maxNesting bounds its depth. Its own shape is seven deep, and the
	// parser's memory grows with the square of the depth.
	maxNesting = 64
)

// reader collects the problems of one document, or describes its keys.
type reader struct {
	file     string
	problems Problems
	keys     *[]keyDoc // non-nil: describe instead of reading
}

// keyDoc describes one key of the configuration.
type keyDoc struct {
	path string // e.g. sites[].origin.urls
	kind string // "text", "duration", "list of text", "section", …
	doc  string
}

func (r *reader) fail(at *token.Token, key, format string, args ...any) {
	p := Problem{File: r.file, Line: 1, Col: 1, Key: key, What: fmt.Sprintf(format, args...)}
	if at != nil && at.Position != nil {
		p.Line, p.Col = at.Position.Line, at.Position.Column
	}
	r.problems = append(r.problems, p)
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

// tooDeep returns the first line on which brackets, or the dashes of lists in
// lists, nest too deeply; 0 if there is none. A quote ends with its line here,
// which is exact enough for a bound.
func tooDeep(text []byte) int {
	open := 0
	for i, line := range strings.Split(string(text), "\n") {
		dashes := 0
		for rest, ok := line, true; ok; dashes++ {
			rest, ok = cutMark(rest)
		}
		if open = brackets(open, line); open > maxNesting || dashes > maxNesting {
			return i + 1
		}
	}
	return 0
}

// cutMark cuts a mark that may stand before another value: a list's dash, or
// the question mark of a complex key.
func cutMark(line string) (rest string, ok bool) {
	line = strings.TrimLeft(line, " ")
	if rest, ok = strings.CutPrefix(line, "- "); ok {
		return rest, true
	}
	return strings.CutPrefix(line, "? ")
}

// brackets returns how many are open after a line, or the most that were open
// at once where that is too many.
func brackets(open int, line string) int {
	quote := rune(0)
	for i, c := range line {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && (i == 0 || line[i-1] == ' '):
			return open // a comment
		case c == '[' || c == '{':
			if open++; open > maxNesting {
				return open
			}
		case c == ']' || c == '}':
			open = max(0, open-1)
		}
	}
	return open
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

// scalar returns a node's text; ok is false for lists and sections.
func scalar(n ast.Node) (text string, ok bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.MappingNode:
		if len(n.Values) == 1 {
			return unsplit(n.Values[0])
		}
	}
	return "", false
}

// unsplit undoes a fault of the parser: in {http: [127.0.0.1:80]} it takes
// the address for a key with a value, although no space follows the colon
// (YAML 1.2.2 §7.3.3).
func unsplit(n *ast.MappingValueNode) (text string, ok bool) {
	value, ok := scalar(n.Value)
	colon := n.Start.Position
	if !ok || n.Value.GetToken().Position.Offset != colon.Offset+1 {
		return "", false
	}
	return keyName(n) + ":" + value, true
}

func nodeKind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values stand here"
	case *ast.SequenceNode:
		return "a list stands here"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return "anchors, aliases and tags are not understood"
	}
	return "a single value stands here"
}

// read parses the text of a key with parse; absent keys leave *v alone.
func read[T any](s *section, key, kind, doc string, v *T, parse func(string) (T, error)) {
	n := s.find(key, kind, doc)
	if n == nil {
		return
	}
	*v, _ = value(s, n, s.join(key), kind, parse)
}

// readList parses a list of texts.
func readList[T any](s *section, key, kind, doc string, v *[]T, parse func(string) (T, error)) {
	n := s.find(key, "list of "+kind, doc)
	for i, item := range s.list(key, n) {
		if x, ok := value(s, item, fmt.Sprintf("%s[%d]", s.join(key), i), kind, parse); ok {
			*v = append(*v, x)
		}
	}
}

func value[T any](s *section, n ast.Node, path, kind string, parse func(string) (T, error)) (v T, ok bool) {
	text, ok := scalar(n)
	if !ok {
		s.r.fail(n.GetToken(), path, "%s, where one value (%s) is wanted", nodeKind(n), kind)
		return v, false
	}
	v, err := parse(text)
	if err != nil {
		s.r.fail(n.GetToken(), path, "%q: %v", text, err)
		return v, false
	}
	return v, true
}

func (s *section) text(key, doc string, v *string) { read(s, key, "text", doc, v, parseText) }

func (s *section) texts(key, doc string, v *[]string) { readList(s, key, "text", doc, v, parseText) }

func (s *section) number(key, doc string, v *int) { read(s, key, "number", doc, v, parseNumber) }

func (s *section) flag(key, doc string, v *bool) { read(s, key, "true or false", doc, v, parseFlag) }

func (s *section) duration(key, doc string, v *time.Duration) {
	read(s, key, "duration", doc, v, parseDuration)
}

func (s *section) size(key, doc string, v *int64) { read(s, key, "size", doc, v, parseSize) }

func (s *section) prefixes(key, doc string, v *[]netip.Prefix) {
	readList(s, key, "subnet", doc, v, parsePrefix)
}

// addrs reads addresses; a bare IP address gets the port.
func (s *section) addrs(key, doc string, port uint16, v *[]netip.AddrPort) {
	readList(s, key, "address", doc, v, func(t string) (netip.AddrPort, error) { return ParseAddr(t, port) })
}

func parseText(t string) (string, error) { return t, nil }

func parseNumber(t string) (int, error) {
	n, err := strconv.Atoi(t)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("a whole number, 0 or more, is wanted")
	}
	return n, nil
}

func parseFlag(t string) (bool, error) {
	switch t {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("write true or false")
}

func parseDuration(t string) (time.Duration, error) {
	d, err := time.ParseDuration(t)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("write a duration such as 500ms, 20s or 5m")
	}
	return d, nil
}

func parseSize(t string) (int64, error) {
	for _, u := range []struct {
		suffix string
		shift  uint
	}{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"B", 0}, {"", 0}} {
		digits, ok := strings.CutSuffix(t, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > 1<<62>>u.shift {
			break
		}
		return n << u.shift, nil
	}
	return 0, fmt.Errorf("write a size such as 512KiB, 64MiB or 2GiB")
}

func parsePrefix(t string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(t); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(t)
	if err != nil {
		return p, fmt.Errorf("write a subnet such as 192.0.2.0/24 or 2001:db8::/32")
	}
	if p != p.Masked() {
		return p, fmt.Errorf("has bits set behind the prefix; did you mean %s?", p.Masked())
	}
	return p, nil
}

// ParseAddr reads an IP address with an optional port.
func ParseAddr(t string, port uint16) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(t); err == nil && port != 0 {
		return netip.AddrPortFrom(a, port), nil
	}
	if ap, err := netip.ParseAddrPort(t); err == nil {
		return ap, nil
	}
	example := "127.0.0.1:8080 or [::1]:8080"
	if port != 0 {
		example = fmt.Sprintf("127.0.0.1 (port %d) or 127.0.0.1:8053", port)
	}
	return netip.AddrPort{}, fmt.Errorf("write an IP address with port such as %s; names are not looked up here", example)
}

// nearest returns the known key that a typing error may have meant: at most
// a third of its letters differ.
func nearest(key string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		if d := distance(key, k); d <= (len(k)+2)/3 && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
