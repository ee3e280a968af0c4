package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"waypost/report"
	"waypost/trace"
)

// styleOf is how to write to f: colours only on a terminal, and not where
// NO_COLOR is set (no-color.org).
func styleOf(f *os.File) report.Style {
	if !term.IsTerminal(int(f.Fd())) {
		return report.Style{}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 0
	}
	return report.Style{Colour: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", Width: width}
}

// progress is a recorder that also keeps one line of a terminal up to date
// with what is happening. Without a terminal it only records.
type progress struct {
	trace.Recorder
	out *os.File // nil: no terminal

	mu    sync.Mutex
	shown time.Time
	count int
	dirty bool
}

// progressPause keeps the line from costing more than the load itself.
const progressPause = 50 * time.Millisecond

func newProgress(r trace.Recorder) *progress {
	p := &progress{Recorder: r}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		p.out = os.Stderr
	}
	return p
}

// Record passes e on.
func (p *progress) Record(e trace.Event) {
	p.Recorder.Record(e)
	if p.out == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	if now := time.Now(); now.Sub(p.shown) > progressPause {
		p.shown, p.dirty = now, true
		fmt.Fprintf(p.out, "\r\x1b[K%d events · %s: %s", p.count, e.Station, e.Fact.Kind())
	}
}

// clear takes the line away.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dirty {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.dirty = false
	}
}

// writeFile writes what a flag asked for; "-" is standard output.
func writeFile(name string, write func(f *os.File) error) error {
	if name == "-" {
		return write(os.Stdout)
	}
	f, err := os.Create(name)
	if err != nil {
		return usage(err)
	}
	if err := write(f); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", name, err), f.Close())
	}
	return f.Close()
}
