// Package browser loads a page as a browser does, from the typed text to the
// last subresource, and notes each step.
//
// [Browser.Load] is a list of calls: what was typed becomes a URL
// (address.go); each URL on the way passes the rules that stand above a
// request (policy.go, hsts.go), the memory of permanent redirects
// (redirects.go) and the private cache (private.go), and only then becomes a
// request (request.go) on the network; the response is read, decoded
// (decode.go) and kept, or leads elsewhere (redirect.go); the document is
// read for what it names (discover.go, with stylesheet.go, module.go and
// srcset.go), and its subresources go the same way, by priority (page.go).
// trip.go is the way of one resource, load.go that of the whole page.
//
// What lasts from one load to the next is in a [Profile].
//
// The document half of a browser is not here yet: discover.go scans the
// document where a parser will build it, and no script runs, no style
// matches, nothing is painted. Cookies are neither sent nor kept, a user name
// and password in a URL are not sent, and no response is held back for want
// of CORS, CSP or integrity metadata.
package browser

import (
	"context"
	"time"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/cache"
	"waypost/trace"
)

// Browser loads pages. Its fields are set before the first load and not
// changed afterwards. It is safe for concurrent use.
type Browser struct {
	Fetch *fetch.Client // required
	// Station notes what is done; nil notes nothing.
	Station *trace.Station
	// Profile is what is remembered; nil remembers within one load only.
	Profile *Profile
	// Search is the search engine for what is no URL, with %s for the terms;
	// "" is none: then such text is an error.
	Search string
	// Agent is the User-Agent field; "" means DefaultAgent.
	Agent string
	// Languages is the Accept-Language field; "" means DefaultLanguages.
	Languages string
	Limits    Limits
}

// The defaults of what a Browser says about itself.
const (
	DefaultAgent     = "waypost/0.1 (+record)"
	DefaultLanguages = "en-US,en;q=0.9"
)

// Limits bound one load. Zero values mean the defaults.
type Limits struct {
	Resources int   // subresources fetched
	Body      int64 // bytes of one response body, as transferred
	Decoded   int64 // bytes of one body with its codings undone
	Page      int64 // bytes of all bodies together, as transferred
}

// The defaults of Limits, and the limits that nobody needs to change.
const (
	// DefaultResources is ten times what a heavy page wants.
	DefaultResources = 1000
	// DefaultBody takes the largest images and bundles that pages hold.
	DefaultBody = 32 << 20
	// DefaultDecoded stops a decompression bomb before it hurts: a body that
	// unpacks to more is no web page's.
	DefaultDecoded = 64 << 20
	// DefaultPage is a hundred times the median page.
	DefaultPage = 256 << 20

	// maxRedirects is the limit of Fetch §4.4.
	maxRedirects = 20
	// maxDepth bounds stylesheets and modules that import each other in
	// ever new names.
	maxDepth = 16
)

func (l Limits) withDefaults() Limits {
	if l.Resources <= 0 {
		l.Resources = DefaultResources
	}
	for _, v := range []struct {
		limit *int64
		def   int64
	}{{&l.Body, DefaultBody}, {&l.Decoded, DefaultDecoded}, {&l.Page, DefaultPage}} {
		if *v.limit <= 0 {
			*v.limit = v.def
		}
	}
	return l
}

// Options are the user's wishes for one load. The zero value is a plain
// visit.
type Options struct {
	// Mode is how the cache is used: as usual, reload, or hard reload.
	Mode cache.Mode
	// Method of the document's request; "" means GET. Body and ContentType
	// go with it.
	Method      string
	Body        []byte
	ContentType string
	// Trace sends traceparent (W3C Trace Context) with every request, so
	// that stations of ours can join the record. Others see it too.
	Trace bool
	// DocumentOnly leaves the subresources alone.
	DocumentOnly bool
	// KeepConnections leaves idle connections open after the load. Else
	// they are closed, and their end is part of the record.
	KeepConnections bool
}

// Result is what a load came to. It is complete also when the load failed,
// up to the failure.
type Result struct {
	Trace trace.ID // zero when nothing was noted
	Typed string
	URL   string // the document's final URL; "" when there was none
	// Status is the document's status; 0 when no response came.
	Status      int
	ContentType string
	// Document is the document's body with its codings undone.
	Document []byte
	Title    string
	// Fault and Err say why the load failed: it has no document. A status
	// of 404 or 500 is no failure of the load.
	Fault fault.Kind
	Err   error

	Redirects int // of the document, remembered ones included
	Resources []Resource
	Wanted    int // subresources wanted; those beyond Limits.Resources were not fetched
	Failed    int // subresources without a response, or refused by a rule
	Requests  int // requests that went over the network
	Cached    int // responses that the private cache gave without a request
	Bytes     int64
	Took      time.Duration
}

// Resource is what became of one subresource.
type Resource struct {
	URL         string // as it was named
	Final       string // where redirects led; the same when there were none
	As          string // stylesheet, script, image, font, icon, fetch
	How         string // sync, async, defer, module, preload, lazy, inline
	From        string // the element or rule that named it
	Initiator   string // what holds that element or rule: document, stylesheet, script
	Status      int
	ContentType string
	Source      string // network, private-cache, or validated; "" when there was no response
	Bytes       int64  // as transferred
	Decoded     int64
	Start       time.Duration // from the start of the load
	Took        time.Duration
	Fault       fault.Kind
	Err         error
}

// Load loads the page that typed stands for. The error is the Result's Err;
// the Result is there in any case.
//
// ctx bounds the load. When Load returns, all that it started has ended, but
// for connections that Options keep.
func (b *Browser) Load(ctx context.Context, typed string, o Options) (*Result, error) {
	l := b.open(ctx, typed, o)
	defer l.close()

	u, err := l.address(typed)
	if err != nil {
		return l.failed(err)
	}
	document := l.navigate(u)
	if document.err != nil {
		return l.failed(document.err)
	}
	page := l.parse(document)
	page.loadAll()
	return l.loaded()
}
