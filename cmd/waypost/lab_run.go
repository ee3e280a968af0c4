package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"waypost/journey"
	"waypost/lab"
	"waypost/lab/journeys"
)

// labRun are the flags of lab run.
type labRun struct {
	verbose    bool
	pcap       string
	seed       uint64
	html, json string
	run        string
	list       bool
}

func newLabRun() *cobra.Command {
	var r labRun
	cmd := &cobra.Command{
		Use:   "run [FILE|DIR|NAME]...",
		Short: "Run journeys and say which of their expectations came true",
		Long: `run runs journeys: files, the files *.txt of directories, and the ready journeys
by name or by the number that their names begin with; all of these without
arguments. Each has a lab and a virtual time of its own. The same seed gives
the same run.

Exit codes: 0 all expectations came true; 1 one did not, or an action failed;
2 a script is wrong.`,
		Example: `  waypost lab run --list
  waypost lab run 01 -v
  waypost lab run journeys/ --run 'purge|stale' --pcap /tmp/pcap
  waypost lab run my-shop.txt --html my-shop.html --json my-shop.json`,
		ValidArgsFunction: completeJourneys,
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := r.read(args)
			if err != nil {
				return err
			}
			if r.list {
				for _, j := range all {
					fmt.Printf("%-28s %s\n", j.Name, j.Title)
				}
				return nil
			}
			if err := r.check(all); err != nil {
				return err
			}
			return r.play(all)
		},
	}
	cmd.Flags().BoolVarP(&r.verbose, "verbose", "v", false, "tell each statement and each event")
	cmd.Flags().StringVar(&r.pcap, "pcap", "", "write a capture of every link to `DIR`/NAME/LINK.pcapng")
	cmd.Flags().Uint64Var(&r.seed, "seed", 1, "what all chance comes from")
	cmd.Flags().StringVar(&r.html, "html", "", "write a report to `FILE`: the loads as waterfalls, the connections as diagrams")
	cmd.Flags().StringVar(&r.json, "json", "", "write outcome and record to `FILE` (- is standard output)")
	cmd.Flags().StringVar(&r.run, "run", "", "run only journeys whose names match `REGEXP`")
	cmd.Flags().BoolVar(&r.list, "list", false, "list the journeys and their titles, and run none")
	return cmd
}

// completeJourneys tells the shell the ready journeys; where none fits, it goes
// on with files.
func completeJourneys(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var fit []string
	for _, name := range readyNames() {
		if strings.HasPrefix(name, typed) {
			fit = append(fit, name)
		}
	}
	return fit, cobra.ShellCompDirectiveDefault
}

// check refuses what cannot be written, before the work is done.
func (r *labRun) check(all []*journey.Journey) error {
	out := output{json: r.json, svg: r.html}
	if err := out.check(); err != nil || r.pcap == "" {
		return err
	}
	file := map[string]string{}
	for _, j := range all {
		if other, there := file[j.Name]; there {
			return usage(fmt.Errorf("--pcap %s: %s and %s would write to the same %s", r.pcap, other, j.File, filepath.Join(r.pcap, j.Name)))
		}
		file[j.Name] = j.File
	}
	if err := os.MkdirAll(r.pcap, 0o777); err != nil {
		return usage(fmt.Errorf("--pcap %s: %w", r.pcap, err))
	}
	return nil
}

// read reads the journeys that args name. What is wrong with any of them is
// one error.
func (r *labRun) read(args []string) ([]*journey.Journey, error) {
	wanted, err := regexp.Compile(r.run)
	if err != nil {
		return nil, usage(fmt.Errorf("--run %s: %w", r.run, err))
	}
	if len(args) == 0 {
		args = readyNames()
	}
	var all []*journey.Journey
	var problems []error
	had := map[journeyText]bool{}
	for _, arg := range args {
		texts, err := journeyTexts(arg)
		if err != nil {
			return nil, usage(err)
		}
		for _, t := range texts {
			if had[t] { // named twice, run once
				continue
			}
			had[t] = true
			j, err := journey.Parse(t.name, []byte(t.text))
			if err != nil {
				problems = append(problems, err)
				continue
			}
			if wanted.MatchString(j.Name) {
				all = append(all, j)
			}
		}
	}
	switch {
	case len(problems) > 0:
		return nil, usage(fmt.Errorf("a journey is wrong\n%w", errors.Join(problems...)))
	case len(all) == 0:
		return nil, usage(fmt.Errorf("no journey's name matches %s", r.run))
	}
	return all, nil
}

// journeyText is a script that has not been read yet.
type journeyText struct {
	name string
	text string
}

// journeyTexts are the scripts that one argument means: a file, those of a
// directory, or a ready one.
func journeyTexts(arg string) ([]journeyText, error) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		names, err := filepath.Glob(filepath.Join(arg, "*.txt"))
		if err == nil && len(names) == 0 {
			err = fmt.Errorf("%s: no journey *.txt in this directory", arg)
		}
		if err != nil {
			return nil, err
		}
		var all []journeyText
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			all = append(all, journeyText{name, string(text)})
		}
		return all, nil
	case err == nil:
		text, err := os.ReadFile(arg)
		return []journeyText{{filepath.Clean(arg), string(text)}}, err
	}
	ready := readyNames()
	for _, name := range ready {
		if arg == name || strings.HasPrefix(name, arg+"-") {
			text, err := journeys.Files.ReadFile(name + ".txt")
			return []journeyText{{name + ".txt", string(text)}}, err
		}
	}
	return nil, fmt.Errorf("there is no file and no ready journey %s: waypost lab run --list names those", arg)
}

// readyNames are the names of the ready journeys, in their order.
func readyNames() []string {
	entries, err := journeys.Files.ReadDir(".")
	if err != nil {
		panic(err) // it is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".txt"))
	}
	slices.Sort(names)
	return names
}

// play runs the journeys in virtual time. It returns only in the process in
// which time is real.
func (r *labRun) play(all []*journey.Journey) error {
	var rounds []func() int
	var results []*journey.Result
	show := newLabView(r, len(all))
	for i, j := range all {
		rounds = append(rounds, func() int {
			began := wallClock()
			show.begin(j)
			result := j.Run(context.Background(), journey.Options{
				Seed: r.seed, Pcap: r.pcap, Diagrams: r.html != "", Step: show.step, Progress: show.event,
			})
			result.Wall = wallClock().Sub(began)
			show.end(result)
			results = append(results, result)
			code := exitOK
			if !result.Passed() {
				code = exitFailed
			}
			if i+1 == len(all) {
				if err := r.write(show, results); err != nil {
					fmt.Fprintln(os.Stderr, styleOf(os.Stderr).Failure("waypost:"), err)
					code = exitFailed
				}
			}
			return code
		})
	}
	if code := lab.Virtual(r.seed, rounds...); code != exitOK {
		return exitCode(code)
	}
	return nil
}

// exitCode is the end of a process that has said all there is to say.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// wallClock is the time outside of virtual time.
func wallClock() time.Time {
	var tv syscall.Timeval
	if err := syscall.Gettimeofday(&tv); err != nil {
		return time.Time{} // then nobody knows how long it took
	}
	return time.Unix(tv.Unix())
}
