package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"waypost/trace"
)

// asCommand makes the test binary behave as the command.
const asCommand = "WAYPOST_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// waypost runs the command as a process of its own.
func waypost(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWhatIsWrong: a mistake in the command line or in a file that it names
// exits with 2 and says what is wrong; nothing is printed on standard output.
func TestWhatIsWrong(t *testing.T) {
	bad := file(t, "bad.yaml", "edge:\n  htpp: [\"127.0.0.1:1\"]\n")
	zone := file(t, "bad.zone", "www IN A 192.0.2.300\n")
	zoned := file(t, "zoned.yaml", "authority:\n  listen: [127.0.0.1]\n  zones:\n    - {zone: a.test, file: "+zone+"}\n")
	noCert := file(t, "ca.pem", "no certificate here\n")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"lod"}, `unknown command "lod", did you mean load or lab?`},
		{[]string{"load"}, "wants one URL, got 0 arguments"},
		{[]string{"load", "--tmes", "2", "x"}, "unknown flag: --tmes"},
		{[]string{"load", "http://exa mple/"}, "exa mple"},
		{[]string{"load", "https://[::1/"}, "IPv6"},
		{[]string{"load", "two words"}, "search"},
		{[]string{"load", "https://a.test/", "--resolver", "nine.nine"}, `--resolver "nine.nine": write an IP address`},
		{[]string{"load", "https://a.test/", "--ca", noCert}, "ca.pem"},
		{[]string{"load", "https://a.test/", "--connect-to", "a:b"}, "write HOST:PORT:HOST:PORT"},
		{[]string{"load", "https://a.test/", "--times", "0"}, "from 1 to 100"},
		{[]string{"load", "https://a.test/", "--timeout", "-1s"}, "a time above zero"},
		{[]string{"load", "https://a.test/", "--json", "-", "--svg", "-"}, "standard output takes one"},
		{[]string{"demo", "--once", "--json", "no/such/dir/r.json"}, "no/such/dir"},
		{[]string{"edge"}, "no --origin"},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000"}, "nowhere to listen"},
		{[]string{"edge", "--origin", "x", "--listen", "127.0.0.1:0"}, `--origin: "x": `},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen", "localhost:1"}, `--listen: "localhost:1": write an IP address`},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen-tls", "127.0.0.1:0"}, "needs --cert FILE and --key FILE"},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen", "127.0.0.1:0", "--memory", "much"}, "--memory"},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen", "127.0.0.1:0", "--memory", "1"}, "--memory: 1 bytes are too few: the least is 1MiB"},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen", "127.0.0.1:0", "--memory", "4MiB", "--slice", "1MiB"}, "--slice: no slice of 1048576 bytes is ever kept"},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen", "127.0.0.1:8000"}, "--origin: http://127.0.0.1:8000 is this edge's own listener"},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, "--admin needs --token-file"},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen", "127.0.0.1:0", "--token-file", bad}, "--token-file goes with --admin"},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen", "127.0.0.1:0", "--store-size", "8GiB"}, "--store-size goes with --store"},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen", "127.0.0.1:0", "--cert", bad}, "--cert and --key go with --listen-tls"},
		{[]string{"edge", "--origin", "http://127.0.0.1:8000", "--listen", "127.0.0.1:0", "--http3"}, "--http3 goes with --listen-tls"},
		{[]string{"purge"}, "nothing to purge"},
		{[]string{"purge", "http://a.test/"}, "no station to ask"},
		{[]string{"purge", "a", "b"}, "wants one URL, got 2"},
		{[]string{"purge", "--tag", "x", "--prefix", "http://a.test/"}, "one order at a time"},
		{[]string{"purge", "--tag", "x", "http://a.test/"}, "one order at a time"},
		{[]string{"purge", "--site", "x", "http://a.test/"}, "--site goes with --tag"},
		{[]string{"purge", "--site", "x"}, "--site goes with --tag"},
		{[]string{"purge", "--tag", ""}, "--tag is empty"},
		{[]string{"purge", "--tag", "a b"}, `"a b" is no tag`},
		{[]string{"purge", "/path"}, "purge /path: "},
		{[]string{"purge", "--prefix", "ftp://a.test/"}, "the scheme must be http or https"},
		{[]string{"sign"}, "wants one URL, got 0"},
		{[]string{"sign", "http://a.test/"}, "no --key-id"},
		{[]string{"sign", "http://a.test/", "--key-id", "a"}, "no --secret-file"},
		{[]string{"sign", "/a", "--key-id", "a", "--secret-file", bad}, "/a"},
		{[]string{"sign", "ftp://a.test/", "--key-id", "a", "--secret-file", bad}, "the scheme must be http or https"},
		{[]string{"sign", "http://u:p@a.test/", "--key-id", "a", "--secret-file", bad}, "a name or a password"},
		{[]string{"sign", "http://a.test/?wp-key=b", "--key-id", "a", "--secret-file", bad}, "parameters of a signature already"},
		{[]string{"sign", "http://a.test/", "--key-id", "a b", "--secret-file", bad}, `key id "a b"`},
		{[]string{"sign", "http://a.test/", "--key-id", "a&b", "--secret-file", bad}, `key id "a&b"`},
		{[]string{"sign", "http://a.test/", "--key-id", "a", "--secret-file", file(t, "short", "short\n")}, "has 5 bytes, at least 32 are wanted"},
		{[]string{"sign", "http://a.test/", "--key-id", "a", "--secret-file", "no-such-file"}, "no-such-file"},
		{[]string{"sign", "http://a.test/", "--key-id", "a", "--secret-file", bad, "--for", "0s"}, "--for 0s: a second at least"},
		{[]string{"sign", "http://a.test/", "--key-id", "a", "--secret-file", bad, "--client", "here"}, `--client "here": write an address prefix`},
		{[]string{"sign", "http://a.test/", "--key-id", "a", "--secret-file", bad, "--client", "::ffff:192.0.2.0/120"}, "write an address prefix"},
		{[]string{"demo", "--listen", "here"}, `--listen "here": write an IP address and a port`},
		{[]string{"load", "https://a.test/", "--root", "192.0.2.1"}, "--root needs --iterate"},
		{[]string{"resolve", "a..test"}, `name "a..test"`},
		{[]string{"resolve", "a.test", "BOGUS"}, `type "BOGUS"`},
		{[]string{"check", "-c", "no-such-file.yaml"}, "there is no no-such-file.yaml"},
		{[]string{"check", "-c", bad}, `bad.yaml:2:3: edge.htpp: unknown key: did you mean "http"?`},
		{[]string{"check", "-c", zoned}, "bad.zone:1"},
		{[]string{"serve", "-c", bad}, "bad.yaml:2:3"},
		{[]string{"explain", "https://a.test/"}, "no station to ask"},
		{[]string{"lab", "rn"}, `unknown command "rn", did you mean run?`},
		{[]string{"lab", "tcp", "--seed", "x"}, `--seed "x": a whole number from 0 is wanted`},
		{[]string{"lab", "tcp", "--delay", "5"}, `--delay "5": a time such as 20ms`},
		{[]string{"lab", "tcp", "--bytes", "1GB"}, "from 1 B to 100 MB"},
		{[]string{"lab", "packetdrill", t.TempDir()}, "there is no *.pkt in"},
		{[]string{"lab", "run", "no-such-journey"}, "there is no file and no ready journey no-such-journey"},
		{[]string{"lab", "run", "00", "--pcap", noCert}, "--pcap " + noCert},
		{[]string{"lab", "run", file(t, "my.txt", starter), file(t, "my.txt", starter), "--pcap", t.TempDir()}, "would write to the same"},
	} {
		stdout, stderr, code := waypost(t, tt.args...)
		if code != exitUsage || !strings.Contains(stderr, tt.want) {
			t.Errorf("waypost %s: exit %d, want %d; it says\n%swant %s", strings.Join(tt.args, " "), code, exitUsage, stderr, tt.want)
		}
		if stdout != "" {
			t.Errorf("waypost %s prints on standard output: %s", strings.Join(tt.args, " "), stdout)
		}
	}
}

// TestFailedLoad: what was tried and failed exits with 1, names the fault and
// shows the record up to the failure.
func TestFailedLoad(t *testing.T) {
	// A port that refuses: bound once, then closed.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := l.Addr().String()
	l.Close()
	record := filepath.Join(t.TempDir(), "r.json")
	stdout, stderr, code := waypost(t, "load", "http://"+refusing+"/", "--json", record)
	if code != exitFailed || !strings.Contains(stderr, "connection_refused") {
		t.Errorf("exit %d, want %d; it says %s", code, exitFailed, stderr)
	}
	for _, want := range []string{"url.parsed", "tcp.connect", "connection_refused", "page.load"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the steps do not hold %s:\n%s", want, stdout)
		}
	}
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	var r trace.Record
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Loads) != 1 || r.Loads[0].Fault != "connection_refused" || len(r.Loads[0].Events) < 4 {
		t.Errorf("record = %+v", r)
	}
}

func TestRecordOnStandardOutput(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
	}{
		{[]string{"resolve", "a.test", "--hosts", file(t, "hosts", "192.0.2.1 a.test\n"), "--resolver", "127.0.0.1:1"}, exitOK},
		{[]string{"load", "http://user:hush@127.0.0.1:1/"}, exitFailed},
	} {
		stdout, stderr, code := waypost(t, append(tt.args, "--json", "-")...)
		if code != tt.code {
			t.Errorf("%v: exit %d, want %d; it says %s", tt.args, code, tt.code, stderr)
		}
		var r trace.Record
		if err := json.Unmarshal([]byte(stdout), &r); err != nil || len(r.Loads) != 1 || len(r.Loads[0].Events) == 0 {
			t.Errorf("%v: no record (%v) in\n%s", tt.args, err, stdout)
		}
		if strings.Contains(stdout+stderr, "hush") {
			t.Errorf("%v: the password is shown:\n%s%s", tt.args, stdout, stderr)
		}
	}
}

func TestDemoOnce(t *testing.T) {
	record := filepath.Join(t.TempDir(), "r.json")
	picture := filepath.Join(t.TempDir(), "w.svg")
	stdout, stderr, code := waypost(t, "demo", "--once", "--json", record, "--svg", picture)
	if code != exitOK || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, want := range []string{"Load 1 of 2", "gslb.pick", "edge fra1 miss", "Load 2 of 2", "edge fra1 hit", "What changed"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the output does not hold %q", want)
		}
	}
	if strings.Contains(stdout, "\x1b") {
		t.Error("colours in a pipe")
	}
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	var r trace.Record
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Loads) != 2 {
		t.Errorf("%d loads in the record, want 2", len(r.Loads))
	}
	if svg, err := os.ReadFile(picture); err != nil || !bytes.HasPrefix(svg, []byte("<svg ")) {
		t.Errorf("no picture: %v", err)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"demo", "--help"}, {"load", "--help"}, {"explain", "--help"}, {"resolve", "--help"}, {"serve", "--help"}, {"check", "--help"}, {"sign", "--help"}} {
		stdout, _, code := waypost(t, args...)
		if code != exitOK || !strings.Contains(stdout, "Examples:") {
			t.Errorf("waypost %s: exit %d, no examples", strings.Join(args, " "), code)
		}
	}
	if stdout, _, code := waypost(t, "completion", "bash"); code != exitOK || !strings.Contains(stdout, "waypost") {
		t.Error("no completion for bash")
	}
}

func TestSplitConnectTo(t *testing.T) {
	for _, tt := range []struct {
		in, from, to string
		ok           bool
	}{
		{"a.test:443:127.0.0.1:8443", "a.test:443", "127.0.0.1:8443", true},
		{"a.test:443:[::1]:8443", "a.test:443", "[::1]:8443", true},
		{"[2001:db8::1]:443:b.test:1", "[2001:db8::1]:443", "b.test:1", true},
		{"a:1:b", "", "", false},
		{"a:1:b:2:3", "", "", false},
		{":443:b:1", "", "", false},
		{"", "", "", false},
	} {
		from, to, ok := splitConnectTo(tt.in)
		if ok != tt.ok || ok && (from != tt.from || to != tt.to) {
			t.Errorf("splitConnectTo(%q) = %q, %q, %v", tt.in, from, to, ok)
		}
	}
}

// TestCompletion: the shell is told the ready journeys, and flags.
func TestCompletion(t *testing.T) {
	stdout, _, code := waypost(t, "__complete", "lab", "run", "01")
	if code != exitOK || !strings.HasPrefix(stdout, "01-handshake\n") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if stdout, _, code := waypost(t, "__complete", "sign", "--s"); code != exitOK || !strings.Contains(stdout, "--secret-file") {
		t.Errorf("sign: exit %d: %s", code, stdout)
	}
}

// TestPacketdrillThatCannotBeRead exits with 2, and one that fails with 1.
func TestPacketdrillThatCannotBeRead(t *testing.T) {
	if out, errs, code := waypost(t, "lab", "packetdrill", file(t, "broken.pkt", "0 socket(..., SOCK_STREAM, = 3\n")); code != exitUsage || !strings.Contains(errs, "1 of 1 scripts cannot be read") {
		t.Errorf("a script that is wrong: code %d, %s%s", code, out, errs)
	}
	if out, errs, code := waypost(t, "lab", "packetdrill", file(t, "fails.pkt", "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 7\n")); code != exitFailed || !strings.Contains(errs, "1 of 1 scripts failed") {
		t.Errorf("a script that fails: code %d, %s%s", code, out, errs)
	}
}
