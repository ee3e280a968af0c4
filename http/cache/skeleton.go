package cache

import (
	"time"

	"waypost/http/field"
	"waypost/trace"
)

type plan struct{}
type reason uint8

// Compile reads once the fields of r that decide, so that [Use] need not.
// It is called before r is shared. Rules that differ later cost time, not
// correctness: Use then reads the fields anew.
func (r *Response) Compile(rules *Rules) {}

// String is the action's name.
func (a Action) String() string { return "" }

// Decision puts the verdict into words. The arguments are those that the
// verdict was made of; stored may be nil where there was none.
func (v Verdict) Decision(rules *Rules, req *Request, resp *Response) *trace.Decision { return nil }

// Use says whether stored may answer req now. stored is nil when nothing is.
func Use(now time.Time, rules *Rules, req *Request, stored *Response) Verdict { return Verdict{} }

// OnError says whether stored may serve although the origin failed: status
// is its 5xx, or 0 when it could not be reached. The action is StaleIfError
// or Hit, or Miss.
func OnError(now time.Time, rules *Rules, req *Request, stored *Response, status int) Verdict {
	return Verdict{}
}

// Store says whether resp, the answer to req, may be stored: Keep or DoNotKeep.
func Store(now time.Time, rules *Rules, req *Request, resp *Response) Verdict { return Verdict{} }

// Stored returns resp in the form in which it is kept: its own memory,
// without the fields that must not be stored (RFC 9111 §3.1), with Selecting
// filled in and compiled.
func Stored(rules *Rules, req *Request, resp *Response) *Response { return nil }

// Matches reports whether req selects the stored response (RFC 9111 §4.1).
func Matches(rules *Rules, req field.Fields, stored *Response) bool { return false }

// Select returns the index of the most recent variant that req selects, or -1.
func Select(rules *Rules, req field.Fields, variants []*Response) int { return -1 }

// AppendAcceptEncoding appends the Accept-Encoding value that rules reduce req's to.
func AppendAcceptEncoding(dst []byte, rules *Rules, req field.Fields) []byte { return dst }

// Validators returns the fields that make a request conditional on the
// stored variants: If-None-Match, or for a single one without entity tag
// (and beside it) If-Modified-Since (RFC 9111 §4.3.1).
func Validators(stored ...*Response) field.Fields { return nil }

// Freshened returns the indices of the variants that a 304 confirms
// (RFC 9111 §4.3.4), nil when it confirms none: then ask again without
// validators.
func Freshened(variants []*Response, notModified *Response) []int { return nil }

// Refresh returns stored with the fields of a 304 (RFC 9111 §3.2, §4.3.4),
// compiled.
func Refresh(rules *Rules, stored, notModified *Response) *Response { return nil }

// RefreshHead is Refresh with the response to a HEAD (RFC 9111 §4.3.5). It
// reports false when the response shows that stored is outdated: validate it.
func RefreshHead(rules *Rules, stored, head *Response) (*Response, bool) { return nil, false }

// Age is the current age of r (RFC 9111 §4.2.3).
func Age(now time.Time, r *Response) time.Duration { return 0 }

// Lifetime is the freshness lifetime of r (RFC 9111 §4.2.1).
func Lifetime(rules *Rules, r *Response) time.Duration { return 0 }

// Invalidates reports whether a response with that status to that method
// makes what is stored for the target URI invalid (RFC 9111 §4.4).
func Invalidates(method string, status int) bool { return false }

// InvalidatesAlso returns the origin-form targets (path and query), beside
// the request's own, that the response's Location and Content-Location name
// on the same origin (RFC 9111 §4.4).
func InvalidatesAlso(scheme, host, path string, resp field.Fields) []string { return nil }

// Validator is what a representation can be compared by.
type Validator struct {
	ETag         string    // as in the field, quoted, with W/ where weak; "" for none
	LastModified time.Time // zero for none
	Exists       bool      // there is a current representation
	Date         time.Time // when the representation was sent, for RFC 9110 §8.8.2.2; zero: unknown
}

// ValidatorOf returns r's validators.
func ValidatorOf(r *Response) Validator { return Validator{} }

// Precondition evaluates the request's preconditions in the order of RFC
// 9110 §13.2.2. status is 0 to proceed, 304 or 412; clause names the rule
// and because the field that decided. If-Range is not its business.
func Precondition(method string, req field.Fields, current Validator) (status int, clause, because string) {
	return 0, "", ""
}

// Range is one part of a representation: Length > 0 bytes from Start.
type Range struct{ Start, Length int64 }

// ContentRange is the Content-Range value for r of a representation of size bytes.
func (r Range) ContentRange(size int64) string { return "" }

// ParseRange reads a Range value for a representation of size bytes. An
// error is either [ErrUnsatisfiable] (answer 416 with [UnsatisfiedRange]) or
// [ErrIgnoreRange] (answer as if the field were not there).
func ParseRange(value string, size int64) ([]Range, error) { return nil, nil }

// UnsatisfiedRange is the Content-Range value of a 416.
func UnsatisfiedRange(size int64) string { return "" }

type rangeError string

func (e rangeError) Error() string { return string(e) }

const (
	ErrUnsatisfiable = rangeError("range not satisfiable")
	ErrIgnoreRange   = rangeError("range ignored")
)

// IfRange reports whether the request's Range applies: there is no If-Range,
// or it matches current (RFC 9110 §13.1.5).
func IfRange(req field.Fields, current Validator) bool { return true }

// ParseDate reads an HTTP-date in any of the three forms of RFC 9110 §5.6.7.
func ParseDate(s string) (time.Time, bool) { return time.Time{}, false }

// AppendDate appends t as an IMF-fixdate.
func AppendDate(dst []byte, t time.Time) []byte { return dst }

// AppendKey appends the cache key of a target URI to dst: what is equivalent
// by RFC 9110 §4.2.3 has one key. path is the origin form, query included.
func AppendKey(dst []byte, site, scheme, host, path string) []byte { return dst }
