package packetdrill

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// listening is the beginning of scripts: a connection that is accepted.
const listening = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4
`

// TestOutcomes: what a script does not get is told with its line, and what it
// asks for and is not there skips it.
func TestOutcomes(t *testing.T) {
	tests := []struct {
		name, text string
		options    Options
		want       Outcome
		line       int
		reason     string
	}{
		{"another length", "+0 write(4, ..., 500) = 500\n+0 > P. 1:401(400) ack 1", Options{}, Failed, 9, "another length"},
		{"another ack", "+0 write(4, ..., 500) = 500\n+0 > P. 1:501(500) ack 2", Options{}, Failed, 9, "another acknowledgement number"},
		{"flags", "+0 write(4, ..., 500) = 500\n+0 > . 1:501(500) ack 1", Options{}, Failed, 9, "other flags"},
		{"flags for Linux", "+0 write(4, ..., 500) = 500\n+0 > . 1:501(500) ack 1", Options{Like: Linux}, Passed, 0, ""},
		{"options", "+0 write(4, ..., 500) = 500\n+0 > P. 1:501(500) ack 1 <nop,nop,TS val 1 ecr 2>", Options{}, Failed, 9, "other options"},
		{"no segment", "+0 > P. 1:501(500) ack 1", Options{}, Failed, 8, "nothing was sent until 2.104000"},
		{"too late", "+0 write(4, ..., 500) = 500\n+0 > P. 1:501(500) ack 1\n+.2 > P. 1:501(500) ack 1", Options{}, Failed, 10, "100ms too late"},
		{"too early", "+0 write(4, ..., 500) = 500\n+0 > P. 1:501(500) ack 1\n+.4 > P. 1:501(500) ack 1", Options{}, Failed, 10, "100ms too early"},
		{"in a range", "+0 write(4, ..., 500) = 500\n+0 > P. 1:501(500) ack 1\n+.2~+.4 > P. 1:501(500) ack 1", Options{}, Passed, 0, ""},
		{"percents of the wait", "+0 write(4, ..., 500) = 500\n+0 > P. 1:501(500) ack 1\n+.27 > P. 1:501(500) ack 1", Options{}, Passed, 0, ""},
		{"a tolerance", "+0 write(4, ..., 500) = 500\n+0 > P. 1:501(500) ack 1\n+.29 > P. 1:501(500) ack 1", Options{Tolerance: exact}, Failed, 10, "10ms too late"},
		{"what is left", "+0 write(4, ..., 500) = 500", Options{}, Passed, 0, ""},
		{"what is left told", "+0 write(4, ..., 500) = 500", Options{Complete: true}, Failed, 8, "the script ends, but more was sent"},
		{"result", "+0 write(4, ..., 500) = 400", Options{}, Failed, 8, "write returns 500, and not 400"},
		{"errno", "+0 fcntl(4, F_SETFL, O_NONBLOCK) = 0\n+0 read(4, ..., 500) = -1 EPIPE (Broken pipe)", Options{}, Failed, 9, "read returns -1 EAGAIN, and not -1 EPIPE"},
		{"blocks", "+0 read(4, ..., 500) = 500", Options{}, Failed, 8, "read blocks, and the script does not say until when"},
		{"blocks on", "+0...0.1 read(4, ..., 500) = 500", Options{}, Failed, 8, "read does not return until 0.200000"},
		{"returns late", "+0...0.1 read(4, ..., 500) = 500\n+.2 < . 1:501(500) ack 1 win 65535", Options{}, Failed, 8, "read returns at 0.300000, and not at 0.200000"},
		{"returns early", "+0...0.3 read(4, ..., 500) = 500\n+.2 < . 1:501(500) ack 1 win 65535", Options{}, Failed, 8, "read returns at 0.300000, and not at 0.400000"},
		{"two that block", "+0...0.3 read(4, ..., 500) = 500\n+0...0.3 accept(3, ..., ...) = 5", Options{}, Failed, 9, "accept blocks while read does since line 8"},
		{"no socket", "+0 read(7, ..., 500) = 500", Options{}, Failed, 8, "read of 7, which is no socket"},
		{"closed socket", "+0 close(4) = 0\n+0 read(4, ..., 500) = -1 EBADF (Bad file descriptor)", Options{}, Passed, 0, ""},
		{"assertion", "+0 %{ x = 9 ; assert tcpi_snd_cwnd == x, 'cwnd' }%", Options{}, Failed, 8, "assert tcpi_snd_cwnd == x, 'cwnd': tcpi_snd_cwnd is 10, x is 9"},
		{"option value", "+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [1], [4]) = 0", Options{}, Failed, 8, "TCP_NODELAY is 0, and not 1"},
		{"backwards", "0.05 < . 1:501(500) ack 1 win 65535", Options{}, Failed, 8, "it belongs at 0.050000, but the segment before came at 0.100000"},
		{"call", "+0 epoll_create(1) = 5", Options{}, Skipped, 8, "the call epoll_create"},
		{"socket option", "+0 setsockopt(4, SOL_TCP, TCP_CORK, [1], 4) = 0", Options{}, Skipped, 8, "the socket option TCP_CORK"},
		{"flag", "+0 send(4, ..., 100, MSG_MORE) = 100", Options{}, Skipped, 8, "the flag MSG_MORE of send"},
		{"variable", "+0 %{ assert tcpi_lost == 0 }%", Options{}, Skipped, 8, "the variable tcpi_lost"},
		{"command", "+0 `rm -rf /`", Options{}, Skipped, 8, "the command rm -rf /"},
		{"sysctl", "+0 `sysctl -q net.ipv4.tcp_ecn=1`", Options{}, Skipped, 8, "the sysctl net.ipv4.tcp_ecn=1"},
		{"even behind a failure", "+0 > P. 1:501(500) ack 1\n+0 splice(1, 2) = 0", Options{}, Skipped, 9, "the call splice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := RunScript("x.pkt", []byte(listening+tt.text), tt.options)
			if r.Outcome != tt.want || r.Line != tt.line || r.Reason != tt.reason {
				t.Errorf("got %vwant %v, line %d: %s", r, tt.want, tt.line, tt.reason)
			}
		})
	}
}

// TestFailureText: a failure tells what was expected, what was sent, and what
// went before.
func TestFailureText(t *testing.T) {
	got := RunScript("x.pkt", []byte(listening+"+0 write(4, ..., 1500) = 1500\n+0 > P. 1:1401(1400) ack 1 win 5"), Options{}).String()
	want := `FAIL x.pkt:9: another length
  expected  0.100000 > P. 1:1401(1400) ack 1 win 5
  actual    0.100000 > P. 1:1501(1500) ack 1 win 65535
  before
    0.000000 < S 0:0(0) win 65535 <mss 1000>
    0.000000 > S. 0:0(0) ack 1 win 65535 <mss 1460>
    0.100000 < . 1:1(0) ack 1 win 65535
    0.100000 > . 1:1001(1000) ack 1 win 65535
    0.100000 > P. 1001:1501(500) ack 1 win 65535
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"b.pkt": listening, "a.pkt": listening + "+0 write(4, ..., 1) = 2", "c.pkt": "0 pipe() = 3", "d.txt": "no script",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	sum, err := Run(&b, []string{dir, filepath.Join(dir, "b.pkt")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Passed != 2 || sum.Failed != 1 || sum.Skipped != 1 || len(sum.Results) != 4 {
		t.Errorf("got %+v", sum)
	}
	if !strings.HasSuffix(b.String(), "\n2 passed, 1 failed, 1 skipped\n") {
		t.Errorf("got\n%s", b.String())
	}
	if _, err := Run(&b, []string{filepath.Join(dir, "none")}, Options{}); err == nil {
		t.Error("a path that is not there is no error")
	}
}

// TestSameTwice: the same script gives the same segments at the same times.
func TestSameTwice(t *testing.T) {
	text, err := os.ReadFile("testdata/cubic-growth.pkt")
	if err != nil {
		t.Fatal(err)
	}
	first := RunScript("x.pkt", text, Options{Verbose: true}).String()
	if again := RunScript("x.pkt", text, Options{Verbose: true}).String(); first != again {
		t.Errorf("once\n%s\nand then\n%s", first, again)
	}
}
