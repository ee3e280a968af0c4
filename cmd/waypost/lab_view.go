package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"waypost/journey"
	"waypost/report"
	"waypost/trace"
)

// labView tells on standard output what becomes of journeys, and on a
// terminal what is going on.
type labView struct {
	run   *labRun
	out   *os.File // standard error, when the results take standard output
	style report.Style
	live  bool // standard error is a terminal, and nothing else is written

	mu      sync.Mutex
	name    string
	started time.Time
	dirty   bool
	width   int
}

func newLabView(r *labRun, journeys int) *labView {
	v := &labView{run: r, out: os.Stdout}
	if r.json == "-" || r.html == "-" {
		v.out = os.Stderr
	}
	v.style = styleOf(v.out)
	v.live = !r.verbose && term.IsTerminal(int(os.Stderr.Fd()))
	return v
}

func (v *labView) begin(j *journey.Journey) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.name, v.started = j.Name, time.Now()
	v.width = max(v.width, len(j.Name))
	if !v.run.verbose {
		return
	}
	fmt.Fprintf(v.out, "%s %s\n", v.style.Title(j.Name), j.Title)
	if j.About != "" {
		fmt.Fprintln(v.out, v.style.Note(j.About))
	}
}

// step tells the statement that is about to be done.
func (v *labView) step(at time.Duration, line int, statement string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.run.verbose:
		fmt.Fprintf(v.out, "%12v  %s\n", at.Round(time.Microsecond), v.style.Title(fmt.Sprintf("%d: %s", line, statement)))
	case v.live:
		v.dirty = true
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s  %v  %s", v.name, at.Round(time.Millisecond), clipped(statement))
	}
}

// clipped keeps a line of a terminal from breaking.
func clipped(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}

// event tells what a station said.
func (v *labView) event(e trace.Event) {
	if !v.run.verbose {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	fmt.Fprintf(v.out, "%12v    %s\n", e.Time.Sub(v.started).Round(time.Microsecond), report.Line(e, v.style))
}

// end tells what became of a journey.
func (v *labView) end(r *journey.Result) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.dirty {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
		v.dirty = false
	}
	took := fmt.Sprintf("%v virtual, %v", r.Virtual.Round(time.Millisecond), r.Wall.Round(time.Millisecond))
	title := fmt.Sprintf("%-*s  %s", v.width, r.Journey.Name, r.Journey.Title)
	if r.Passed() && r.Journey.States == 0 {
		took = statesNothing + ": there is no expect in it; " + took
	}
	switch {
	case r.Passed():
		fmt.Fprintf(v.out, "%s  %s %s\n", v.style.Success("PASS"), title, v.style.Note("("+took+")"))
	default:
		fmt.Fprintf(v.out, "%s  %s %s\n", v.style.Failure("FAIL"), title, v.style.Note("("+took+")"))
		for _, f := range r.Failures {
			fmt.Fprintln(v.out, indented(f.Error()))
		}
		if r.Err != nil {
			fmt.Fprintln(v.out, indented(r.Err.Error()))
		}
	}
	if r.Disturbed > 0 {
		fmt.Fprintln(v.out, indented(v.style.Note(fmt.Sprintf("the machine was busy %s: what happens at one instant may come in another order in another run", times(r.Disturbed)))))
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func indented(s string) string { return "      " + strings.ReplaceAll(s, "\n", "\n      ") }

// outcome is one journey in the JSON of lab run.
type outcome struct {
	Name     string           `json:"name"`
	Title    string           `json:"title"`
	File     string           `json:"file"`
	Outcome  string           `json:"outcome"` // pass or fail
	Why      string           `json:"why,omitempty"`
	Seed     uint64           `json:"seed"` // the one that was used
	Virtual  trace.Millis     `json:"virtual_ms"`
	Wall     trace.Millis     `json:"wall_ms"`
	Failures []journeyFailure `json:"failures"`
	Missed   int              `json:"missed,omitempty"`
	// Disturbed is how often the machine got in the way: where it is there,
	// another run may have another order within an instant.
	Disturbed int           `json:"disturbed,omitempty"`
	Loads     []trace.Load  `json:"loads"`
	Events    []trace.Event `json:"events"`
}

type journeyFailure struct {
	Line      int          `json:"line"`
	Statement string       `json:"statement"`
	At        trace.Millis `json:"at_ms"`
	Text      string       `json:"text"`
}

// write writes the files that the flags ask for.
func (r *labRun) write(v *labView, results []*journey.Result) error {
	failed := 0
	for _, x := range results {
		if !x.Passed() {
			failed++
		}
	}
	if len(results) > 1 {
		fmt.Fprintf(v.out, "%d passed, %d failed\n", len(results)-failed, failed)
	}
	var errs []error
	if r.json != "" {
		errs = append(errs, r.writeJSON(results))
	}
	if r.html != "" {
		errs = append(errs, writeFile(r.html, func(f *os.File) error { return report.HTML(f, document(results)) }))
	}
	return errors.Join(errs...)
}

func (r *labRun) writeJSON(results []*journey.Result) error {
	all := []outcome{}
	for _, x := range results {
		o := outcome{
			Name: x.Journey.Name, Title: x.Journey.Title, File: x.Journey.File, Outcome: "pass", Seed: x.Seed,
			Virtual: trace.Millis(x.Virtual), Wall: trace.Millis(x.Wall), Failures: []journeyFailure{},
			Missed: x.Missed, Disturbed: x.Disturbed, Loads: x.Loads, Events: x.Events,
		}
		switch {
		case x.Err != nil:
			o.Outcome, o.Why = "fail", x.Err.Error()
		case !x.Passed():
			o.Outcome = "fail"
		}
		for _, f := range x.Failures {
			o.Failures = append(o.Failures, journeyFailure{f.Line, f.Statement, trace.Millis(f.At), f.Text})
		}
		all = append(all, o)
	}
	text, err := json.MarshalIndent(map[string]any{"journeys": all}, "", " ")
	if err != nil {
		return err
	}
	return writeFile(r.json, func(f *os.File) error {
		_, err := f.Write(append(text, '\n'))
		return err
	})
}

// document is the report of all journeys: the outcome, then each of them with
// what it teaches and what was seen.
func document(results []*journey.Result) report.Document {
	d := report.Document{Title: "Journeys"}
	table := report.Table{Title: "Outcome", Head: []string{"journey", "outcome", "virtual time", "what was expected and not seen"}}
	for _, x := range results {
		outcome, why := "passed", ""
		switch {
		case !x.Passed():
			outcome = "failed"
			for _, f := range x.Failures {
				why += f.Error() + "\n"
			}
			if x.Err != nil {
				why += x.Err.Error()
			}
		case x.Journey.States == 0:
			outcome = "passed, " + statesNothing
		}
		table.Rows = append(table.Rows, []string{x.Journey.Name, outcome, x.Virtual.Round(time.Microsecond).String(), why})
		d.Parts = append(d.Parts, report.Document{
			Name: x.Journey.Name, Title: cmp.Or(x.Journey.Title, x.Journey.Name), Summary: x.Journey.About,
			Loads: x.Loads, Sequences: x.Sequences,
		})
	}
	d.Tables = []report.Table{table}
	if len(d.Parts) == 1 { // it is all there is: its title is the page's
		d.Title, d.Summary, d.Parts[0].Summary = d.Parts[0].Title, d.Parts[0].Summary, ""
		d.Parts[0].Title = "What was seen"
	}
	return d
}

// statesNothing is said of a journey without expectations.
const statesNothing = "states nothing"
