package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLabRun: what lab new writes passes, and what does not come true, or is
// wrong, is told with the exit code.
func TestLabRun(t *testing.T) {
	dir := t.TempDir()
	shop := filepath.Join(dir, "shop")
	if out, errs, code := waypost(t, "lab", "new", shop); code != exitOK || !strings.Contains(out, "shop.txt is written") {
		t.Fatalf("lab new: code %d, %s%s", code, out, errs)
	}
	if _, errs, code := waypost(t, "lab", "new", shop); code != exitUsage {
		t.Errorf("lab new over a file: code %d, %s", code, errs)
	}
	pcap, page := filepath.Join(dir, "pcap"), filepath.Join(dir, "shop.html")
	out, errs, code := waypost(t, "lab", "run", shop+".txt", "--pcap", pcap, "--html", page)
	if code != exitOK || !strings.HasPrefix(out, "PASS  shop") || errs != "" {
		t.Errorf("lab run: code %d, %s%s", code, out, errs)
	}
	for _, name := range []string{page, filepath.Join(pcap, "shop", "client-home.pcapng")} {
		if info, err := os.Stat(name); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := file(t, "wrong.txt", "region home 192.0.2.0/24\nhost client in home\nexpect tcp.state to=ESTABLISHED\n")
	if out, _, code := waypost(t, "lab", "run", wrong); code != exitFailed || !strings.Contains(out, "wrong.txt:3: expect tcp.state") {
		t.Errorf("what does not come true: code %d, %s", code, out)
	}
	typo := file(t, "typo.txt", "regoin home\n")
	if _, errs, code := waypost(t, "lab", "run", typo); code != exitUsage || !strings.Contains(errs, "typo.txt:1:1: there is no statement \"regoin\"; did you mean region?") {
		t.Errorf("a script that is wrong: code %d, %s", code, errs)
	}
}

// TestLabRunTells: the seed in the JSON is the one that was used, a journey
// that states nothing says so, and a page of several says which is which.
func TestLabRunTells(t *testing.T) {
	seeded := file(t, "seeded.txt", "# A title\n#\n# What it teaches.\nseed 42\nregion home 192.0.2.0/24\nhost client in home\nexpect never tcp.state\n")
	idle := file(t, "idle.txt", "wait 1s\n")
	out := filepath.Join(t.TempDir(), "out")
	text, errs, code := waypost(t, "lab", "run", seeded, idle, "--json", out+".json", "--html", out+".html")
	if code != exitOK || !strings.Contains(text, "states nothing") || strings.Count(text, "states nothing") != 1 {
		t.Errorf("code %d, %s%s", code, text, errs)
	}
	record, err := os.ReadFile(out + ".json")
	if err != nil || !strings.Contains(string(record), `"seed": 42,`) || !strings.Contains(string(record), `"seed": 1,`) {
		t.Errorf("%v, the record: %s", err, record)
	}
	page, err := os.ReadFile(out + ".html")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(page), ">Outcome</h2>")
	if !ok || !strings.Contains(after, ">seeded · A title</h2>") || !strings.Contains(after, "What it teaches.") {
		t.Errorf("the page does not begin with the outcome, or has not the journeys behind it")
	}
}
