package upstream

import (
	"errors"
	"strings"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/wire"
	"waypost/trace"
)

// Report is the account of one trip to the servers. It belongs to whoever
// reads the response body, in whose reading it grows.
type Report struct {
	Origin   string // the server asked last, as configured
	Method   string
	Path     string     // asked of it
	Trip     fetch.Trip // the last one
	Attempts int        // tries on connections, over all servers
	Status   int        // of the response; 0 when none came
	Bytes    int64      // of the body, read so far
	Timer    *fetch.Timeout
	Fault    fault.Kind // "" while nothing has failed
	Err      error      // the failure in words
	Looped   string     // the parent, as configured, that said the request had passed it before; "" for none

	server *server
}

// asking notes that s is being asked for what r says.
func (r *Report) asking(s *server, req *wire.Request) {
	r.Origin, r.Path, r.server = s.name, req.Path, s
	r.Fault, r.Err, r.Timer = "", nil, nil
}

// failed notes that no response came.
func (r *Report) failed(err error) {
	var trip *fetch.Error
	if errors.As(err, &trip) {
		r.Trip = trip.Trip
		r.Attempts += max(trip.Attempts, 1)
	} else {
		r.Attempts++
	}
	r.brokeOff(err)
}

// answered notes the head of a response.
func (r *Report) answered(resp *fetch.Response) {
	r.Trip = resp.Trip
	r.Attempts += max(resp.Attempts, 1)
	r.Status = resp.Status
}

// brokeOff notes a failure, before the head or after it. The first one counts.
func (r *Report) brokeOff(err error) {
	if r.Err != nil {
		return
	}
	r.Err, r.Fault = err, fault.Of(err)
	var t *fetch.Timeout
	if errors.As(err, &t) {
		r.Timer = t
	}
}

// telling ranks the failures of several servers asked for one request: the
// further one came with a server, the more its failure says about what was
// asked for. That a server is not there at all speaks about the server only.
//
//  1. it took the request and did not answer in time: it may be at work on it
//  2. what it answered is no response
//  3. it ended the connection
//  4. there was no secure connection
//  5. none was free, or none came about in time
//  6. it refuses connections, or there is no way or no name to it
//
// Of equals the last counts.
func telling(k fault.Kind) int {
	switch k {
	case "":
		return 0
	case fault.DNSTimeout, fault.DNSError, fault.ConnectionRefused, fault.DestinationIPUnroutable, fault.DestinationIPProhibited:
		return 1
	case fault.ConnectionTimeout, fault.ConnectionLimitReached:
		return 2
	case fault.TLSProtocolError, fault.TLSCertificateError, fault.TLSAlertReceived:
		return 3
	case fault.ConnectionTerminated:
		return 4
	case fault.ConnectionReadTimeout, fault.ConnectionWriteTimeout, fault.HTTPResponseTimeout:
		return 6
	}
	return 5
}

// url is what was asked for, with the server's own name.
func (r *Report) url() string {
	if r.server == nil {
		return ""
	}
	return r.server.url.Scheme() + "://" + r.server.url.Host() + r.Path
}

// Fact is the report as an event of the record. Whether the response was
// stored is for the caller to add.
func (r *Report) Fact() trace.OriginFetch {
	f := trace.OriginFetch{
		Origin: r.Origin, Method: strings.Clone(r.Method), URL: r.url(), Proto: r.Trip.Proto,
		Status: r.Status, Reused: r.Trip.Reused, FirstByte: trace.Millis(r.Trip.FirstByte),
		Bytes: r.Bytes, Attempts: r.Attempts, Fault: string(r.Fault),
	}
	if r.Trip.Remote.IsValid() {
		f.Remote = r.Trip.Remote.String()
	}
	if r.Timer != nil {
		f.Timer = r.Timer.String()
	}
	if r.Err != nil {
		f.Error = r.Err.Error()
	}
	return f
}
