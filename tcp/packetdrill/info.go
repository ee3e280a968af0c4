package packetdrill

import (
	"errors"
	"fmt"
	"math"
	"slices"

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
