package dns

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"waypost/link"
)

// Limits bound what a [Server] spends on its clients. A zero field means its
// default.
type Limits struct {
	Readers      int           // goroutines that read UDP queries and give quick answers; default 2
	Waiting      int           // queries that may wait for slow answers at one time; default 1024
	Conns        int           // TCP connections; default 256
	ConnsPerAddr int           // TCP connections of one client address; default 16
	Pipeline     int           // queries of one TCP connection that may wait at one time; default 16
	Idle         time.Duration // how long a TCP connection may take to send its next query; default 10 s
	Answer       time.Duration // how long a slow answer may take; default 10 s
	Write        time.Duration // how long a TCP client may take to take an answer; default 5 s
	Drain        time.Duration // how long slow answers may go on after the end; default 2 s
}

// Server answers queries over UDP and TCP on one address.
type Server struct {
	Network link.Network
	Addr    netip.AddrPort // port 0 picks a free one
	Handler Handler
	Limits  Limits
}

// Counters are what a [Server] has seen since it began.
type Counters struct {
	UDP, TCP  uint64 // queries that came in
	Quick     uint64 // answered at once
	Slow      uint64 // given to ServeDNS
	Malformed uint64 // refused or dropped for a [Defect]
	Overload  uint64 // answered SERVFAIL because too many were waiting
	Dropped   uint64 // left without an answer
	Refused   uint64 // TCP connections closed because there were too many
}

// Listen binds both sockets and returns the address that they share. Run does
// it itself when it has not been done.
func (s *Server) Listen(ctx context.Context) (netip.AddrPort, error) {
	return netip.AddrPort{}, errors.New("not yet")
}

// Run serves until ctx ends, and returns nil then.
func (s *Server) Run(ctx context.Context) error { return errors.New("not yet") }

// Counters returns what has been seen so far.
func (s *Server) Counters() Counters { return Counters{} }
