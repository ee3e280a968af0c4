package packetdrill

import (
	"fmt"
	"strconv"
	"strings"

	"waypost/tcp"
)

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
