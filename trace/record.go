package trace

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Record is what waypost writes with --json: one entry for each load.
// docs/record.schema.json describes its JSON.
type Record struct {
	Loads []Load `json:"loads"`
}

// Load is one journey with every station's account of it.
type Load struct {
	URL    string    // the URL loaded, as asked for
	Trace  ID        // the journey's id, as in traceparent
	Start  time.Time // when the journey began; event times count from here
	Fault  string    // RFC 9209 §2.3 name of what ended the load; "" when it succeeded
	Missed int       // events that the stations' recorders had no room for
	Events []Event   // in the order of time
}

// NewLoad puts the accounts of several stations together: duplicates (the
// same recorder asked twice) are dropped and the events put in the order of
// time. The journey starts when its earliest event began.
func NewLoad(url string, id ID, events []Event) Load {
	l := Load{URL: url, Trace: id, Events: slices.Clone(events)}
	slices.SortStableFunc(l.Events, func(a, b Event) int { return a.Time.Compare(b.Time) })
	l.Events = withoutDuplicates(l.Events)
	for i, e := range l.Events {
		if began := e.Time.Add(-e.Took); i == 0 || began.Before(l.Start) {
			l.Start = began
		}
	}
	return l
}

// withoutDuplicates drops, in place, the repetitions in events that are in
// the order of time. Those of one moment need not stand side by side: in
// virtual time a whole journey can happen at once.
func withoutDuplicates(events []Event) []Event {
	kept, moment := events[:0], 0 // kept[moment:] have the time of the latest
	for _, e := range events {
		if n := len(kept); n > 0 && !kept[n-1].Time.Equal(e.Time) {
			moment = n
		}
		if !slices.ContainsFunc(kept[moment:], e.same) {
			kept = append(kept, e)
		}
	}
	clear(events[len(kept):])
	return kept
}

// same reports whether o, of the same moment, is e once more.
func (e Event) same(o Event) bool {
	return e.Span == o.Span && e.Station == o.Station && reflect.DeepEqual(e.Fact, o.Fact)
}

// Find returns the events of one kind, in the order of time.
func (l *Load) Find(kind Kind) []Event {
	var found []Event
	for _, e := range l.Events {
		if e.Fact.Kind() == kind {
			found = append(found, e)
		}
	}
	return found
}

// Stations returns the names of all stations in the order in which they
// first speak.
func (l *Load) Stations() []string {
	var names []string
	for _, e := range l.Events {
		if !slices.Contains(names, e.Station) {
			names = append(names, e.Station)
		}
	}
	return names
}

// loadJSON is the JSON form of a Load.
type loadJSON struct {
	URL    string      `json:"url"`
	Trace  string      `json:"trace"`
	Start  time.Time   `json:"start"`
	Fault  string      `json:"fault,omitempty"`
	Missed int         `json:"missed,omitempty"`
	Events []eventJSON `json:"events"`
}

// eventJSON is the JSON form of an Event. Between stations Time is absent
// and Wall counts; in a record both are there.
type eventJSON struct {
	Kind     Kind            `json:"kind"`
	Station  string          `json:"station"`
	Time     Millis          `json:"time"`
	Wall     time.Time       `json:"wall"`
	Took     Millis          `json:"took,omitempty"`
	Trace    string          `json:"trace,omitempty"`
	Span     string          `json:"span"`
	Parent   string          `json:"parent,omitempty"`
	Attrs    json.RawMessage `json:"attrs"`
	Decision *Decision       `json:"decision,omitempty"`
}

// MarshalJSON writes the form that docs/record.schema.json describes.
func (l Load) MarshalJSON() ([]byte, error) {
	out := loadJSON{URL: l.URL, Trace: l.Trace.String(), Start: l.Start, Fault: l.Fault, Missed: l.Missed, Events: []eventJSON{}}
	for _, e := range l.Events {
		ej, err := e.encode()
		if err != nil {
			return nil, err
		}
		ej.Time = Millis(e.Time.Sub(l.Start))
		ej.Trace = ""
		out.Events = append(out.Events, ej)
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *Load) UnmarshalJSON(b []byte) error {
	var in loadJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	id, ok := ParseID(in.Trace)
	if !ok {
		return fmt.Errorf("record: trace %q is no trace id", in.Trace)
	}
	*l = Load{URL: in.URL, Trace: id, Start: in.Start, Fault: in.Fault, Missed: in.Missed}
	for i := range in.Events {
		in.Events[i].Trace = in.Trace
		e, err := in.Events[i].decode()
		if err != nil {
			return fmt.Errorf("record: event %d: %w", i, err)
		}
		l.Events = append(l.Events, e)
	}
	return nil
}

// MarshalJSON writes the form in which stations hand events to each other.
func (e Event) MarshalJSON() ([]byte, error) {
	ej, err := e.encode()
	if err != nil {
		return nil, err
	}
	return json.Marshal(ej)
}

// UnmarshalJSON reads what MarshalJSON wrote. Kinds and attributes that the
// catalogue does not know are errors: the catalogue is closed.
func (e *Event) UnmarshalJSON(b []byte) error {
	var in eventJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	var err error
	*e, err = in.decode()
	return err
}

func (e Event) encode() (eventJSON, error) {
	attrs, err := json.Marshal(withoutNil(e.Fact))
	if err != nil {
		return eventJSON{}, fmt.Errorf("event %s: %w", e.Fact.Kind(), err)
	}
	ej := eventJSON{
		Kind: e.Fact.Kind(), Station: e.Station, Wall: e.Time.Round(0), Took: Millis(e.Took),
		Trace: e.Trace.String(), Span: e.Span.String(), Attrs: attrs, Decision: e.Decision,
	}
	if e.Parent != 0 {
		ej.Parent = e.Parent.String()
	}
	return ej, nil
}

// withoutNil returns a copy of f whose nil lists are empty ones, so that a
// reader of the JSON never meets null.
func withoutNil(f Fact) any {
	v := reflect.New(reflect.TypeOf(f)).Elem()
	v.Set(reflect.ValueOf(f))
	for i := range v.NumField() {
		if field := v.Field(i); field.Kind() == reflect.Slice && field.IsNil() {
			field.Set(reflect.MakeSlice(field.Type(), 0, 0))
		}
	}
	return v.Interface()
}

func (ej eventJSON) decode() (Event, error) {
	id, ok1 := ParseID(ej.Trace)
	span, ok2 := ParseSpanID(ej.Span)
	parent, ok3 := ParseSpanID(cmp.Or(ej.Parent, SpanID(0).String()))
	if !ok1 || !ok2 || !ok3 {
		return Event{}, fmt.Errorf("event %s: bad trace, span or parent id", ej.Kind)
	}
	fact, err := decodeFact(ej.Kind, ej.Attrs)
	if err != nil {
		return Event{}, err
	}
	return Event{
		Time: ej.Wall, Took: time.Duration(ej.Took), Station: ej.Station,
		Trace: id, Span: span, Parent: parent, Fact: fact, Decision: ej.Decision,
	}, nil
}

// decodeFact reads the attributes of one kind into its struct.
func decodeFact(kind Kind, attrs []byte) (Fact, error) {
	for _, c := range catalogue {
		if c.fact.Kind() != kind {
			continue
		}
		v := reflect.New(reflect.TypeOf(c.fact))
		if err := json.Unmarshal(attrs, v.Interface()); err != nil {
			return nil, fmt.Errorf("event %s: %w", kind, err)
		}
		return v.Elem().Interface().(Fact), nil
	}
	return nil, fmt.Errorf("event %q is not in the catalogue", kind)
}

// MarshalJSON writes milliseconds with microsecond precision.
func (m Millis) MarshalJSON() ([]byte, error) {
	us := time.Duration(m).Microseconds()
	sign := ""
	if us < 0 {
		sign, us = "-", -us
	}
	return fmt.Appendf(nil, "%s%d.%03d", sign, us/1000, us%1000), nil
}

// UnmarshalJSON reads a number of milliseconds.
func (m *Millis) UnmarshalJSON(b []byte) error {
	var ms float64
	if err := json.Unmarshal(b, &ms); err != nil {
		return err
	}
	*m = Millis(ms * float64(time.Millisecond))
	return nil
}

// String is the duration as time.Duration prints it.
func (m Millis) String() string { return time.Duration(m).String() }
