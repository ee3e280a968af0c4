package journey

import (
	"errors"
	"strings"
	"testing"
)

// hosts is a set-up that the tests below stand on.
const hosts = "region eu 192.0.2.0/24\nhost client in eu\nhost server in eu link 5ms\n"

// TestProblems: what is wrong is said with its place and with the mend.
func TestProblems(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"no such statement", "hots client", `1:1: there is no statement "hots"; did you mean host?`},
		{"no such host", hosts + "load clint http://a.test/", `4:6: there is no host clint; did you mean client?`},
		{"a name twice", hosts + "host client in eu", `4:6: client is the name of a host already`},
		{"no name", "region -eu", `1:8: "-eu" is no name: letters, digits, dots and underscores, and dashes inside`},
		{"no such region", "host client in uk", `1:16: there is no region uk: none has been declared`},
		{"a bad shape", hosts + "region us\nbetween eu us 20ms los 2%", `5:15: link shape: "los" begins no part`},
		{"a bad prefix", "region eu 192.0.2.0", `1:11: a prefix: "192.0.2.0" is no address with the length of its prefix`},
		{"no such link", hosts + "cut client-uk", `4:5: there is no link client-uk; did you mean client-eu?`},
		{"no such kind", hosts + "expect edge.lokup", `4:8: there is no kind of event "edge.lokup"; did you mean edge.lookup?`},
		{"no such attribute", hosts + "expect edge.lookup verdikt=hit", `4:20: edge.lookup: there is no attribute verdikt; did you mean verdict?`},
		{"no such dotted attribute", hosts + "expect gslb.pick ranked.egde=fra1", `4:18: gslb.pick: there is no attribute ranked.egde; did you mean edge?`},
		{"a duration without unit", hosts + "expect edge.lookup age=20", `4:20: edge.lookup: age: "20" is no duration such as 20ms, 75s or 1h30m`},
		{"a truth that is none", hosts + "expect http.request reused=yes", `4:21: http.request: reused is true or false, not "yes"`},
		{"a pattern for a number", hosts + "expect http.response status~2", `4:22: http.response: status is a number: a pattern does not fit it`},
		{"a bad pattern", hosts + "expect http.response fields~(", "4:22: http.response: fields: error parsing regexp"},
		{"an event's attribute of a state", hosts + "expect response later=1s", "4:17: response is a state, not an event: it has no later"},
		{"no such file", hosts + "serve client edge.yaml\n-- egde.yaml --\n", `4:14: there is no file -- edge.yaml -- in this journey; did you mean egde.yaml?`},
		{"a configuration that is wrong", hosts + "serve client edge.yaml\n-- edge.yaml --\nedge: {htp: ['192.0.2.1:80']}\n", "edge.yaml:1:8: edge.htp: unknown key"},
		{"words too many", hosts + "wait 5s longer", `4:9: "longer" is not expected here; write: wait [DURATION]`},
		{"a word too few", hosts + "fetch client", "4:14: a URL is missing"},
		{"what cannot wait", "at 3s region eu", "1:7: region is done at once: it cannot wait for a time"},
		{"what cannot fail", hosts + "try cut client-eu", "4:5: cut cannot be tried"},
		{"never awaited", hosts + "await never tcp.state", "4:7: to await that something never happens would take for ever"},
		{"an open quote", hosts + `say "hello`, "4:5: the quote is not closed"},
		{"a bad escape", hosts + `udp client as u` + "\n" + `send u "\q"`, `5:8: \q is no escape`},
		{"a port", hosts + "listen client 70000 as l", `4:15: a port: "70000" is no number from 1 to 65535`},
		{"a socket without name", hosts + "dial client server:80", "4:23: give the connection a name: as NAME"},
		{"what to read", hosts + "udp client as u\nread u", "5:8: say what must come"},
		{"a TCP setting", "region eu\nhost client in eu tcp congestion=vegas", `2:23: tcp congestion: "vegas" is none of tahoe, reno, newreno, cubic`},
		{"an unknown TCP setting", "region eu\nhost client in eu tcp sak=off", `2:23: tcp has no setting "sak"; did you mean sack?`},
		{"nothing behind at", "at 3s", "1:7: a statement is missing here"},
		{"nothing", "", "1:1: there is no statement"},
		{"a comment and nothing more", "# Why?\n", "1:1: there is no statement"},
		{"another kind of file", "# PNG\n\x89PNG\xff\xff", "2:1: byte 0x89: a journey is text in UTF-8"},
		{"what would drive a terminal", "# \x1b[31mred\n" + hosts, `1:3: U+001B is a control character: in quotes, write \xHH`},
		{"an address twice on a switch", "switch s\nhost a on s 192.0.2.1/24\nhost b on s 192.0.2.1/24", `3:13: a has the address 192.0.2.1 on s already: give b another`},
		{"an address twice over links", "switch s\nhost a on s 192.0.2.1/24\nhost b\nlink b 192.0.2.1/24 s 1ms", `4:8: a has the address 192.0.2.1 on s already`},
		{"an address twice in a region", "region eu 192.0.2.0/24\nhost a in eu 192.0.2.9\nhost b in eu 192.0.2.9", `3:14: a has the address 192.0.2.9 on eu already`},
		{"until without end", hosts + "expect tcp.state until tcp.close", "until goes with never, every and count"},
	}
	for _, tt := range tests {
		_, err := Parse("j.txt", []byte(tt.script))
		var problems Problems
		switch {
		case err == nil:
			t.Errorf("%s: no error, want %s", tt.name, tt.want)
		case !errors.As(err, &problems):
			t.Errorf("%s: error of type %T", tt.name, err)
		case !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: got\n%v\nwant\n%s", tt.name, err, tt.want)
		}
	}
}

// TestAllProblems: every mistake is told at once, in the order of the lines.
func TestAllProblems(t *testing.T) {
	_, err := Parse("j.txt", []byte("wiat 5s\nregion eu\nhost a in ue\nlaod a http://x.test/"))
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Fatalf("got %v, want three problems", err)
	}
	for i, want := range []int{1, 3, 4} {
		if problems[i].Line != want {
			t.Errorf("problem %d is in line %d, want %d", i, problems[i].Line, want)
		}
	}
}

func TestOpening(t *testing.T) {
	j, err := Parse("a/b/07-arp.txt", []byte("# Who has it?\n#\n# ARP asks.\n# And hears.\n\n# not this\nregion eu\n"))
	if err != nil {
		t.Fatal(err)
	}
	if j.Name != "07-arp" || j.Title != "Who has it?" || j.About != "ARP asks.\nAnd hears." {
		t.Errorf("got %q, %q, %q", j.Name, j.Title, j.About)
	}
}

// TestStates: what counts as saying what must be seen.
func TestStates(t *testing.T) {
	for script, want := range map[string]int{
		hosts + "ping client server":                                        0,
		hosts + "ping client server\nexpect never tcp.state":                1,
		hosts + "udp client 9 as u\nread u nothing for 1s\nawait tcp.state": 2,
	} {
		if got := parsed(t, script).States; got != want {
			t.Errorf("%q states %d, want %d", script, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	tests := []struct {
		row  string
		want []string
	}{
		{"", nil},
		{"  # only a comment", nil},
		{"wait 5s # for it", []string{"wait", "5s"}},
		{"a#b c", []string{"a#b", "c"}},
		{`clause="RFC 9111 §4.2" x`, []string{"clause=RFC 9111 §4.2", "x"}},
		{"body~`^\\d+ \"x\"$`", []string{`body~^\d+ "x"$`}},
		{`"a\r\n\x00\"\\\*"`, []string{"a\r\n\x00\"\\\\*"}},
		{`""`, []string{""}},
	}
	for _, tt := range tests {
		p := &parser{file: "x"}
		var got []string
		for _, w := range p.readWords(nil, tt.row, 1) {
			got = append(got, w.text)
		}
		if strings.Join(got, "|") != strings.Join(tt.want, "|") || len(p.problems) > 0 {
			t.Errorf("%s: got %q %v, want %q", tt.row, got, p.problems, tt.want)
		}
	}
}

// TestContinuation: a backslash joins lines, and places stay true.
func TestContinuation(t *testing.T) {
	_, err := Parse("j.txt", []byte("region eu\nhost \\\n  client \\\n  in uk\n"))
	if err == nil || !strings.Contains(err.Error(), "4:6: there is no region uk") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(hosts + "load client https://www.shop.test/ & \nexpect count >=3 frame client>eu protocol=tcp flags=SYN until frame client>eu flags=FIN*\n-- a --\nb"))
	f.Add([]byte("at 3s repeat 5 try fetch a POST http://b.test/ size 5MiB header \"a: b\"\nread u \"\\x00\" from a:3"))
	f.Fuzz(func(t *testing.T, text []byte) {
		j, err := Parse("j.txt", text)
		if (j == nil) == (err == nil) {
			t.Errorf("journey %v and error %v", j != nil, err)
		}
	})
}
