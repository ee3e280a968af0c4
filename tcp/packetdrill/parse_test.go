package packetdrill

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseEvents(t *testing.T) {
	const text = `
--tolerance_usecs=1000 // an option
--remote_ip=192.0.2.7
--define=PORT=8081
` + "`sysctl -q net.ipv4.tcp_sack=0`" + `
/* a comment
   of two lines */
 0 socket(..., SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 3
+.1...0.3 accept(3, {sa_family = AF_INET, sin_port = htons(PORT), sin_addr = inet_addr("192.0.2.1")}, [16]) = -1 EAGAIN (Try again)
* > FP. 1:1001(1000) ack 7 win 3 urg 2 <mss 1460,nop,nop,sackOK,TS val 1 ecr 2,sack 1:2 5:6,wscale 8,eol>
+.1~+.2 > 80 > 90 - 5:5(0) <...>
0.5 < icmp unreachable frag_needed mtu 1200 [1:1001(1000)]
0.6~0.7 > S 4294967295:4294967295(0)
+0 %{ assert tcpi_snd_cwnd == 10 }%
` + "`cleanup`\n"
	s, err := Parse("x.pkt", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if s.Init != "sysctl -q net.ipv4.tcp_sack=0" {
		t.Errorf("Init = %q", s.Init)
	}
	var got []string
	for _, o := range s.Options {
		got = append(got, fmt.Sprintf("%d --%s=%s", o.Line, o.Name, o.Value))
	}
	for _, e := range s.Events {
		line := fmt.Sprintf("%d %d %v %v ", e.Line, e.When.Kind, e.When.From, e.When.To)
		switch a := e.Action.(type) {
		case *Packet:
			line += a.String()
		case *Unreachable:
			line += a.String()
		case *Call:
			line += fmt.Sprintf("%s %d args = %d %s until %v", a.Name, len(a.Args), a.Result.Num, a.Errno, a.End)
		case *Code:
			line += a.statements[0].text
		}
		got = append(got, line)
	}
	want := []string{
		"2 --tolerance_usecs=1000",
		"3 --remote_ip=192.0.2.7",
		"4 --define=",
		"8 0 0s 0s socket 3 args = 3  until 0s",
		"9 1 100ms 0s accept 3 args = -1 EAGAIN until 300ms",
		"10 2 0s 0s > FP. 1:1001(1000) ack 7 win 3 urg 2 <mss 1460,nop,nop,sackOK,TS val 1 ecr 2,sack 1:2 5:6,wscale 8,eol>",
		"11 4 100ms 200ms > 80>90 - 5:5(0) <...>",
		"12 0 500ms 0s < icmp unreachable frag_needed mtu 1200 [1:1001(1000)]",
		"13 3 600ms 700ms > S 4294967295:4294967295(0)",
		"14 1 0s 0s assert tcpi_snd_cwnd == 10",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		text, want string
		skip       bool
	}{
		{text: "", want: "line 1: a script without events"},
		{text: "/* no end", want: "line 1: a comment without an end"},
		{text: "\n+0 `no end", want: "line 2: ` without an end"},
		{text: "+0 %{ assert 1", want: "line 1: code without an end"},
		{text: "+0 < S 0:5(4)", want: "line 1: 0:5 is not 4 bytes long"},
		{text: "+0 < S 0:0(0) <...>", want: "line 1: <...> is for segments that are expected"},
		{text: "* < S 0:0(0)", want: "line 1: only a segment that is expected has * or a range as its time"},
		{text: "+2~+1 > S 0:0(0)", want: "line 1: a range of time that ends before it begins"},
		{text: "-1 > S 0:0(0)", want: "line 1: -1 is not a time between 0 and 8784h0m0s"},
		{text: "0 > X 0:0(0)", want: `line 1: "X" where flags belong`},
		{text: "0 > S 0:0(0) win 65536", want: `line 1: "65536" where a window belongs, a number of 16 bits`},
		{text: "0 > S 0:0(0) <mss 1460", want: `line 1: the end of the script where ">" belongs`},
		{text: "0 read(3, ..., 1) = 1 oops", want: "line 1: oops without its text in parentheses"},
		{text: "0...0.1 read(3, ..., 1) = 1\n1...0.5 read(3, ..., 1) = 1", want: "line 2: a call that ends before it begins"},
		{text: "0 f(" + strings.Repeat("[", 50), want: "line 1: expressions within expressions deeper than 20"},
		{text: "0 > S 0:0(0) <FO abcd>", want: "line 1: TCP Fast Open", skip: true},
		{text: "0 > [ect0] S 0:0(0)", want: "line 1: the IP header's ect0 field: a connection does not see it", skip: true},
		{text: "0 > S.5 0:0(0)", want: "line 1: the ACE field of AccECN", skip: true},
		{text: "0 > udp (1000)", want: "line 1: udp packets", skip: true},
		{text: "0 < icmp echo_request", want: `line 1: the ICMP message "echo_request"`, skip: true},
		{text: "0 > S 0:0(0) <mss MSS>", want: "line 1: MSS, which the command line of the original defines", skip: true},
		{text: "0 %{ import os }%", want: "line 1: code other than assert, print and assignments: import os", skip: true},
		{text: "0 %{\nx = f'{1}'\n}%", want: "line 2: code that is more than comparisons of numbers: x = f'{1}'", skip: true},
	}
	for _, tt := range tests {
		_, err := Parse("x.pkt", []byte(tt.text))
		var e *Error
		if !errors.As(err, &e) || err.Error() != tt.want || e.Unsupported != tt.skip {
			t.Errorf("Parse(%q)\n got %v\nwant %s (unsupported: %v)", tt.text, err, tt.want, tt.skip)
		}
	}
}

func TestCode(t *testing.T) {
	vars := map[string]float64{"x": 12, "tcpi_rtt": 1005}
	lookup := func(name string) (float64, bool) { v, ok := vars[name]; return v, ok }
	tests := []struct {
		text string
		want float64
	}{
		{"x == 12", 1},
		{"x != 12", 0},
		{"990 <= tcpi_rtt <= 1010", 1},
		{"990 <= tcpi_rtt <= 1000", 0},
		{"x == 11 or x == 12 and not x > 20", 1},
		{"(x & 8) == 8", 1},
		{"x | 1 << 4", 28},
		{"abs(-3) + min(5, x) * 2 - 7 // 2 % 2", 12},
		{"0x7fffffff", 2147483647},
		{"x/8 > 1.4", 1},
		{"x >> 2 ^ 1", 2},
		{"-x + 13", 1},
	}
	for _, tt := range tests {
		c, err := parseCode(token{text: " assert " + tt.text + ", 'a message'", line: 1})
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got, err := c.statements[0].value.eval(lookup); got != tt.want || err != nil {
			t.Errorf("%s = %v, %v; want %v", tt.text, got, err, tt.want)
		}
	}
}

// FuzzParse: no input makes the parser panic or hang, and what it reads of a
// segment, written again, reads the same.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.pkt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("--define=A=5\n0 > S A:A(0) <mss A>\n*>.1:2(1)\n+.1~+.2 > R. 0:0(0) ack 1")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("fuzz.pkt", []byte(text))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("an error that is no *Error: %v", err)
			}
			return
		}
		if _, err := configure(s, Options{}); err != nil {
			return
		}
		_ = supported(s)
		for _, e := range s.Events {
			p, ok := e.Action.(*Packet)
			if !ok {
				continue
			}
			again, err := Parse("again.pkt", []byte("0 "+p.String()))
			if err != nil {
				t.Fatalf("%s does not read again: %v", p, err)
			}
			if got := again.Events[0].Action.(*Packet).String(); got != p.String() {
				t.Fatalf("%s reads as %s", p, got)
			}
		}
	})
}
