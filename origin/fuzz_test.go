package origin

import (
	"io/fs"
	"strings"
	"testing"

	"waypost/http/field"
)

// FuzzChooseCoding: never a coding that was not offered or that the client
// forbade.
func FuzzChooseCoding(f *testing.F) {
	f.Add("gzip, br;q=0.5, *;q=0", true, false)
	f.Add("identity;q=0,\t x-gzip ; q=1.0", true, true)
	f.Fuzz(func(t *testing.T, accept string, br, gzip bool) {
		req := field.Fields{{Name: "Accept-Encoding", Value: accept}}
		got := chooseCoding(req, func(c string) bool { return c == "br" && br || c == "gzip" && gzip })
		switch {
		case got == "":
		case got == "br" && !br, got == "gzip" && !gzip, got != "br" && got != "gzip":
			t.Fatalf("%q chose %q, which is not on offer", accept, got)
		default:
			q, ok := weight(req, got)
			if !ok {
				q, ok = weight(req, "*")
			}
			if !ok || q == 0 {
				t.Fatalf("%q chose %q, which it does not accept", accept, got)
			}
		}
	})
}

// FuzzFileName: whatever is asked for, the name is one that an fs.FS takes,
// and not hidden; and what is encoded again leads to it.
func FuzzFileName(f *testing.F) {
	for _, s := range []string{"/", "/a%20b/c.html", "/..%2f", "//x", "/.git/config", "/%00", "/.well-known/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		resource, at := decode(target)
		if at >= 0 {
			return
		}
		name, ok := fileName(resource)
		if !ok {
			return
		}
		if !fs.ValidPath(name) || strings.HasPrefix(name, ".git") || strings.Contains(name, "..") && strings.Contains("/"+name+"/", "/../") {
			t.Fatalf("%q names %q", target, name)
		}
		if name == "." {
			return
		}
		location := "/" + encodePath(name)
		if strings.HasPrefix(location, "//") || strings.ContainsAny(location, "\\?#\r\n ") {
			t.Fatalf("%q is encoded as %q", name, location)
		}
		again, at := decode(location)
		if back, ok := fileName(again); at >= 0 || !ok || back != name {
			t.Fatalf("%q is encoded as %q, which names %q", name, location, back)
		}
	})
}

// FuzzEvent: a client that reads the stream sees the event that was meant,
// and only that.
func FuzzEvent(f *testing.F) {
	f.Add("7", "stock", "one\ntwo\r\nthree\rfour")
	f.Add("a\nb", "x\r\ndata: forged", "\n\n")
	f.Fuzz(func(t *testing.T, id, name, data string) {
		events := parseStream(string(Event{ID: id, Name: name, Data: data}.Append(nil)))
		if len(events) != 1 {
			t.Fatalf("%d events", len(events))
		}
		got := events[0]
		if strings.Contains(id, "\x00") {
			id = ""
		}
		want := Event{ID: oneLine(id), Name: oneLine(name), Data: strings.ReplaceAll(strings.ReplaceAll(data, "\r\n", "\n"), "\r", "\n")}
		if got != want {
			t.Fatalf("read %+v, want %+v", got, want)
		}
	})
}

// parseStream reads a stream as HTML §9.2.6 does.
func parseStream(s string) (events []Event) {
	var e Event
	var data []string
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	for line := range strings.SplitSeq(s, "\n") {
		if line == "" {
			if data != nil {
				e.Data = strings.Join(data, "\n")
				events = append(events, e)
			}
			e, data = Event{}, nil
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			e.ID = value
		case "event":
			e.Name = value
		case "data":
			data = append(data, value)
		}
	}
	return events
}
