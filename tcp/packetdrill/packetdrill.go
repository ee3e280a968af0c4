// Package packetdrill runs scripts of the packetdrill language against package
// tcp: without a socket, without a network and without waiting. A script says
// which calls a program makes, which segments arrive and which must be sent,
// each at its time; here the time is virtual, so a script of hours takes
// milliseconds and its times are exact.
//
// docs/packetdrill.md describes the subset of the language. A script that asks
// for more is skipped and the reason is told; it never counts as passed.
//
// Read the files in this order: script.go has the nouns of a script; lex.go,
// parse.go, parse_packet.go, parse_call.go, parse_code.go and eval.go read it;
// support.go says what is not spoken; options.go and sysctl.go turn its
// settings into a tcp.Config. run.go goes through the events on the host of
// host.go and flow.go: inject.go sends what arrives, expect.go compares what
// is sent, calls.go with socket.go, stream.go, sockopt.go and poll.go play
// the socket interface, info.go and sockstat.go are what a script may ask about
// a connection. notation.go writes segments as scripts do.
package packetdrill

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The tolerance that scripts are written for when they do not say
// otherwise: the defaults of the original, which runs in real time.
const (
	DefaultTolerance        = 4 * time.Millisecond
	defaultTolerancePercent = 12.5
)

// MaxScriptSize bounds a script, in bytes: the largest ones known have 20 kB.
const MaxScriptSize = 1 << 20

// Options are settings of a run. The zero value runs scripts as the original
// does.
type Options struct {
	// Tolerance is how far from its time anything may happen, for all
	// scripts. 0: what the script says, or DefaultTolerance or 12.5 % of
	// the wait, whichever is more.
	Tolerance time.Duration
	// Complete fails a script that ends with segments sent that it did not
	// expect. The original does not look at them.
	Complete bool
	// Like names the system that the scripts were written for. What the
	// RFCs leave to choice is then taken as that system has it, or not
	// compared.
	Like System
	// Verbose writes every segment.
	Verbose bool
}

// System is an implementation that scripts are written for.
type System string

const (
	// RFC compares everything.
	RFC System = ""
	// Linux does not delay the first acknowledgements of a connection, and
	// sets PSH in the middle of what was written, too: none is delayed, and
	// PSH (RFC 9293 §3.9.1.2) is not compared.
	Linux System = "linux"
	// FreeBSD has its options in another order, with other padding, and
	// windows of its own: options are compared without order and padding,
	// windows and PSH not at all.
	FreeBSD System = "freebsd"
)

// Outcome is what became of a script.
type Outcome uint8

// The outcomes.
const (
	Passed Outcome = iota
	Failed
	Skipped
)

func (o Outcome) String() string { return [...]string{"PASS", "FAIL", "SKIP"}[o] }

// Result is what became of one script.
type Result struct {
	File    string
	Outcome Outcome
	Line    int    // where it failed or asks for what is not there; 0: as a whole
	Reason  string // one line; empty when it passed
	Syntax  bool   // it failed because it cannot be read
	Detail  string // of a failure: expected, actual and the segments before, as lines
	Trace   string // with Options.Verbose: all segments, as lines
}

// String writes the result as Run does.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Outcome, r.File)
	if r.Line > 0 {
		fmt.Fprintf(&b, ":%d", r.Line)
	}
	if r.Reason != "" {
		fmt.Fprintf(&b, ": %s", r.Reason)
	}
	b.WriteByte('\n')
	b.WriteString(r.Detail)
	b.WriteString(r.Trace)
	return b.String()
}

// Summary is the results of a run in the order of their files.
type Summary struct {
	Results                 []Result
	Passed, Failed, Skipped int
	Unreadable              int // of those that failed: scripts that are wrong themselves
}

// Run runs the scripts at paths: files, and directories with all files below
// them whose names end in .pkt. It writes each script's result to w, and a
// last line with the counts. The error is about files that cannot be read; a
// script that fails is told by the Summary.
func Run(w io.Writer, paths []string, o Options) (Summary, error) {
	var sum Summary
	files, err := scripts(paths)
	if err != nil {
		return sum, err
	}
	for _, file := range files {
		text, err := read(file)
		if err != nil {
			return sum, err
		}
		r := RunScript(file, text, o)
		sum.add(r)
		if _, err := io.WriteString(w, r.String()); err != nil {
			return sum, fmt.Errorf("write the result of %s: %w", file, err)
		}
	}
	_, err = fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", sum.Passed, sum.Failed, sum.Skipped)
	return sum, err
}

func (s *Summary) add(r Result) {
	s.Results = append(s.Results, r)
	switch r.Outcome {
	case Passed:
		s.Passed++
	case Failed:
		s.Failed++
		if r.Syntax {
			s.Unreadable++
		}
	case Skipped:
		s.Skipped++
	}
}

// scripts lists the files of paths, those of a directory in the order of
// their names.
func scripts(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("packetdrill scripts: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		start := len(files)
		err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && filepath.Ext(name) == ".pkt" {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("packetdrill scripts in %s: %w", path, err)
		}
		if len(files) == start {
			return nil, fmt.Errorf("packetdrill scripts: there is no *.pkt in %s", path)
		}
		slices.Sort(files[start:])
	}
	return files, nil
}

// read reads a script of at most MaxScriptSize.
func read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("packetdrill script: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, MaxScriptSize+1))
	if err != nil {
		return nil, fmt.Errorf("packetdrill script: %w", err)
	}
	if len(text) > MaxScriptSize {
		return nil, fmt.Errorf("packetdrill script %s: longer than %d bytes", file, MaxScriptSize)
	}
	return text, nil
}
