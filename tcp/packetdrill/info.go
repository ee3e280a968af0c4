package packetdrill

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"waypost/tcp"
)

// constants are the names of code that have a value from the start: Linux's
// numbers.
func constants() map[string]float64 {
	return map[string]float64{
		"TCP_ESTABLISHED": 1, "TCP_SYN_SENT": 2, "TCP_SYN_RECV": 3, "TCP_FIN_WAIT1": 4, "TCP_FIN_WAIT2": 5,
		"TCP_TIME_WAIT": 6, "TCP_CLOSE": 7, "TCP_CLOSE_WAIT": 8, "TCP_LAST_ACK": 9, "TCP_LISTEN": 10, "TCP_CLOSING": 11,
		"TCP_CA_Open": 0, "TCP_CA_Disorder": 1, "TCP_CA_CWR": 2, "TCP_CA_Recovery": 3, "TCP_CA_Loss": 4,
		"TCPI_ESTABLISHED": 1, "TCPI_SYN_SENT": 2, "TCPI_SYN_RECEIVED": 3, "TCPI_FIN_WAIT_1": 4, "TCPI_FIN_WAIT_2": 5,
		"TCPI_TIME_WAIT": 6, "TCPI_CLOSED": 7, "TCPI_CLOSE_WAIT": 8, "TCPI_LAST_ACK": 9, "TCPI_LISTEN": 10, "TCPI_CLOSING": 11,
		"TCPI_OPT_TIMESTAMPS": 1, "TCPI_OPT_SACK": 2, "TCPI_OPT_WSCALE": 4, "TCPI_OPT_ECN": 8,
		"TCPI_OPT_ECN_SEEN": 16, "TCPI_OPT_SYN_DATA": 32,
		"TCP_INFINITE_SSTHRESH": math.MaxInt32,
		"True":                  1, "False": 0,
	}
}

// linuxStates are Linux's numbers of the states.
var linuxStates = [...]float64{
	tcp.Established: 1, tcp.SynSent: 2, tcp.SynReceived: 3, tcp.FinWait1: 4, tcp.FinWait2: 5, tcp.TimeWait: 6,
	tcp.Closed: 7, tcp.CloseWait: 8, tcp.LastAck: 9, tcp.Closing: 11,
}

const linuxListen = 10

// infoNames are the variables of Linux's tcp_info that have a meaning here.
// Windows are counted in segments, as Linux does.
var infoNames = []string{
	"tcpi_state", "tcpi_options", "tcpi_snd_wscale", "tcpi_rcv_wscale", "tcpi_rto", "tcpi_snd_mss", "tcpi_advmss",
	"tcpi_unacked", "tcpi_rtt", "tcpi_rttvar", "tcpi_snd_ssthresh", "tcpi_snd_cwnd", "tcpi_total_retrans",
	"tcpi_bytes_acked", "tcpi_bytes_received", "tcpi_notsent_bytes", "tcpi_snd_wnd", "tcpi_reordering",
}

// tcpInfo returns a variable of tcp_info.
func tcpInfo(name string, f *flow) float64 {
	i := f.conn.Info()
	mss := float64(max(i.MSS, 1))
	switch name {
	case "tcpi_state":
		return linuxStates[i.State]
	case "tcpi_options":
		return truth(i.Timestamps) + 2*truth(i.SACK) + 4*truth(i.WindowScale)
	case "tcpi_snd_wscale":
		return float64(i.SendScale)
	case "tcpi_rcv_wscale":
		return float64(i.ReceiveScale)
	case "tcpi_rto":
		return float64(i.RTO.Microseconds())
	case "tcpi_snd_mss":
		return mss
	case "tcpi_advmss":
		return float64(f.mss)
	case "tcpi_unacked":
		return math.Ceil(float64(i.Flight) / mss)
	case "tcpi_rtt":
		return float64(i.SRTT.Microseconds())
	case "tcpi_rttvar":
		return float64(i.RTTVar.Microseconds())
	case "tcpi_snd_ssthresh":
		if i.Ssthresh == 0 || i.Ssthresh >= math.MaxInt32 {
			return math.MaxInt32
		}
		return math.Floor(float64(i.Ssthresh) / mss)
	case "tcpi_snd_cwnd":
		return math.Floor(float64(i.Cwnd) / mss)
	case "tcpi_total_retrans":
		return float64(i.Retransmits)
	case "tcpi_bytes_acked":
		return float64(i.BytesAcked)
	case "tcpi_bytes_received":
		return float64(i.BytesReceived)
	case "tcpi_notsent_bytes":
		return float64(max(0, i.Unacked-i.Flight))
	case "tcpi_snd_wnd":
		return float64(i.PeerWindow)
	}
	return 3 // tcpi_reordering: the threshold of RFC 5681 does not move here
}

// code runs a snippet: its variables live as long as the script.
func (r *run) code(c *Code) error {
	lookup := func(name string) (float64, bool) {
		if v, ok := r.vars[name]; ok {
			return v, true
		}
		f := r.host.current
		if name == "tcpi_state" && (f == nil || f.conn == nil) {
			if len(r.host.listeners) > 0 {
				return linuxListen, true
			}
			return linuxStates[tcp.Closed], true
		}
		if f == nil || f.conn == nil || !slices.Contains(infoNames, name) {
			return 0, false
		}
		return tcpInfo(name, f), true
	}
	for _, s := range c.statements {
		v, err := s.value.eval(lookup)
		switch {
		case err != nil:
			return at(s.line, fmt.Errorf("%s: %w", s.text, err))
		case s.name != "" && s.add:
			r.vars[s.name] += v
		case s.name != "":
			r.vars[s.name] = v
		case v == 0:
			return at(s.line, errors.New(s.text+": "+s.value.values(lookup)))
		}
	}
	return nil
}

// sockstat understands the command by which scripts for FreeBSD count the
// sockets in a state: "sockstat … | grep -c TIME_WAIT | grep 1".
func sockstat(command string) (state string, count int, ok bool) {
	parts := strings.Split(command, "|")
	n := len(parts)
	if n < 3 || !strings.HasPrefix(strings.TrimSpace(parts[0]), "sockstat ") {
		return "", 0, false
	}
	counted := strings.Fields(parts[n-2])
	last := strings.Fields(parts[n-1])
	if len(counted) != 3 || counted[1] != "-c" || len(last) != 2 || last[0] != "grep" {
		return "", 0, false
	}
	count, err := strconv.Atoi(last[1])
	return counted[2], count, err == nil
}

// bsdStates are FreeBSD's names of the states.
var bsdStates = map[string]tcp.State{
	"ESTABLISHED": tcp.Established, "SYN_SENT": tcp.SynSent, "SYN_RCVD": tcp.SynReceived, "FIN_WAIT_1": tcp.FinWait1,
	"FIN_WAIT_2": tcp.FinWait2, "TIME_WAIT": tcp.TimeWait, "CLOSED": tcp.Closed, "CLOSE_WAIT": tcp.CloseWait,
	"LAST_ACK": tcp.LastAck, "CLOSING": tcp.Closing,
}

// inState counts connections in a state: those that sockets hold and those
// that have none any more.
func (r *run) inState(name string, want int) error {
	state, ok := bsdStates[name]
	if !ok {
		return unsupported(0, "sockstat's state %s", name)
	}
	all := map[*tcp.Conn]bool{}
	for _, f := range r.host.flows {
		if f.conn != nil && !f.conn.Done() {
			all[f.conn] = true
		}
	}
	for _, s := range r.sockets {
		if s.conn != nil {
			all[s.conn] = true
		}
	}
	got := 0
	var states []string
	for c := range all {
		states = append(states, c.State().String())
		if c.State() == state {
			got++
		}
	}
	if got != want {
		return fmt.Errorf("%d connections are in %s, and not %d: %v", got, name, want, states)
	}
	return nil
}
