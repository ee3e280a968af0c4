package resolver

import (
	"net/netip"
	"sync"
	"time"

	"waypost/dns"
)

// servers is the memory of how name servers behave: how fast they answer,
// which have stopped, which do not serve a zone that names them. The zero
// value is ready to use.
type servers struct {
	mu    sync.Mutex
	met   map[netip.AddrPort]*server
	rest4 time.Time // no route for IPv4 until then
	rest6 time.Time
}

type server struct {
	srtt, rttvar time.Duration // RFC 6298 §2; zero until it has answered
	failures     int           // timeouts since the last answer
	rest         time.Time     // left for last until then
	plain        bool          // it chokes on EDNS (RFC 6891 §6.2.2)
	lame         map[dns.Name]time.Time
	seen         time.Time
}

// maxLame bounds the zones for which one server is known to be lame.
const maxLame = 32

// get returns the memory of addr, a new one when there is none or it is old.
// The caller holds mu.
func (s *servers) get(addr netip.AddrPort, now time.Time) *server {
	v := s.met[addr]
	if v != nil && now.Sub(v.seen) < serverMemory {
		v.seen = now
		return v
	}
	if s.met == nil {
		s.met = make(map[netip.AddrPort]*server)
	}
	if len(s.met) >= maxServersKnown && v == nil {
		s.forget(now)
	}
	v = &server{seen: now}
	s.met[addr] = v
	return v
}

// forget makes room: whatever is old goes, and if that is nothing, any tenth.
func (s *servers) forget(now time.Time) {
	for a, v := range s.met {
		if now.Sub(v.seen) >= serverMemory {
			delete(s.met, a)
		}
	}
	if len(s.met) < maxServersKnown {
		return
	}
	left := maxServersKnown / 10
	for a := range s.met {
		if delete(s.met, a); left == 0 {
			return
		}
		left--
	}
}

// standing is how a server compares with others.
type standing struct {
	rest  bool          // only when no other is left
	known bool          // cost was measured
	cost  time.Duration // smoothed round-trip time
	why   string        // it should rest
}

// standing returns how addr has served zone.
func (s *servers) standing(addr netip.AddrPort, zone dns.Name, now time.Time) standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	var st standing
	family := s.rest6
	if addr.Addr().Is4() {
		family = s.rest4
	}
	if now.Before(family) {
		st.rest, st.why = true, "no route to its address family"
	}
	v := s.met[addr]
	if v == nil || now.Sub(v.seen) >= serverMemory {
		return st
	}
	st.cost, st.known = v.srtt, v.srtt > 0
	if now.Before(v.rest) {
		st.rest, st.why = true, "it did not answer lately"
	}
	if now.Before(v.lame[zone]) {
		st.rest, st.why = true, "it does not serve the zone"
	}
	return st
}

// timeout returns how long to wait for addr in the given round, from 0.
func (s *servers) timeout(addr netip.AddrPort, round int, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := firstTimeout
	if v := s.met[addr]; v != nil && v.srtt > 0 && now.Sub(v.seen) < serverMemory {
		d = min(max(v.srtt+4*v.rttvar, minTimeout), maxTimeout)
	}
	return min(d<<round, maxTimeout)
}

// plain reports whether addr must be asked without EDNS.
func (s *servers) plain(addr netip.AddrPort) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.met[addr]
	return v != nil && v.plain
}

// answered takes in a measured round trip (RFC 6298 §2).
func (s *servers) answered(addr netip.AddrPort, rtt time.Duration, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.get(addr, now)
	v.failures, v.rest = 0, time.Time{}
	rtt = max(rtt, time.Microsecond) // zero stands for unknown
	if v.srtt == 0 {
		v.srtt, v.rttvar = rtt, rtt/2
		return
	}
	v.rttvar = (3*v.rttvar + (v.srtt - rtt).Abs()) / 4
	v.srtt = max((7*v.srtt+rtt)/8, time.Microsecond)
}

// silent takes in a timeout.
func (s *servers) silent(addr netip.AddrPort, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.get(addr, now)
	v.rest = now.Add(min(serverRest<<min(v.failures, 16), maxServerRest))
	v.failures++
}

// lame remembers that addr does not serve zone.
func (s *servers) lame(addr netip.AddrPort, zone dns.Name, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.get(addr, now)
	if v.lame == nil || len(v.lame) >= maxLame {
		v.lame = make(map[dns.Name]time.Time)
	}
	v.lame[zone] = now.Add(lameRest)
}

// chokes remembers that addr does not take EDNS.
func (s *servers) chokes(addr netip.AddrPort, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.get(addr, now).plain = true
}

// unroutable remembers that addr's family has no route from here.
func (s *servers) unroutable(addr netip.AddrPort, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if addr.Addr().Is4() {
		s.rest4 = now.Add(familyRest)
	} else {
		s.rest6 = now.Add(familyRest)
	}
}

// has4 reports whether IPv4 seems to have a route.
func (s *servers) has4(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !now.Before(s.rest4)
}
