package rules

import (
	"fmt"
	"strings"
	"unsafe"

	"waypost/cdn"
	"waypost/http/field"
)

// Key says what a request's key has besides the target URI.
type Key struct {
	query   *Query
	cookies []cdn.Part
	headers []cdn.Part
	device  bool
	endings []string // that a key may have, the empty one among them
}

// maxEndings bounds the variants that cookies, fields and devices make of one
// resource: a change of the resource has to drop each of them.
const maxEndings = 256

// NewKey compiles the rule; nil where there is nothing to it.
func NewKey(in *cdn.Key) (*Key, error) {
	q, err := newQuery(in.Ignore, in.Only, in.Sort)
	if err != nil {
		return nil, err
	}
	for _, l := range append(append([]string(nil), in.Codings...), in.Languages...) {
		if !isToken(l) {
			return nil, fmt.Errorf("%q: write a coding such as br, or a language such as de", l)
		}
	}
	k := &Key{query: q, cookies: in.Cookies, headers: in.Headers, device: in.Device, endings: []string{""}}
	if q == nil && len(in.Cookies)+len(in.Headers) == 0 && !in.Device {
		return nil, nil
	}
	for _, p := range in.Cookies {
		if err := k.addPart("cookie", p); err != nil {
			return nil, err
		}
	}
	for _, p := range in.Headers {
		if err := k.addPart("header", p); err != nil {
			return nil, err
		}
	}
	if in.Device {
		k.multiply([]string{" device=mobile", " device=desktop"})
	}
	if len(k.endings) > maxEndings {
		return nil, fmt.Errorf("cookies, headers and devices make %d variants of each resource, the bound is %d", len(k.endings), maxEndings)
	}
	return k, nil
}

// addPart takes in a cookie or a field.
func (k *Key) addPart(kind string, p cdn.Part) error {
	if !isToken(p.Name) {
		return fmt.Errorf("%s %q is no name", kind, p.Name)
	}
	if len(p.Values) == 0 || len(p.Values) > maxEndings {
		return fmt.Errorf("%s %s: list its values, %d at most: what is not listed passes the cache", kind, p.Name, maxEndings)
	}
	ways := []string{""} // absent
	for _, v := range p.Values {
		if v == "" || strings.ContainsFunc(v, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == ';' || c == ',' || c == '"' }) {
			return fmt.Errorf("%s %s: the value %q is not one without spaces, commas and quotes", kind, p.Name, v)
		}
		ways = append(ways, " "+kind+":"+p.Name+"="+v)
	}
	k.multiply(ways)
	return nil
}

// multiply gives every ending every one of ways to go on.
func (k *Key) multiply(ways []string) {
	if len(k.endings) > maxEndings {
		return // too many already
	}
	var all []string
	for _, e := range k.endings {
		for _, w := range ways {
			all = append(all, e+w)
		}
	}
	k.endings = all
}

// Target is the target as the key has it; see [Query.Target]. It may be
// called on nil.
func (k *Key) Target(buf []byte, target string) (out string, used []byte) {
	if k == nil {
		return target, buf
	}
	return k.query.Target(buf, target)
}

// Append appends to a key what it has besides the target: " name=value" for
// each part that the request has. A target holds no spaces. stray is the
// name of a part whose value is none of those listed: such a request must
// pass the cache. It does not allocate where dst has room.
func (k *Key) Append(dst []byte, req field.Fields) (key []byte, stray string) {
	for _, p := range k.cookies {
		value, n := cookie(req, p.Name)
		if n == 0 {
			continue
		}
		if n > 1 || !listedValue(p.Values, value) {
			return dst, p.Name
		}
		dst = appendPart(dst, "cookie:", p.Name, value)
	}
	for _, p := range k.headers {
		value, ok := req.Lookup(p.Name)
		if !ok {
			continue
		}
		if req.Count(p.Name) > 1 || !listedValue(p.Values, value) {
			return dst, p.Name
		}
		dst = appendPart(dst, "header:", p.Name, value)
	}
	if k.device {
		dst = append(append(dst, " device="...), Device(req)...)
	}
	return dst, ""
}

func appendPart(dst []byte, kind, name, value string) []byte {
	dst = append(append(dst, ' '), kind...)
	dst = append(append(dst, name...), '=')
	return append(dst, value...)
}

func listedValue(values []string, value string) bool {
	for _, v := range values {
		if v == value {
			return true
		}
	}
	return false
}

// Endings returns all that Append may append, to find every variant of a
// resource. The nil Key has the empty one alone. It must not be changed.
func (k *Key) Endings() []string {
	if k == nil {
		return noEnding[:]
	}
	return k.endings
}

var noEnding = [1]string{""}

// Outward tells the origin the class of the device, where that counts: what
// it sends is for the whole class.
func (k *Key) Outward(out *field.Fields, req field.Fields) {
	if k != nil && k.device {
		out.Del(DeviceField)
		out.Add(DeviceField, Device(req))
	}
}

// Inward takes out of the Vary of a response what the key has seen to.
func (k *Key) Inward(in *field.Fields) {
	if k == nil {
		return
	}
	for i := range k.headers {
		DropVary(in, k.headers[i].Name)
	}
	if k.device {
		DropVary(in, "User-Agent")
		DropVary(in, "Sec-CH-UA-Mobile")
		DropVary(in, DeviceField)
	}
}

// Decorate says to other caches by what responses differ.
func (k *Key) Decorate(out *field.Fields) {
	if k == nil {
		return
	}
	if k.device {
		AddVary(out, "User-Agent")
		AddVary(out, "Sec-CH-UA-Mobile")
	}
	if len(k.cookies) > 0 {
		AddVary(out, "Cookie")
	}
	for i := range k.headers {
		AddVary(out, k.headers[i].Name)
	}
}

// cookie returns the value of the first cookie with that name, and how many
// there are (RFC 6265 §5.4).
func cookie(req field.Fields, name string) (value string, n int) {
	for i := range req {
		if !field.Is(req[i].Name, "Cookie") {
			continue
		}
		for rest := req[i].Value; rest != ""; {
			var pair string
			pair, rest, _ = strings.Cut(rest, ";")
			has, v, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			if has != name {
				continue
			}
			if n++; n == 1 {
				value = v
			}
		}
	}
	return value, n
}

// text is b as a string, valid as long as b is left alone.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
