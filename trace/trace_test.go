package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the generated files in docs anew")

func TestGeneratedDocs(t *testing.T) {
	for name, want := range map[string][]byte{
		"EVENTS.md":          []byte(Docs()),
		"record.schema.json": Schema(),
	} {
		path := filepath.Join("..", "docs", name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the catalogue says: run go test ./trace -update", path)
		}
	}
}

// TestCatalogue holds every entry to the rules that the generators rely on.
func TestCatalogue(t *testing.T) {
	seen := map[Kind]bool{}
	for _, c := range catalogue {
		k := c.fact.Kind()
		if seen[k] {
			t.Errorf("%s is declared twice", k)
		}
		seen[k] = true
		if c.by == "" || !strings.HasSuffix(c.doc, ".") {
			t.Errorf("%s: say who notes it and what it means, in sentences", k)
		}
		checkAttrs(t, k, reflect.TypeOf(c.fact))
	}
}

func checkAttrs(t *testing.T, k Kind, typ reflect.Type) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _ := attrName(f)
		if name == "" || f.Tag.Get("doc") == "" {
			t.Errorf("%s: %s needs json and doc tags", k, f.Name)
		}
		if isMillis := f.Type == reflect.TypeFor[Millis](); isMillis != strings.HasSuffix(name, "_ms") {
			t.Errorf("%s: %s: names that end in _ms are for durations, and durations end so", k, name)
		}
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			checkAttrs(t, k, f.Type.Elem())
		}
	}
}

// TestRecordRoundTrip sends one event of every kind through JSON and holds
// the JSON against the schema.
func TestRecordRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ring Ring
		st := &Station{Name: "browser", Recorder: &ring}
		root := st.Begin()
		for _, c := range catalogue {
			time.Sleep(1500 * time.Microsecond)
			root.Child().Done(c.fact, &Decision{Verdict: "yes", Reason: "because", Clause: "RFC 9110 §1"})
		}
		events, missed := ring.Events(root.Context().Trace)
		if missed != 0 || len(events) != len(catalogue) {
			t.Fatalf("%d events and %d missed, want %d and 0", len(events), missed, len(catalogue))
		}
		rec := Record{Loads: []Load{NewLoad("https://www.shop.test/", root.Context().Trace, events)}}
		text, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		validate(t, text)
		var back Record
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(back)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, again) {
			t.Errorf("a record changed on its way through JSON:\n%s\n%s", text, again)
		}
		if want := []byte(`"time":1.500`); !bytes.Contains(text, want) {
			t.Errorf("the record holds no %s", want)
		}
	})
}

func TestSchemaRefusesStrangers(t *testing.T) {
	schema := compile(t)
	for _, bad := range []string{
		`{}`,
		`{"loads":[{"url":"u","trace":"x","start":"s","events":[]}]}`,
		`{"loads":[{"url":"u","trace":"00000000000000000000000000000001","start":"s","events":[{"kind":"no.such","station":"s","time":1,"wall":"w","span":"0000000000000001","attrs":{}}]}]}`,
	} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("the schema accepts %s", bad)
		}
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("record.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("record.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, text []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := compile(t).Validate(doc); err != nil {
		t.Error(err)
	}
}

func TestOffCostsNothing(t *testing.T) {
	var off *Station
	n := testing.AllocsPerRun(100, func() {
		span := off.Join(Context{Sampled: true})
		if span.On() {
			t.Error("a station without a recorder is on")
		}
		span.Child().Done(nil, nil)
	})
	if n != 0 {
		t.Errorf("recording that is off allocates %v times", n)
	}
	if From(With(context.Background(), nil)) != nil {
		t.Error("a nil span came back from a context")
	}
}

// TestSameMoment: a recorder that was asked twice counts once, also where
// several things happened in one moment.
func TestSameMoment(t *testing.T) {
	at := time.Unix(1, 0)
	once := []Event{
		{Time: at, Span: 1, Station: "edge", Fact: EdgeLookup{URL: "a"}},
		{Time: at, Span: 1, Station: "edge", Fact: EdgeLookup{URL: "b"}},
		{Time: at, Span: 2, Station: "edge", Fact: EdgeLookup{URL: "a"}},
		{Time: at.Add(1), Span: 1, Station: "edge", Fact: EdgeLookup{URL: "a"}},
	}
	l := NewLoad("https://a.test/", ID{1, 1}, append(once, once...))
	if len(l.Events) != len(once) {
		t.Errorf("%d events, want %d: %v", len(l.Events), len(once), l.Events)
	}
}

func TestRingForgetsTheOldest(t *testing.T) {
	var ring Ring
	for i := range uint64(maxTraces + 1) {
		ring.Record(Event{Trace: ID{0, i + 1}})
	}
	if events, _ := ring.Events(ID{0, 1}); events != nil {
		t.Error("the oldest journey is still there")
	}
	if got := len(ring.Traces()); got != maxTraces {
		t.Errorf("%d journeys kept, want %d", got, maxTraces)
	}
	for range maxEvents + 2 {
		ring.Record(Event{Trace: ID{1, 1}})
	}
	if events, missed := ring.Events(ID{1, 1}); len(events) != maxEvents || missed != 2 {
		t.Errorf("%d events kept and %d missed, want %d and 2", len(events), missed, maxEvents)
	}
}

// TestRingIsBounded: long journeys, too, are forgotten in time.
func TestRingIsBounded(t *testing.T) {
	var ring Ring
	ring.Record(Event{Trace: ID{0, 1}}) // one that goes on after all the others
	for n := range uint64(maxTotal/maxEvents + 1) {
		for range maxEvents {
			ring.Record(Event{Trace: ID{1, n}})
		}
		ring.Record(Event{Trace: ID{0, 1}})
	}
	total := 0
	for _, id := range ring.Traces() {
		events, _ := ring.Events(id)
		total += len(events)
	}
	if total > maxTotal || total < maxTotal-2*maxEvents || total != ring.total {
		t.Errorf("%d events kept, counted as %d, want nearly %d", total, ring.total, maxTotal)
	}
}

func TestParseContext(t *testing.T) {
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, tt := range []struct {
		in   string
		want bool
	}{
		{good, true},
		{strings.ToUpper(good), false},          // §3.2.2: lower case only
		{"ff" + good[2:], false},                // version 255 is invalid
		{good + "-x", false},                    // version 00 is exactly this long
		{"cc" + good[2:] + "-what-comes", true}, // §4.3: a later version
		{"cc" + good[2:] + "x", false},          // which has to go on with a dash
		{"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false}, // zero trace
		{"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false}, // zero parent
		{"00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01", false}, {"", false},
	} {
		c, ok := ParseContext(tt.in)
		if ok != tt.want {
			t.Errorf("ParseContext(%q) = %v, want %v", tt.in, ok, tt.want)
		}
		if ok && tt.in == good && c.String() != good {
			t.Errorf("%q came back as %q", good, c)
		}
	}
}

func FuzzParseContext(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := ParseContext(s)
		if !ok {
			return
		}
		if back, ok := ParseContext(c.String()); !ok || back != c {
			t.Errorf("%q parsed to %v, which does not parse back", s, c)
		}
		if back, ok := ParseBinary(c.AppendBinary(nil)); !ok || back != c {
			t.Errorf("%v does not survive the EDNS option", c)
		}
	})
}
