package trace

// The facts of the rules that a site's owner has the edge follow.

// LimitDecision is one count against a limit.
type LimitDecision struct {
	Limit      string `json:"limit" doc:"the limit's name"`
	Client     string `json:"client" doc:"the address prefix that counts as one client"`
	Remaining  int    `json:"remaining" doc:"requests that it may still make at once"`
	Concurrent int    `json:"concurrent,omitempty" doc:"requests of it being answered, this one included; absent where they are not counted"`
	Wait       Millis `json:"wait_ms,omitempty" doc:"when it may ask again, where it was refused"`
}

// CORSDecision is an answer to the question who may read a response.
type CORSDecision struct {
	Origin    string   `json:"origin" doc:"the origin that asks"`
	Method    string   `json:"method" doc:"the method, or the one that a preflight asks for"`
	Preflight bool     `json:"preflight" doc:"it was a preflight (Fetch §4.8), answered without the origin server"`
	Fields    []string `json:"fields,omitempty" doc:"the request fields that a preflight asks for"`
}

// AccessDecision is the opening of a private site, or not.
type AccessDecision struct {
	By  string `json:"by" doc:"password (RFC 7617) or signature; none where nothing was shown"`
	Who string `json:"who,omitempty" doc:"the user, or the id of the key that signed"`
}

// CookieDecision is what was taken off a request and its response on a host
// without cookies.
type CookieDecision struct {
	Host          string `json:"host" doc:"the host without cookies"`
	RequestBytes  int    `json:"request_bytes" doc:"bytes of Cookie lines that came and went no further"`
	ResponseBytes int    `json:"response_bytes" doc:"bytes of Set-Cookie lines that came from the origin, or from the store, and went no further"`
}

// HeaderDecision is the changing of fields by the owner's rules.
type HeaderDecision struct {
	To      string   `json:"to" doc:"origin for a request, client for a response"`
	Changes []string `json:"changes" doc:"what was done, in order: set, add or remove, and the field's name"`
}

// CodingDecision is the choice of a content coding for a stored response.
type CodingDecision struct {
	Coding   string `json:"coding" doc:"the coding sent: gzip, br, zstd, or identity for none"`
	Identity int64  `json:"identity_bytes" doc:"the body's size as stored; -1 while it is not known"`
	Coded    int64  `json:"coded_bytes,omitempty" doc:"its size in the coding"`
	Made     bool   `json:"made,omitempty" doc:"it was compressed now; otherwise it was there"`
}

// The kinds of the rules.
const (
	KindLimitDecision  Kind = "limit.decision"
	KindCORSDecision   Kind = "cors.decision"
	KindAccessDecision Kind = "access.decision"
	KindCookieDecision Kind = "cookie.decision"
	KindHeaderDecision Kind = "header.decision"
	KindCodingDecision Kind = "coding.decision"
)

// Kind implements [Fact].
func (LimitDecision) Kind() Kind  { return KindLimitDecision }
func (CORSDecision) Kind() Kind   { return KindCORSDecision }
func (AccessDecision) Kind() Kind { return KindAccessDecision }
func (CookieDecision) Kind() Kind { return KindCookieDecision }
func (HeaderDecision) Kind() Kind { return KindHeaderDecision }
func (CodingDecision) Kind() Kind { return KindCodingDecision }
