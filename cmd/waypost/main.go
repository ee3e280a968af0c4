// Command waypost is the road from a URL to a page: it serves it (serve),
// shows it (demo, load, explain, resolve) and checks its configuration.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"waypost/fault"
)

// Exit codes. They are part of the interface: scripts rely on them.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for was tried and failed
	exitUsage  = 2 // the command line, or a file that it names, is wrong
)

// usageError is a mistake in the command line or in a file that it names.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usage(err error) error { return usageError{err} }

func main() {
	// Package quic would write to the standard error where the system's
	// bound on UDP buffers is below what it would like.
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the first interrupt ends politely, the second one at once
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var code exitCode
	if errors.As(err, &code) { // it has said all there is to say
		return int(code)
	}
	style := styleOf(os.Stderr)
	fmt.Fprintln(os.Stderr, style.Failure("waypost:"), explainError(err))
	var u usageError
	if errors.As(err, &u) {
		return exitUsage
	}
	return exitFailed
}

// explainError puts the fault's name (RFC 9209 §2.3) behind a hop's failure.
func explainError(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return fmt.Sprintf("%v (%s)", err, fault.Of(err))
	}
	return err.Error()
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "waypost",
		Short: "The road from a URL to a page: serve it, show it, explain it",
		Long: `waypost runs the road from a URL to a page (resolver, authority with smart DNS,
CDN edge, origin), and it loads pages as a browser does and shows every step
of the way: who was asked, what was decided, why, and by which rule. lab does
the same on an internet in this process, in virtual time, to rehearse failures.

Exit codes: 0 done; 1 tried and failed; 2 the command line, or a file that it
names, is wrong. NO_COLOR=1 turns colours off.`,
		Example: `  waypost demo                            a small internet on this machine, loaded twice
  waypost load https://example.com/       every step of a page load
  waypost resolve example.com --iterate   follow a name from the root
  waypost check -c waypost.yaml           what is wrong with a configuration
  waypost serve -c waypost.yaml           run resolver, authority, edge, origin
  waypost lab run                         the ready journeys: each sets up an internet and breaks it
  waypost lab tcp --loss 2%               one TCP transfer, segment by segment`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		Args:          onlyCommands,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("waypost {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(fmt.Errorf("%w; see %s --help", explainFlag(err), cmd.CommandPath()))
	})
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(newDemo(), newLoad(), newExplain(), newResolve(), newServe(), newEdge(), newPurge(), newSign(), newLab(), newCheck())
	return root
}

// explainFlag says what a flag wants in place of which function of Go's
// refused what it was given.
func explainFlag(err error) error {
	var wrong *pflag.InvalidValueError
	if !errors.As(err, &wrong) {
		return err
	}
	var wanted string
	switch f := wrong.GetFlag(); f.Value.Type() {
	case "int", "intSlice":
		wanted = "a whole number is wanted"
	case "uint64":
		wanted = "a whole number from 0 is wanted"
	case "duration":
		wanted = "a time such as 20ms, 75s or 1h30m is wanted"
	case "bool":
		wanted = "true or false is wanted"
	default:
		return err
	}
	return fmt.Errorf("--%s %q: %s", wrong.GetFlag().Name, wrong.GetValue(), wanted)
}

// onlyCommands wants one of a command's commands, or nothing.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(fmt.Errorf("unknown command %q%s; see %s --help", args[0], suggest(cmd, args[0]), cmd.CommandPath()))
}

// suggest names commands that a typing error may have meant.
func suggest(cmd *cobra.Command, typed string) string {
	near := cmd.SuggestionsFor(typed)
	if len(near) == 0 {
		return ""
	}
	return fmt.Sprintf(", did you mean %s?", strings.Join(near, " or "))
}

// exactArgs wants n arguments and says which.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(fmt.Errorf("%s wants %s, got %d arguments; see %s --help", cmd.CommandPath(), what, len(args), cmd.CommandPath()))
		}
		return nil
	}
}

// version is the module's version, or the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && (v == "" || v == "(devel)") {
			v = s.Value[:12]
		}
	}
	if v == "" {
		v = "(devel)"
	}
	return v
}
