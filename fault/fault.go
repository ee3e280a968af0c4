// Package fault is the closed set of ways in which a hop on the road can fail.
//
// The names are the Proxy-Status error types of RFC 9209 §2.3, so that one
// word means the same thing in the record, in the Proxy-Status header, in the
// exit message of a command and in a journey's expectation.
package fault

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// Kind names one way of failing. The zero value means that nothing failed.
type Kind string

// The error types of RFC 9209 §2.3, in the order of the RFC.
const (
	DNSTimeout                 Kind = "dns_timeout"
	DNSError                   Kind = "dns_error"
	DestinationNotFound        Kind = "destination_not_found"
	DestinationUnavailable     Kind = "destination_unavailable"
	DestinationIPProhibited    Kind = "destination_ip_prohibited"
	DestinationIPUnroutable    Kind = "destination_ip_unroutable"
	ConnectionRefused          Kind = "connection_refused"
	ConnectionTerminated       Kind = "connection_terminated"
	ConnectionTimeout          Kind = "connection_timeout"
	ConnectionReadTimeout      Kind = "connection_read_timeout"
	ConnectionWriteTimeout     Kind = "connection_write_timeout"
	ConnectionLimitReached     Kind = "connection_limit_reached"
	TLSProtocolError           Kind = "tls_protocol_error"
	TLSCertificateError        Kind = "tls_certificate_error"
	TLSAlertReceived           Kind = "tls_alert_received"
	HTTPRequestError           Kind = "http_request_error"
	HTTPRequestDenied          Kind = "http_request_denied"
	HTTPResponseIncomplete     Kind = "http_response_incomplete"
	HTTPResponseHeaderSection  Kind = "http_response_header_section_size"
	HTTPResponseHeaderSize     Kind = "http_response_header_size"
	HTTPResponseBodySize       Kind = "http_response_body_size"
	HTTPResponseTrailerSection Kind = "http_response_trailer_section_size"
	HTTPResponseTrailerSize    Kind = "http_response_trailer_size"
	HTTPResponseTransferCoding Kind = "http_response_transfer_coding"
	HTTPResponseContentCoding  Kind = "http_response_content_coding"
	HTTPResponseTimeout        Kind = "http_response_timeout"
	HTTPUpgradeFailed          Kind = "http_upgrade_failed"
	HTTPProtocolError          Kind = "http_protocol_error"
	ProxyInternalResponse      Kind = "proxy_internal_response"
	ProxyInternalError         Kind = "proxy_internal_error"
	ProxyConfigurationError    Kind = "proxy_configuration_error"
	ProxyLoopDetected          Kind = "proxy_loop_detected"
)

// Status is the HTTP status that RFC 9209 §2.3 recommends for an
// intermediary that meets the fault. It is 0 where the RFC leaves the status
// to the intermediary.
func (k Kind) Status() int {
	switch k {
	case DNSTimeout, ConnectionTimeout, ConnectionReadTimeout, ConnectionWriteTimeout, HTTPResponseTimeout:
		return 504
	case DNSError, ConnectionRefused, ConnectionTerminated, DestinationIPProhibited,
		DestinationIPUnroutable, TLSProtocolError, TLSCertificateError, TLSAlertReceived,
		HTTPResponseIncomplete, HTTPResponseHeaderSection, HTTPResponseHeaderSize,
		HTTPResponseBodySize, HTTPResponseTrailerSection, HTTPResponseTrailerSize,
		HTTPResponseTransferCoding, HTTPResponseContentCoding, HTTPUpgradeFailed,
		HTTPProtocolError, ProxyLoopDetected:
		return 502
	case DestinationUnavailable, ConnectionLimitReached:
		return 503
	case DestinationNotFound, ProxyInternalError, ProxyConfigurationError:
		return 500
	case HTTPRequestError:
		return 400
	case HTTPRequestDenied:
		return 403
	}
	return 0
}

// Error is a failure with its name. Op says what was attempted
// ("resolve www.shop.test", "connect 203.0.113.10:443"); Err says what came
// back and may be nil when Op says it all.
type Error struct {
	Kind Kind
	Op   string
	Err  error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Op
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap returns what came back.
func (e *Error) Unwrap() error { return e.Err }

// New returns an Error of the given kind; err may be nil.
func New(kind Kind, op string, err error) error {
	return &Error{Kind: kind, Op: op, Err: err}
}

// Of names the fault in err: that of the outermost [Error] in its chain, or
// else the one its operating system error stands for. It is "" for nil and
// ProxyInternalError for an error that has no better name.
func Of(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns) && dns.IsTimeout:
		return DNSTimeout
	case errors.As(err, &dns):
		return DNSError
	case errors.Is(err, syscall.ECONNREFUSED):
		return ConnectionRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return DestinationIPUnroutable
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		if errors.As(err, &op) {
			switch op.Op {
			case "dial":
				return ConnectionTimeout
			case "write":
				return ConnectionWriteTimeout
			}
		}
		return ConnectionReadTimeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, context.Canceled):
		return ConnectionTerminated
	case errors.Is(err, fs.ErrPermission):
		return DestinationIPProhibited
	}
	return ProxyInternalError
}
