package edge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waypost/fault"
	"waypost/fetch"
	"waypost/http/cache"
)

// fail finds out what the client gets when the origin brought no answer: the
// stored response although it is stale, where that is allowed (RFC 5861 §4,
// RFC 9111 §4.2.4), or an error that says what happened.
func (r *request) fail() stage {
	var shared *failure
	errors.As(r.failure, &shared)
	status, disconnected := 0, false
	if shared != nil {
		status = shared.status
	}
	if shared == nil && r.x.Context().Err() == nil && !r.limited.exceeded() {
		r.edge.troubled(r.site, r.report) // a fill has told of its own
	}
	if r.object != nil {
		if v := cache.OnError(time.Now(), r.site.rules, &r.ask, &r.object.Response, status); v.Serves() {
			r.verdict = v
			r.status = cacheStatus{fwd: r.doubtful(), status: status, collapsed: r.status.collapsed, detail: detailFailed}
			if v.Asked() {
				r.status.detail = detailStaleIfError
			}
			r.status.left(v.Lifetime, v.Age)
			return toDeliver
		} else if r.verdict = v; v.Disconnected() {
			disconnected = true
		}
	}
	if shared != nil && shared.err == nil {
		// What is stored was to serve in its place, and has become too old
		// meanwhile; the response itself is gone.
		return r.refuse(problem{status: status, kind: fault.DestinationUnavailable, site: r.site.Name,
			reason: fmt.Sprintf("the origin answered with status %d", status)})
	}
	if r.limited.exceeded() {
		return r.refuse(problem{status: 413, kind: fault.HTTPRequestError, hangUp: true,
			reason: "the request body is larger than this site takes"})
	}
	if r.x.Context().Err() != nil {
		return r.spoiled()
	}
	p := r.blame()
	if disconnected && unreached(p.kind) {
		// RFC 9111 §5.2.2.2: a cache that cannot have it confirmed should say
		// 504, unless another error is more applicable. One is where the
		// origin was met: what it said was no response, or we let nobody on.
		p.status = 504
		p.reason += "; what is stored must not be used unconfirmed"
		if r.span.On() {
			p.decision = own(r.verdict.Decision(r.site.rules, &r.ask, &r.object.Response))
		}
	}
	return r.refuse(p)
}

// Why what is stored serves although the origin failed, as Cache-Status says
// it (RFC 9211 §2.8): by a directive of that name, or by our own leave, for
// want of anything better (RFC 9111 §4.2.4).
const (
	detailStaleIfError = "stale-if-error"
	detailFailed       = "origin-failed"
)

// unreached reports whether a fault means that no word came from the origin.
func unreached(k fault.Kind) bool {
	switch k {
	case fault.DNSError, fault.ConnectionRefused, fault.ConnectionTerminated, fault.DestinationIPUnroutable, fault.DestinationIPProhibited:
		return true
	}
	return k.Status() == 504
}

// spoiled ends a request that its own client has brought down: by leaving, or
// by a body that cannot be read or does not come, which a client that is there
// is told.
func (r *request) spoiled() stage {
	why := context.Cause(r.x.Context())
	p := problem{kind: fault.HTTPRequestError, hangUp: true, reason: why.Error()}
	switch fault.Of(why) {
	case fault.HTTPRequestError:
		p.status = 400
	case fault.ConnectionReadTimeout:
		p.status, p.kind = 408, fault.ConnectionReadTimeout
	default:
		return r.clientLeft()
	}
	return r.refuse(p)
}

// blame puts the failure on the way to the origin into an answer.
func (r *request) blame() problem {
	p := problem{kind: fault.Of(r.failure), site: r.site.Name}
	if p.status = p.kind.Status(); p.status < 500 {
		p.status = 502 // whoever erred, it was not this client
	}
	var t *fetch.Timeout
	if errors.As(r.failure, &t) {
		p.timer = timerText(t)
	}
	p.reason = meaning(p.kind)
	if errors.Is(r.failure, errUnasked) {
		p.reason = errUnasked.Error()
	}
	if p.details = details(r.failure); r.span.On() {
		p.details = r.failure.Error()
	}
	if r.report != nil && r.report.Trip.Remote.IsValid() {
		p.nextHop = r.report.Trip.Remote
	}
	return p
}

// timerText names a timer that fired and its setting.
func timerText(t *fetch.Timeout) string {
	switch t.Timer {
	case fetch.TimerQueue:
		return "no connection to the origin was free within " + t.Setting.String()
	case fetch.TimerDNS:
		return "the name of the origin was not resolved within " + t.Setting.String()
	case fetch.TimerConnect:
		return "the origin accepted no connection within " + t.Setting.String()
	case fetch.TimerTLS:
		return "the TLS handshake with the origin did not end within " + t.Setting.String()
	case fetch.TimerFirstByte:
		return "the origin sent no response head within " + t.Setting.String() + " of the request (first-byte timer)"
	case fetch.TimerBodyIdle:
		return "the origin's response stood still for " + t.Setting.String() + " (idle timer)"
	}
	return t.Error()
}

// meaning is a fault on the way to the origin in words for a visitor. The
// addresses and the operating system's words are for the record.
func meaning(k fault.Kind) string {
	switch k {
	case fault.DNSTimeout, fault.DNSError:
		return "the name of the origin server could not be resolved"
	case fault.ConnectionRefused:
		return "the origin server refuses connections"
	case fault.ConnectionTerminated, fault.HTTPResponseIncomplete:
		return "the origin server ended the connection before its response was complete"
	case fault.ConnectionTimeout:
		return "the origin server could not be reached in time"
	case fault.ConnectionReadTimeout, fault.ConnectionWriteTimeout, fault.HTTPResponseTimeout:
		return "the origin server did not answer in time"
	case fault.ConnectionLimitReached:
		return "too many requests wait for the origin server"
	case fault.DestinationIPUnroutable, fault.DestinationIPProhibited:
		return "there is no way to the origin server's address"
	case fault.TLSCertificateError:
		return "the origin server's certificate is not trusted"
	case fault.TLSProtocolError, fault.TLSAlertReceived:
		return "no secure connection to the origin server came about"
	case fault.HTTPUpgradeFailed:
		return "the origin server did not change the protocol as asked"
	}
	return "the origin server's response could not be understood"
}
