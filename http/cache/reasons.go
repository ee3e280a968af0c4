package cache

// reason is why a verdict is what it is. Its words stand in grounds.
type reason uint8

const (
	nothingStored reason = iota

	// Use: before anything stored is looked at.
	noVariant
	methodNotCached
	preconditionForOrigin
	onlyIfCached

	// Use: what is stored was judged.
	fresh
	freshImmutable
	hardReload
	reload
	responseNoCache
	requestNoCache
	requestPragma
	requestMaxAge
	requestMinFresh
	requestMaxStale
	staleMustRevalidate
	staleSharedMaxAge
	staleWindow
	stale
	stalePurged

	// OnError.
	noError
	errorUnwanted
	errorNoCache
	errorMustRevalidate
	errorSharedMaxAge
	errorStillFresh
	errorWindow
	errorRequested
	errorConfigured
	errorTooStale

	// Store: refused.
	postNotKept
	methodNotKept
	interim
	partial
	requestNoStore
	notUnderstood
	responseNoStore
	responsePrivate
	authorized
	varyStar
	statusNotCacheable
	cookieGuess
	cookieGuarded
	nothingToValidate
	lifetimeInvalid
	nothingToUse

	// Store: kept.
	keptToValidate
	keptSMaxAge
	keptMaxAge
	keptExpires
	keptDefault
	keptHeuristic
	keptCookie

	reasons // their number
)

// ground is a reason in words. In the sentences {age}, {lifetime}, {limit},
// {over} (how long stale) and {left} (how long still fresh) are durations,
// {status} and {method} what they say, {field} the field that governs.
type ground struct {
	reason string
	clause string
	bytes  evidence
	remedy string
}

const (
	moreLifetime = "a longer lifetime: {field}: {directive}={enough}"
	orWindow     = moreLifetime + ", or {field}: stale-while-revalidate={window}"
)

var grounds = [reasons]ground{
	nothingStored: {"nothing is stored for this key", "RFC 9111 §4", evidence{}, "the same request again, once the response is stored"},
	noVariant: {"what is stored was chosen for other request fields", "RFC 9111 §4.1", evidence{field: "Vary"},
		"the same values in the fields that Vary names, or a Vary that names fewer"},
	methodNotCached: {"the answer to {method} does not come from a cache", "RFC 9111 §4", evidence{method: true}, "GET or HEAD"},
	preconditionForOrigin: {"only the origin may evaluate this precondition", "RFC 9111 §4.3.2",
		evidence{asked: []string{"If-Match", "If-Unmodified-Since"}}, "a request without it"},
	onlyIfCached: {"the client wants only what is cached, and nothing cached serves", "RFC 9111 §5.2.1.7",
		evidence{asks: []string{"only-if-cached"}}, "a request without only-if-cached"},

	fresh: {"it is {age} old and stays fresh for {lifetime}", "RFC 9111 §4.2", evidence{lifetime: true}, ""},
	freshImmutable: {"it is immutable while it is fresh, for {left} more, so that a reload need not ask", "RFC 8246 §2",
		evidence{says: []string{"immutable"}}, ""},
	hardReload: {"the user wants the page without the cache", "RFC 9111 §5.2.1.4", evidence{}, "a normal load"},
	reload:     {"the user reloads, which confirms what is stored", "RFC 9111 §5.2.1.1", evidence{}, "{field}: immutable, or a normal load"},
	responseNoCache: {"the response says that each use must be confirmed", "RFC 9111 §5.2.2.4",
		evidence{says: []string{"no-cache"}}, "{field} without no-cache"},
	requestNoCache: {"the client wants it confirmed", "RFC 9111 §5.2.1.4", evidence{asks: []string{"no-cache"}}, "a request without no-cache"},
	requestPragma:  {"the client wants it confirmed", "RFC 9111 §5.4", evidence{asked: []string{"Pragma"}}, "a request without Pragma: no-cache"},
	requestMaxAge: {"it is {age} old and the client wants it no older than {limit}", "RFC 9111 §5.2.1.1",
		evidence{asks: []string{"max-age"}}, "a request with a max-age of at least {ageup}"},
	requestMinFresh: {"it stays fresh for {left} and the client wants {limit}", "RFC 9111 §5.2.1.3",
		evidence{asks: []string{"min-fresh"}}, "a request with a min-fresh of at most {leftdown}"},
	requestMaxStale: {"it has been stale for {over} and the client takes that", "RFC 9111 §5.2.1.2",
		evidence{asks: []string{"max-stale"}}, moreLifetime},
	staleMustRevalidate: {"it has been stale for {over} and must not serve stale", "RFC 9111 §5.2.2.2",
		evidence{says: []string{"must-revalidate", "proxy-revalidate"}}, moreLifetime},
	staleSharedMaxAge: {"it has been stale for {over}, and its s-maxage forbids a shared cache to serve it stale", "RFC 9111 §5.2.2.10",
		evidence{says: []string{"s-maxage"}}, orWindow},
	staleWindow: {"it has been stale for {over} and may serve for {limit} while it is confirmed", "RFC 5861 §3",
		evidence{says: []string{"stale-while-revalidate"}}, moreLifetime},
	stale: {"it is {age} old and was fresh for {lifetime}", "RFC 9111 §4.2", evidence{lifetime: true}, orWindow},

	stalePurged: {"its owner ended its freshness (a soft purge) when it was {lifetime} old", "RFC 9111 §4.4", evidence{}, ""},

	noError:       {"the origin answered with no error of its own", "RFC 5861 §4", evidence{}, ""},
	errorUnwanted: {"the client wants it confirmed, and the origin failed", "RFC 9111 §5.2.1.4", evidence{asks: []string{"no-cache"}}, "a request that takes what is cached"},
	errorNoCache: {"each use must be confirmed, and the origin failed", "RFC 9111 §5.2.2.4",
		evidence{says: []string{"no-cache"}}, "{field} without no-cache"},
	errorMustRevalidate: {"it has been stale for {over} and must not serve stale, though the origin failed", "RFC 9111 §5.2.2.2",
		evidence{says: []string{"must-revalidate", "proxy-revalidate"}}, "{field}: stale-if-error={enoughstale}, without must-revalidate"},
	errorSharedMaxAge: {"it has been stale for {over}, and its s-maxage forbids a shared cache to serve it stale, though the origin failed",
		"RFC 9111 §5.2.2.10", evidence{says: []string{"s-maxage"}}, "{field}: stale-if-error={enoughstale}"},
	errorStillFresh: {"the origin failed, and it is still fresh for {left}", "RFC 9111 §4.2.4", evidence{lifetime: true}, ""},
	errorWindow: {"the origin failed, and it may serve for {limit} after its freshness then", "RFC 5861 §4",
		evidence{says: []string{"stale-if-error"}}, ""},
	errorRequested: {"the origin failed, and the client takes what has been stale for up to {limit}", "RFC 5861 §4",
		evidence{asks: []string{"stale-if-error"}}, ""},
	errorConfigured: {"the origin failed, and this cache serves what has been stale for up to {limit}", "RFC 9111 §4.2.4", evidence{}, ""},
	errorTooStale: {"the origin failed, and nothing permits to serve what has been stale for {over}", "RFC 9111 §4.2.4",
		evidence{says: []string{"stale-if-error"}}, "{field}: stale-if-error={enoughstale}"},

	postNotKept: {"the answer to a POST is kept only if it states a lifetime and is the representation of its own URL", "RFC 9110 §9.3.3",
		evidence{field: "Content-Location", method: true}, "Content-Location with the request's URL, and max-age"},
	methodNotKept:  {"the answer to {method} serves no other request", "RFC 9111 §3", evidence{method: true}, "GET"},
	interim:        {"an interim response is not stored", "RFC 9111 §3", evidence{status: true}, ""},
	partial:        {"{status} says something about a whole response, and is none", "RFC 9111 §3", evidence{status: true}, "a request without Range or preconditions"},
	requestNoStore: {"the client forbids to store the answer", "RFC 9111 §5.2.1.5", evidence{asks: []string{"no-store"}}, "a request without no-store"},
	notUnderstood: {"what {status} demands of caches is not known here", "RFC 9111 §5.2.2.3",
		evidence{says: []string{"must-understand"}}, "a status code of RFC 9110"},
	responseNoStore: {"the response forbids to store it", "RFC 9111 §5.2.2.5", evidence{says: []string{"no-store"}}, "{field} without no-store"},
	responsePrivate: {"the response is for one user, and this cache has many", "RFC 9111 §5.2.2.7", evidence{says: []string{"private"}}, "{field} without private"},
	authorized: {"the request has credentials, and the response does not say that others may have it", "RFC 9111 §3.5",
		evidence{asked: []string{"Authorization"}}, "{field}: public"},
	varyStar:           {"it was chosen by more than request fields", "RFC 9111 §4.1", evidence{field: "Vary"}, "a Vary that names the fields"},
	statusNotCacheable: {"{status} states no lifetime, and none may be guessed for it", "RFC 9111 §4.2.2", evidence{status: true}, "{field}: max-age=60"},
	cookieGuess: {"it sets a cookie, and the origin states no lifetime", "RFC 9111 §7.3", evidence{field: "Set-Cookie"},
		"{field}: s-maxage=60, or no-cache=\"set-cookie\""},
	cookieGuarded: {"it sets a cookie, and does not say that shared caches may keep it, as this site wants it said", "RFC 9111 §7.3",
		evidence{field: "Set-Cookie"}, "{field}: s-maxage=60, or no-cache=\"set-cookie\""},
	nothingToValidate: {"each use must be confirmed, and there is nothing to confirm it by", "RFC 9111 §5.2.2.4", evidence{says: []string{"no-cache"}}, "an ETag"},
	lifetimeInvalid: {"what states its lifetime is invalid, so it is stale, and there is nothing to confirm it by", "RFC 9111 §4.2.1",
		evidence{lifetime: true}, "{field}: max-age=60"},
	nothingToUse: {"it is never fresh, and there is nothing to confirm it by", "RFC 9111 §3", evidence{lifetime: true}, "{field}: max-age=60, or an ETag"},

	keptToValidate: {"it may be stored, and serves once it is confirmed", "RFC 9111 §4.3", evidence{says: []string{"no-cache"}, field: "ETag"}, ""},
	keptSMaxAge:    {"it may be stored, and is fresh for {lifetime}", "RFC 9111 §5.2.2.10", evidence{lifetime: true}, ""},
	keptMaxAge:     {"it may be stored, and is fresh for {lifetime}", "RFC 9111 §5.2.2.1", evidence{lifetime: true}, ""},
	keptExpires:    {"it may be stored, and is fresh for {lifetime}", "RFC 9111 §5.3", evidence{lifetime: true}, ""},
	keptDefault:    {"it states no lifetime, and this cache gives it {lifetime}", "RFC 9111 §4.2.2", evidence{}, ""},
	keptCookie: {"it may be stored, and is fresh for {lifetime}, with the cookie that it sets: all who are served it get the same one", "RFC 9111 §7.3",
		evidence{field: "Set-Cookie"}, "{field}: private, or no-cache=\"set-cookie\", if the cookie is for one user"},
	keptHeuristic: {"it states no lifetime; a tenth of its age since it changed gives {lifetime}", "RFC 9111 §4.2.2",
		evidence{lifetime: true}, ""},
}
