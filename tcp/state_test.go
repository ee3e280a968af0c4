package tcp

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestStateDiagram walks along every arrow of RFC 9293 figure 5 and its note
// 2, but for LISTEN → SYN-SENT by SEND, for which no call exists. Each walk is
// a list of what happens; the states that it must pass are what the events
// tell.
func TestStateDiagram(t *testing.T) {
	cases := []struct {
		name  string
		open  string // active or passive
		steps string
		want  string
	}{
		{"close before an answer", "active",
			"close", "CLOSED SYN-SENT CLOSED"},
		{"three-way handshake, we close first", "active",
			"SYN,ACK 0:1; close; ACK 1:2; FIN,ACK 1:2; wait 60s",
			"CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED"},
		{"the peer's FIN comes with the ACK of ours", "active",
			"SYN,ACK 0:1; close; FIN,ACK 1:2; wait 60s",
			"CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED"},
		{"both close at once", "active",
			"SYN,ACK 0:1; close; FIN,ACK 1:1; ACK 2:2; wait 60s",
			"CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT CLOSED"},
		{"both open at once", "active",
			"SYN 0:0; SYN,ACK 0:1; FIN,ACK 1:1; close; ACK 2:2",
			"CLOSED SYN-SENT SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED"},
		{"both open at once, the last ACK is plain", "active",
			"SYN 0:0; ACK 1:1",
			"CLOSED SYN-SENT SYN-RECEIVED ESTABLISHED"},
		{"both open at once, refused", "active",
			"SYN 0:0; RST 1:0",
			"CLOSED SYN-SENT SYN-RECEIVED CLOSED"},
		{"refused", "active",
			"RST,ACK 0:1", "CLOSED SYN-SENT CLOSED"},
		{"passive, the peer closes first", "passive",
			"SYN 0:0; ACK 1:1; FIN,ACK 1:1; close; ACK 2:2",
			"LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED"},
		{"passive, back to LISTEN", "passive",
			"SYN 0:0; RST 1:0", "LISTEN SYN-RECEIVED CLOSED"},
		{"CLOSE in SYN-RECEIVED", "passive",
			"SYN 0:0; close; ACK 1:1; ACK 1:2; FIN,ACK 1:2; wait 60s",
			"LISTEN SYN-RECEIVED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED"},
		{"FIN with the last ACK of the handshake", "passive",
			"SYN 0:0; FIN,ACK 1:1; close; ACK 2:2",
			"LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED"},
		{"SYN,ACK with data and FIN", "active",
			"SYN,ACK,FIN 0:1 len 10; close; ACK 12:2",
			"CLOSED SYN-SENT ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED"},
		{"reset while established", "active",
			"SYN,ACK 0:1; RST 1:0", "CLOSED SYN-SENT ESTABLISHED CLOSED"},
		{"reset in FIN-WAIT-2", "active",
			"SYN,ACK 0:1; close; ACK 1:2; RST 1:0", "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 CLOSED"},
		{"reset in TIME-WAIT", "active",
			"SYN,ACK 0:1; close; FIN,ACK 1:2; RST 2:0", "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED"},
		{"abort", "passive",
			"SYN 0:0; ACK 1:1; abort", "LISTEN SYN-RECEIVED ESTABLISHED CLOSED"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var p *peer
			if tc.open == "active" {
				p = dialled(t, plain())
			} else {
				p = listening(t, &ListenConfig{})
			}
			p.sent()
			for _, step := range strings.Split(tc.steps, "; ") {
				switch {
				case step == "close":
					if err := p.c.CloseWrite(p.now); err != nil {
						t.Fatal(err)
					}
				case step == "abort":
					p.c.Abort(p.now)
				case strings.HasPrefix(step, "wait "):
					d, _ := time.ParseDuration(step[5:])
					p.pass(d - 1)
					p.state(TimeWait)
					p.pass(1)
				default:
					p.in(step)
				}
				p.sent()
			}
			var got []string
			for _, e := range p.events {
				if e.Kind != StateChange {
					continue
				}
				if got == nil {
					got = append(got, e.From.String())
				}
				if got[len(got)-1] != e.From.String() {
					t.Errorf("a step from %v follows %s", e.From, got[len(got)-1])
				}
				got = append(got, e.To.String())
				if e.Reason == "" || !strings.HasPrefix(e.Clause, "RFC ") {
					t.Errorf("%v → %v: reason %q, clause %q", e.From, e.To, e.Reason, e.Clause)
				}
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("states %s\nwant   %s", s, tc.want)
			}
		})
	}
}

func TestStateNames(t *testing.T) {
	want := "CLOSED LISTEN SYN-SENT SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 CLOSE-WAIT CLOSING LAST-ACK TIME-WAIT unknown state"
	var got []string
	for s := range State(12) {
		got = append(got, fmt.Sprint(s))
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}
