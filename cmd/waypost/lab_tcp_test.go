package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waypost/trace"
)

// TestLabTCP: one transfer, told in the terminal, as a page, as a capture and
// as a record.
func TestLabTCP(t *testing.T) {
	dir := t.TempDir()
	page, capture, record := filepath.Join(dir, "t.html"), filepath.Join(dir, "t.pcapng"), filepath.Join(dir, "t.json")
	args := []string{"lab", "tcp", "--bytes", "60KB", "--drop", "8", "--cc", "reno", "--html", page, "--pcap", capture, "--json", record}
	stdout, stderr, code := waypost(t, args...)
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{
		"60 KB over TCP, reno", "SYN seq=0", "SYN,ACK seq=0 ack=1", "segment 8 is dropped", "dup ACK", "fast retransmit", "[RFC 5681 §3.2",
		"again ACK seq=7241", "FIN-WAIT-2", "TIME-WAIT", "cwnd", "ssthresh", "limited by", "What the sender waited for",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the output does not hold %q:\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "\x1b") {
		t.Error("colours in a pipe")
	}
	if text, err := os.ReadFile(page); err != nil || !bytes.Contains(text, []byte("<svg class=\"chart\"")) || !bytes.Contains(text, []byte("<svg class=\"ladder\"")) {
		t.Errorf("no diagrams in the page: %v", err)
	}
	if info, err := os.Stat(capture); err != nil || info.Size() < 60_000 {
		t.Errorf("no capture: %v", err)
	}
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	var r trace.Record
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Loads) != 1 || len(r.Loads[0].Find(trace.KindTCPRetransmit)) != 1 {
		t.Errorf("the record has %d loads; want one with one retransmission", len(r.Loads))
	}
	if again, _, _ := waypost(t, args...); again != stdout {
		t.Error("the same flags give another output")
	}
}

// TestLabTCPFails: a transfer that fails exits with 1 and is told up to its
// failure.
func TestLabTCPFails(t *testing.T) {
	stdout, stderr, code := waypost(t, "lab", "tcp", "--bytes", "1KB", "--loss", "100%")
	if code != exitFailed || !strings.Contains(stderr, "dial") {
		t.Errorf("exit %d, want %d; it says %s", code, exitFailed, stderr)
	}
	if !strings.Contains(stdout, "SYN-SENT") || !strings.Contains(stdout, "Nothing arrived.") {
		t.Errorf("the failure is not told:\n%s", stdout)
	}
}

func TestLabTCPRecordOnStandardOutput(t *testing.T) {
	stdout, stderr, code := waypost(t, "lab", "tcp", "--bytes", "1KB", "--json", "-")
	var r trace.Record
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || code != exitOK || len(r.Loads) != 1 {
		t.Errorf("exit %d, no record (%v); it says %s", code, err, stderr)
	}
}

// TestLabTCPIsWrong: a mistake in the flags exits with 2 and says what would
// be right.
func TestLabTCPIsWrong(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"extra"}, "wants no arguments"},
		{[]string{"--bytes", "many"}, "such as 1460, 64KB or 1MiB"},
		{[]string{"--bytes", "0"}, "from 1 B to 100 MB"},
		{[]string{"--bytes", "1TB"}, "such as 1460"},
		{[]string{"--loss", "2"}, `--loss "2": want a percentage such as 2%`},
		{[]string{"--loss", "200%"}, "no chance between 0 and 1"},
		{[]string{"--loss", "nth x"}, "want numbers of frames such as 3,7,8"},
		{[]string{"--delay", "-1ms"}, "--delay -1ms: from 0 to 1h"},
		{[]string{"--rate", "fast"}, "one of the units Gbit, Mbit, Kbit, bit"},
		{[]string{"--queue", "0"}, "--queue"},
		{[]string{"--cc", "vegas"}, "tahoe, reno, newreno or cubic"},
		{[]string{"--window", "10"}, "--window"},
		{[]string{"--drop", "0"}, "segments count from 1"},
		{[]string{"--html", "no/such/dir/t.html"}, "no/such/dir"},
		{[]string{"--html", "-", "--json", "-"}, "standard output takes one"},
	} {
		stdout, stderr, code := waypost(t, append([]string{"lab", "tcp"}, tt.args...)...)
		if code != exitUsage || !strings.Contains(stderr, tt.want) {
			t.Errorf("lab tcp %s: exit %d, want %d; it says\n%swant %s", strings.Join(tt.args, " "), code, exitUsage, stderr, tt.want)
		}
		if stdout != "" {
			t.Errorf("lab tcp %s prints on standard output: %s", strings.Join(tt.args, " "), stdout)
		}
	}
}

func TestLabTCPHelp(t *testing.T) {
	stdout, _, code := waypost(t, "lab", "tcp", "--help")
	if code != exitOK || !strings.Contains(stdout, "Examples:") || !strings.Contains(stdout, "--drop") {
		t.Errorf("exit %d:\n%s", code, stdout)
	}
}
