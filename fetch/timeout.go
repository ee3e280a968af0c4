package fetch

import (
	"context"
	"errors"
	"time"

	"waypost/fault"
)

// Timeouts bound each phase of a fetch. Zero means the default, a negative
// value no limit.
type Timeouts struct {
	Queue     time.Duration // until a connection to the host is free, or may be opened
	DNS       time.Duration // the name's addresses
	Connect   time.Duration // all attempts of one connection
	TLS       time.Duration // the handshake
	QUIC      time.Duration // an HTTP/3 connection to an alternative, which TCP takes over when it fails
	FirstByte time.Duration // from the request sent to the response head
	BodyIdle  time.Duration // between two pieces of the body
	Idle      time.Duration // of a connection that carries nothing, until it is closed
}

// The defaults of Timeouts.
const (
	// DefaultQueueTimeout is what one request ahead can take without a byte
	// moving, all the other defaults together: who waits longer stands behind
	// more than one that hangs.
	DefaultQueueTimeout = DefaultDNSTimeout + DefaultConnectTimeout + DefaultTLSTimeout +
		DefaultFirstByteTimeout + DefaultBodyIdleTimeout
	// DefaultDNSTimeout leaves a stub resolver two tries of 5 s (resolv.conf(5)).
	DefaultDNSTimeout = 10 * time.Second
	// DefaultConnectTimeout sees a SYN sent four times (RFC 6298: at 0, 1, 3 and 7 s).
	DefaultConnectTimeout = 10 * time.Second
	// DefaultTLSTimeout is generous for two round trips and a slow signature.
	DefaultTLSTimeout = 10 * time.Second
	// DefaultQUICTimeout lets a round trip of half a second lose a packet.
	// Where UDP does not pass, it is what finding that out costs.
	DefaultQUICTimeout = 1500 * time.Millisecond
	// DefaultFirstByteTimeout is what browsers' users wait for, at most.
	DefaultFirstByteTimeout = 60 * time.Second
	// DefaultBodyIdleTimeout takes a stalled transfer for dead.
	DefaultBodyIdleTimeout = 30 * time.Second
	// DefaultIdleTimeout is under the 60 to 75 s after which common servers
	// close idle connections, so that we rarely meet a closed one.
	DefaultIdleTimeout = 50 * time.Second
)

// withDefaults returns t with each zero replaced.
func (t Timeouts) withDefaults() Timeouts {
	set := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	set(&t.Queue, DefaultQueueTimeout)
	set(&t.DNS, DefaultDNSTimeout)
	set(&t.Connect, DefaultConnectTimeout)
	set(&t.TLS, DefaultTLSTimeout)
	set(&t.QUIC, DefaultQUICTimeout)
	set(&t.FirstByte, DefaultFirstByteTimeout)
	set(&t.BodyIdle, DefaultBodyIdleTimeout)
	set(&t.Idle, DefaultIdleTimeout)
	return t
}

// Timer names one of the timers of [Timeouts].
type Timer string

// The timers, by the phase that each bounds.
const (
	TimerQueue     Timer = "queue"
	TimerDNS       Timer = "dns"
	TimerConnect   Timer = "connect"
	TimerTLS       Timer = "tls"
	TimerQUIC      Timer = "quic"
	TimerFirstByte Timer = "first_byte"
	TimerBodyIdle  Timer = "body_idle"
)

// Fault is the RFC 9209 §2.3 name of what the timer found.
func (t Timer) Fault() fault.Kind {
	switch t {
	case TimerQueue:
		return fault.ConnectionLimitReached
	case TimerDNS:
		return fault.DNSTimeout
	case TimerConnect, TimerTLS, TimerQUIC:
		return fault.ConnectionTimeout
	case TimerFirstByte:
		return fault.HTTPResponseTimeout
	}
	return fault.ConnectionReadTimeout
}

// Timeout says which timer fired and how it was set. It is in the chain of
// an error that one of our timers caused.
type Timeout struct {
	Timer   Timer
	Setting time.Duration
}

// Error reads "first_byte timeout after 15s".
func (t *Timeout) Error() string { return string(t.Timer) + " timeout after " + t.Setting.String() }

// String is the form for the record: "first_byte 15s".
func (t *Timeout) String() string { return string(t.Timer) + " " + t.Setting.String() }

// Timeout lets net.Error's test find it.
func (t *Timeout) Timeout() bool { return true }

// phase bounds ctx by one timer. A negative setting leaves it unbounded.
func phase(ctx context.Context, timer Timer, setting time.Duration) (context.Context, context.CancelFunc) {
	if setting < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, setting, &Timeout{timer, setting})
}

// ended returns the cause when ctx is over, and err otherwise: a timer that
// fired is what went wrong, whatever the call under it made of that.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// kindOf names the fault of err: the timer's when one fired, else what the
// error itself says, else otherwise.
func kindOf(err error, otherwise fault.Kind) fault.Kind {
	var t *Timeout
	if errors.As(err, &t) {
		return t.Timer.Fault()
	}
	if k := fault.Of(err); k != fault.ProxyInternalError {
		return k
	}
	return otherwise
}
