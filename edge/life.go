package edge

// The life of a request, stage by stage. Each stage is a function in the file
// of its name; what it returns is the next stage.
//
//	receive ─ key ─ lookup ┬ hit ─────────────────────────── deliver
//	   │                   ├ stale, refreshed behind ─────── deliver
//	   │                   ├ revalidate ┐
//	   │                   ├ miss ──────┴ await ┬─────────── deliver
//	   │                   │    └── pass        ├ relay
//	   │                   │                    └ fail ┬──── deliver, stale
//	   │                   │                           └──── answer
//	   ├───────────────────┴ pass ┬ relay
//	   │                          └ fail
//	   ├ tunnel
//	   ├ rules, where the site has any: then as from receive
//	   └ answer
//
// A miss and a revalidation leave the asking of the origin to a fill, which
// has a goroutine and a life of its own (fill.go), so that it does not end
// with the client who started it and others can wait for it too:
//
//	fetch ┬ freshen    304: the stored response serves again
//	      ├ complete   206: the rest of a part that is stored (rest.go)
//	      ├ take slice 206: the site has its files held in slices (slices.go)
//	      ├ store      others may have it: they read it while it comes in
//	      ├ hand over  it is for the one client who asked, who relays it
//	      └ fail

// stage is a place in the life of a request.
type stage uint8

const (
	toReceive    stage = iota
	toRules            // the site's owner has a say before the cache is asked
	toKey              // the request may be answered from the cache
	toLookup           // the key is known
	toHit              // what is stored serves
	toStale            // it serves, and is refreshed behind the client's back
	toRevalidate       // it serves once the origin has confirmed it
	toMiss             // nothing that is stored serves
	toAwait            // the origin is being asked, by a fill
	toPass             // the origin alone can answer this request
	toTunnel           // the connection is to change its protocol
	toFail             // the origin brought no answer
	toDeliver          // an object of the store is to be sent
	toRelay            // the origin's response is to be sent as it comes
	toAnswer           // the edge answers by itself
	done
)

// life is the table of stages. Nothing writes to it.
var life = [done]struct {
	name string
	run  func(*request) stage
	next []stage
}{
	toReceive:    {"receive", (*request).receive, []stage{toRules, toKey, toPass, toTunnel, toAnswer}},
	toRules:      {"rules", (*request).obey, []stage{toKey, toPass, toTunnel, toAnswer, done}},
	toKey:        {"key", (*request).makeKey, []stage{toLookup, toPass}},
	toLookup:     {"lookup", (*request).lookup, []stage{toHit, toStale, toRevalidate, toMiss, toPass, toAnswer}},
	toHit:        {"hit", (*request).hit, []stage{toDeliver}},
	toStale:      {"stale", (*request).stale, []stage{toDeliver}},
	toRevalidate: {"revalidate", (*request).revalidate, []stage{toAwait, toLookup, done}},
	toMiss:       {"miss", (*request).miss, []stage{toAwait, toPass, toLookup, done}},
	toAwait:      {"await", (*request).await, []stage{toAwait, toDeliver, toRelay, toLookup, toRevalidate, toMiss, toPass, toFail, done}},
	toPass:       {"pass", (*request).pass, []stage{toRelay, toFail, toAnswer, done}},
	toTunnel:     {"tunnel", (*request).tunnel, []stage{toRelay, toFail, done}},
	toFail:       {"fail", (*request).fail, []stage{toDeliver, toAnswer, done}},
	toDeliver:    {"deliver", (*request).deliver, []stage{toMiss, toLookup, toPass, toFail, toAnswer, done}},
	toRelay:      {"relay", (*request).relay, []stage{done}},
	toAnswer:     {"answer", (*request).answer, []stage{done}},
}

func (s stage) String() string {
	if s == done {
		return "done"
	}
	return life[s].name
}
