// Package cache decides what an HTTP cache may do: RFC 9111, with RFC 9110
// §13–14, RFC 5861, RFC 8246 and RFC 9213.
//
// The browser's private cache and the edge's shared cache ask the same
// functions. They are pure: they do no I/O, hold no state, and the time is an
// argument. A [Verdict] is a few words of memory; the sentence, the clause
// and the bytes that decided it are built by [Verdict.Decision] only when
// somebody records.
package cache

import (
	"time"

	"waypost/http/field"
)

// Request is what a cache needs to know of a request.
type Request struct {
	Method string
	Fields field.Fields
	// Scheme, Host and Path (origin form, query included) are the target
	// URI. Only storing the answer to a POST needs them; they may be empty.
	Scheme, Host, Path string
}

// Response is a stored or storable response, without its body. It is
// read-only once it is shared; [Response.Compile] is called before that.
type Response struct {
	Status int
	Fields field.Fields
	// Asked is when the request was sent and Received when the response's
	// head came: request_time and response_time of RFC 9111 §4.2.3.
	Asked    time.Time
	Received time.Time
	// Selecting holds, for each field that Vary names and the request had,
	// one line with its normalised value. [Stored] fills it.
	Selecting field.Fields
	// Purged is when the owner ended its freshness ([Response.Expired]);
	// zero: never.
	Purged time.Time

	plan plan
}

// Mode is how a user agent's user wants a page. A shared cache leaves it at
// Normal: there the request's own directives say what the client wants.
type Mode uint8

const (
	// Normal uses whatever is fresh.
	Normal Mode = iota
	// Reload validates everything but what is immutable (RFC 8246).
	Reload
	// HardReload takes nothing from the cache and sends no validators.
	HardReload
)

// Rules are a cache's standing orders. The zero value is a private cache
// that does what RFC 9111 says and nothing that it merely allows. Rules are
// read-only while in use.
type Rules struct {
	// Shared tells a cache for many users from a browser's own.
	Shared bool
	// Targeted is the target list of RFC 9213 §2.2, most specific first,
	// e.g. {"CDN-Cache-Control"}.
	Targeted []string
	// DefaultTTL is the lifetime of a response that states none, where the
	// status allows it; it comes before the heuristic. 0: none.
	DefaultTTL time.Duration
	// HeuristicMax caps the heuristic lifetime of RFC 9111 §4.2.2;
	// 0: no heuristic lifetimes.
	HeuristicMax time.Duration
	// Mode is the wish of a browser's user.
	Mode Mode
	// IgnoreRequest disregards the request's Cache-Control and Pragma, as
	// RFC 9111 §5.2.1 allows: clients cannot make the cache go back to the
	// origin. only-if-cached and no-store are heeded all the same.
	IgnoreRequest bool
	// StaleIfError is how long after its freshness a response may serve
	// while the origin fails, when the response itself says nothing about
	// it (RFC 9111 §4.2.4). 0: not at all.
	StaleIfError time.Duration
	// GuardCookies has a shared cache store a response with Set-Cookie only
	// where it speaks of shared caches (public, s-maxage, a targeted field).
	// Without it, a lifetime is enough (RFC 9111 §7.3).
	GuardCookies bool
	// NormalAccept compares Accept-Encoding and Accept-Language by their
	// meaning (case, order and weights) instead of their text when a
	// variant is selected (RFC 9111 §4.1).
	NormalAccept bool
	// Codings, when not empty, are the content codings that the site's
	// origin makes: with NormalAccept, Accept-Encoding is reduced to these
	// before it is compared. Send the origin what [AppendAcceptEncoding]
	// writes, so that the stored response fits the reduced request.
	Codings []string
	// Languages, when not empty, are those that the site's origin answers in,
	// as language tags (RFC 5646), the usual one first: with NormalAccept,
	// Accept-Language is reduced to the one that it likes best. Send the
	// origin what [AppendAcceptLanguage] writes.
	Languages []string
}

// Action is what the cache is to do.
type Action uint8

// The actions of [Use] and [OnError], then those of [Store].
const (
	// Miss: nothing stored serves; ask the origin.
	Miss Action = iota
	// Hit: the stored response serves as it is.
	Hit
	// Stale: it is stale, and the client said that it takes it (max-stale).
	Stale
	// StaleWhileRevalidate: it is stale, serves now, and is to be validated
	// behind the client's back (RFC 5861 §3).
	StaleWhileRevalidate
	// StaleIfError: it is stale and serves because the origin failed
	// (RFC 5861 §4). Only OnError says so.
	StaleIfError
	// Validate: it serves once the origin has confirmed it (RFC 9111 §4.3).
	Validate
	// Pass: the request must not be answered from the cache, nor stored.
	Pass
	// Unsatisfiable: the client wants only what is cached and that is
	// nothing: answer 504 (RFC 9111 §5.2.1.7).
	Unsatisfiable
	// Keep: the response may be stored.
	Keep
	// DoNotKeep: the response must not be stored.
	DoNotKeep
)

// Verdict is a decision in compact form. The zero value is a miss for want
// of anything stored.
type Verdict struct {
	Action Action
	why    reason
	// Age is the current age of the stored response (RFC 9111 §4.2.3) and
	// Lifetime its freshness lifetime (§4.2.1); both zero when there is none.
	Age      time.Duration
	Lifetime time.Duration
	limit    time.Duration // the bound that a directive set, where one decided
}

// Disconnected reports whether a verdict of [OnError] is that the stored
// response must not be used before the origin has confirmed it. Where that
// cannot be reached, the answer should be 504 (RFC 9111 §5.2.2.2, and §5.2.2.8
// and §5.2.2.10 by way of it).
func (v Verdict) Disconnected() bool {
	return v.why == errorMustRevalidate || v.why == errorSharedMaxAge
}

// Asked reports whether a verdict of [OnError] rests on a stale-if-error
// directive, of the response or of the request (RFC 5861 §4). Else the cache
// serves by its own leave (RFC 9111 §4.2.4).
func (v Verdict) Asked() bool { return v.why == errorWindow || v.why == errorRequested }

// Serves reports whether the stored response is to be sent now, without
// waiting for the origin.
func (v Verdict) Serves() bool {
	return v.Action == Hit || v.Action == Stale || v.Action == StaleWhileRevalidate || v.Action == StaleIfError
}
