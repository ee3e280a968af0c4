package node

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

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

// readList parses a list of texts; absent keys leave *v alone.
func readList[T any](s *section, key, kind, doc string, v *[]T, parse func(string) (T, error)) {
	n := s.find(key, "list of "+kind, doc)
	if n == nil {
		return
	}
	items := s.list(key, n)
	if _, ok := n.(*ast.SequenceNode); ok && len(items) == 0 {
		s.fail(key, "the list is empty: name at least one, or leave the key out")
	}
	*v = nil // what is written replaces the default
	for i, item := range items {
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
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("write a duration above zero such as 500ms, 20s or 5m")
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
		if err != nil || n <= 0 || n > 1<<62>>u.shift {
			break
		}
		return n << u.shift, nil
	}
	return 0, fmt.Errorf("write a size above zero such as 512KiB, 64MiB or 2GiB")
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
