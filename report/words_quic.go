package report

import (
	"fmt"
	"time"

	"waypost/trace"
)

func quicConnect(f trace.QUICConnect) string {
	version, rtt, cwnd, early, retry, trips := "", "", "", "", "", ""
	if f.Version != "" {
		version = "QUIC version " + f.Version
		trips = count(f.RoundTrips, "round trip")
	}
	if f.RTT > 0 {
		rtt = "rtt " + ms(time.Duration(f.RTT))
	}
	if f.Cwnd > 0 {
		cwnd = "cwnd " + size(int64(f.Cwnd))
	}
	if f.EarlyData {
		early = "early data accepted"
	}
	if f.Retry {
		retry = "Retry"
	}
	return join(" · ", join(" → ", f.Local, f.Remote), version, prefixed("alpn ", f.ALPN), rtt, cwnd, retry, early, trips, failure(f.Fault, f.Error))
}

func quicClose(f trace.QUICClose) string {
	lost := ""
	if f.Lost > 0 {
		lost = fmt.Sprintf("%s lost", count(int(f.Lost), "packet"))
	}
	return join(" · ", "closed by "+f.By+" after "+count(f.Requests, "request"), f.Remote, both(f.Sent, f.Received), lost)
}
