package resolver

import "time"

// Limits of the work that one question may cause. A question that meets one
// fails, and the error names it.
const (
	// MaxQueries bounds the packets sent for one question, everything that it
	// causes included. A cold question with two CNAMEs and name servers
	// without glue takes about 20; what needs three times as many is an
	// attack that turns one packet into many (NXNSAttack, TsuNAME).
	MaxQueries = 64

	// MaxChain bounds the CNAMEs followed for one question. RFC 1034 §3.6.2
	// would have names point at the primary name at once, and chains followed
	// nevertheless; real ones have up to about six links.
	MaxChain = 11

	// MaxReferrals bounds the delegations followed from the nearest known
	// zone to the answer. Real names lie below at most about eight cuts; an
	// owner of a zone can make 127.
	MaxReferrals = 16

	// MaxAddressLookups bounds the name servers whose addresses are looked
	// up for one question, and MaxPerReferral those of one delegation. The
	// NXNSAttack (Afek, Bremler-Barr, Shafir 2020) lists hundreds of
	// nonexistent servers; the paper's cure is to take a few at a time.
	MaxAddressLookups = 12
	MaxPerReferral    = 4

	// MaxDepth bounds how deeply the search for a name server's address may
	// need another name server's address. Three levels occur in the wild.
	MaxDepth = 4

	// MaxServers bounds the name servers taken from one delegation. The root
	// has 13, and no zone has a reason for more.
	MaxServers = 13

	// MaxTime bounds one question. Stub resolvers ask again after 5 s and
	// give up after 10 s; an answer after that reaches nobody.
	MaxTime = 9 * time.Second
)

// Patience with one server (RFC 1034 §5.3.3, RFC 6298 for the arithmetic).
const (
	// firstTimeout is for a server never met: above the round trip to the
	// far side of the earth, below what a person notices as an outage.
	firstTimeout = 500 * time.Millisecond
	// minTimeout and maxTimeout bound what is computed from measured round
	// trips. Servers that iterate on our behalf need time beyond the trip.
	minTimeout = 200 * time.Millisecond
	maxTimeout = 2 * time.Second
	// forwarderTimeout is the least patience with a forwarder: it may itself
	// have to walk from the root.
	forwarderTimeout = 1500 * time.Millisecond
	// maxRounds is how often the list of a zone's servers is gone through.
	// UDP loses packets; two losses in a row on every server are an outage.
	maxRounds = 2
	// maxTries bounds the servers asked for one step: with a dozen dead ones
	// the time is better spent on telling the client.
	maxTries = 8
)

// How long things are remembered.
const (
	// MaxTTL caps what a server says: a mistake heals within a day
	// (RFC 8767 §4 recommends a cap of days, and less is safer).
	MaxTTL = 24 * time.Hour
	// MaxNegativeTTL caps "there is no such name": RFC 2308 §5 finds one to
	// three hours sensible and a day problematic.
	MaxNegativeTTL = time.Hour
	// FailureTTL is how long a failed resolution is not tried again
	// (RFC 9520 §3.2: at least 1 s, at most 5 min).
	FailureTTL = 5 * time.Second
	// serverMemory is how long a server's round-trip time is believed.
	serverMemory = 15 * time.Minute
	// serverRest is how long a server that does not answer is left for last;
	// it doubles with each failure up to maxServerRest.
	serverRest    = 2 * time.Second
	maxServerRest = time.Minute
	// lameRest is how long a server that answers but not for this zone is
	// left for last: someone has to repair it first.
	lameRest = 5 * time.Minute
	// familyRest is how long an address family without a route is left for last.
	familyRest = time.Minute
)

// Sizes of what is remembered.
const (
	// DefaultCacheBytes suits a resolver for a house or an office: some
	// hundred thousand records.
	DefaultCacheBytes = 64 << 20
	// maxServersKnown bounds the memory of round-trip times and lameness.
	// 100 bytes each.
	maxServersKnown = 20_000
	// maxSubnets bounds the answers kept of one question for different
	// client subnets (RFC 7871 §11.3 warns of exactly this growth).
	maxSubnets = 64
	// maxFlights bounds the steps under way at once, one goroutine each;
	// more questions get SERVFAIL.
	maxFlights = 4096
	// maxPacked is the largest answer kept in packed form; a longer one is
	// rare and goes over TCP anyway.
	maxPacked = 4096
)

// Limits of name minimisation (RFC 9156 §2.3).
const (
	// minimiseCount is MAX_MINIMISE_COUNT: queries spent on hiding the rest
	// of a name with very many labels.
	minimiseCount = 10
	// minimiseOne is MINIMISE_ONE_LAB: the first so many add one label each.
	minimiseOne = 4
)
