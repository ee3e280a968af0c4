package report

import (
	"fmt"
	"strings"
	"time"

	"waypost/trace"
)

// labWords says what happened below the sockets, which only the lab sees.
func labWords(f trace.Fact) string {
	switch f := f.(type) {
	case trace.ARPResolve:
		if f.MAC == "" {
			return join(" · ", fmt.Sprintf("nobody on %s answers for %s", f.Interface, f.Address), prefixed("for ", f.For), count(f.Asked, "request"), f.Fault)
		}
		return join(" · ", fmt.Sprintf("%s on %s is at %s", f.Address, f.Interface, f.MAC), prefixed("for ", f.For), f.Protocol)
	case trace.ICMPError:
		return icmpError(f)
	case trace.LinkChange:
		return join(" · ", f.Link, map[bool]string{true: "up", false: "cut"}[f.Up], f.Shape)
	case trace.LinkLoss:
		return join(" · ", f.Link+" "+f.What, f.Frame, size(int64(f.Bytes)))
	case trace.TCPState:
		return fmt.Sprintf("%s → %s · %s ↔ %s", f.From, f.To, f.Local, f.Remote)
	case trace.TCPCongestion:
		return tcpCongestion(f)
	case trace.TCPRetransmit:
		return join(" · ", fmt.Sprintf("%s again, seq %d, %s", f.Flags, f.Seq, size(int64(f.Bytes))), fmt.Sprintf("time %d", f.Times), f.Local+" → "+f.Remote)
	case trace.TCPProbe:
		return fmt.Sprintf("%s probe %d · %s → %s", f.Probe, f.Count, f.Local, f.Remote)
	case trace.TCPDrop:
		return join(" · ", fmt.Sprintf("%s not taken in %s, seq %d, %s", f.Flags, f.State, f.Seq, size(int64(f.Bytes))), f.Remote+" → "+f.Local)
	}
	return string(f.Kind())
}

func icmpError(f trace.ICMPError) string {
	direction := "from "
	if f.Sent {
		direction = "to "
	}
	mtu := ""
	if f.MTU > 0 {
		mtu = fmt.Sprintf("MTU %d", f.MTU)
	}
	return join(" · ", f.Message, direction+f.Peer, "about "+f.About, mtu)
}

func tcpCongestion(f trace.TCPCongestion) string {
	threshold := "ssthresh not set"
	if f.Ssthresh > 0 {
		threshold = "ssthresh " + size(int64(f.Ssthresh))
	}
	rtt := ""
	if f.RTT > 0 {
		rtt = "RTT " + strings.TrimSuffix(time.Duration(f.RTT).Round(10*time.Microsecond).String(), ".00")
	}
	return join(" · ", f.Algorithm+" "+f.Phase, "cwnd "+size(int64(f.Cwnd)), threshold, "in flight "+size(int64(f.Flight)), rtt, f.Local+" → "+f.Remote)
}
