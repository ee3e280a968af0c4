package wire

import "errors"

// Wrong tells what was wrong with what a peer sent, where err has come of
// that: a few words without a subject (`bare LF after "Server: x"`). What they
// repeat of the peer's text stands between double quotes, as strconv.Quote
// writes it, and is short.
func Wrong(err error) (reason string, ok bool) {
	var h1 *refusal
	var h2Stream *h2Reset
	var h2All *h2Broken
	var h3Stream *h3Reset
	var h3All *h3Broken
	switch {
	case errors.As(err, &h1):
		return h1.reason, true
	case errors.As(err, &h2Stream):
		return h2Stream.reason, true
	case errors.As(err, &h2All):
		return h2All.reason, true
	case errors.As(err, &h3Stream):
		return h3Stream.reason, true
	case errors.As(err, &h3All):
		return h3All.reason, true
	}
	return "", false
}
