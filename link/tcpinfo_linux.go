package link

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tcpStates are the kernel's state numbers (include/net/tcp_states.h) by
// their RFC 9293 names.
var tcpStates = [...]string{
	1: "ESTABLISHED", 2: "SYN-SENT", 3: "SYN-RECEIVED", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2",
	6: "TIME-WAIT", 7: "CLOSED", 8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING",
}

// noSsthresh is the kernel's TCP_INFINITE_SSTHRESH: not yet set.
const noSsthresh = 0x7fffffff

func osInfo(c net.Conn) (TCPInfo, bool) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return TCPInfo{}, false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return TCPInfo{}, false
	}
	var ti *unix.TCPInfo
	var gerr error
	if err := raw.Control(func(fd uintptr) {
		ti, gerr = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}); err != nil || gerr != nil {
		return TCPInfo{}, false
	}
	info := TCPInfo{
		RTT:         time.Duration(ti.Rtt) * time.Microsecond,
		RTTVar:      time.Duration(ti.Rttvar) * time.Microsecond,
		MSS:         int(ti.Snd_mss),
		Cwnd:        int(ti.Snd_cwnd),
		Retransmits: int(ti.Total_retrans),
		BytesAcked:  int64(ti.Bytes_acked),
		BytesRecv:   int64(ti.Bytes_received),
		Options:     tcpOptions(ti),
	}
	if int(ti.State) < len(tcpStates) {
		info.State = tcpStates[ti.State]
	}
	if ti.Snd_ssthresh != noSsthresh {
		info.Ssthresh = int(ti.Snd_ssthresh)
	}
	return info, true
}

// tcpOptions names the TCPI_OPT_* bits of linux/tcp.h.
func tcpOptions(ti *unix.TCPInfo) []string {
	var o []string
	if ti.Options&1 != 0 {
		o = append(o, "timestamps")
	}
	if ti.Options&2 != 0 {
		o = append(o, "sack")
	}
	if ti.Options&4 != 0 {
		// The kernel packs both shifts into one byte of bit fields that
		// package unix leaves out; their order is the machine's, so only
		// the fact is named.
		o = append(o, "wscale")
	}
	if ti.Options&8 != 0 {
		o = append(o, "ecn")
	}
	return o
}
