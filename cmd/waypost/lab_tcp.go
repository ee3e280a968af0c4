package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waypost/lab"
	"waypost/lab/transfer"
	"waypost/report"
	"waypost/tcp"
	"waypost/trace"
)

// tcpLesson are the flags of lab tcp.
type tcpLesson struct {
	loss, rate, queue, window string
	bytes, cc                 string
	delay                     time.Duration
	seed                      uint64
	drop                      []int
	sack                      bool
	pcap, html, json          string
}

func newLabTCP() *cobra.Command {
	var f tcpLesson
	cmd := &cobra.Command{
		Use:   "tcp",
		Short: "Watch one TCP transfer, segment by segment",
		Long: `tcp sends bytes from one host of the lab to another over one link, in virtual
time, and shows what TCP does: the segments as a time-sequence diagram, both
ends' states, the congestion window and its threshold, the receiver's window,
round trips, the link's queue, and at each turn the reason and its clause. The
same flags with the same seed give the same transfer.

Losses count for both ways of the link; --drop names single segments of the
client, counted from the SYN, which is 1. SACK is on with cubic and off with
tahoe, reno and newreno, which are from before it; --sack says otherwise.`,
		Example: `  waypost lab tcp                                     1 MB over 10 Mbit/s: slow start fills the queue
  waypost lab tcp --bytes 60KB --drop 8 --cc reno     three duplicate ACKs and a fast retransmit
  waypost lab tcp --bytes 60KB --drop 44 --cc reno    the last segment: nothing follows, so the timer must find it
  waypost lab tcp --drop 1 --bytes 5KB                a lost SYN costs a second
  waypost lab tcp --loss 2% --cc cubic --html tcp.html
  waypost lab tcp --window 16KB --delay 50ms          the receiver is the limit
  waypost lab tcp --loss 'burst 1% 25%' --seed 7 --pcap tcp.pcapng`,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options(cmd.Flags().Changed("sack"))
			if err != nil {
				return usage(err)
			}
			if err := f.check(); err != nil {
				return usage(err)
			}
			return inVirtualTime(o.Seed, func() error { return f.run(o) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.bytes, "bytes", "1MB", "send `N` bytes; B, KB, MB, KiB, MiB may follow")
	flags.DurationVar(&f.delay, "delay", 20*time.Millisecond, "the link's `TIME` one way")
	flags.StringVar(&f.rate, "rate", "10Mbit", "the link's `SPEED` per second, 0 for no bound")
	flags.StringVar(&f.queue, "queue", "64KB", "`BYTES` that wait for the link at most; what comes then is dropped")
	flags.StringVar(&f.loss, "loss", "0%", "`WHAT` the link loses: 2%, 'nth 3,7' (frames each way) or 'burst 1% 25%' (chances to enter and leave)")
	flags.IntSliceVar(&f.drop, "drop", nil, "lose these segments of the client besides, `N,N`; 1 is the SYN, 3 the first data")
	flags.StringVar(&f.cc, "cc", "cubic", "congestion control: tahoe, reno, newreno or cubic")
	complete(cmd, "cc", "tahoe", "reno", "newreno", "cubic")
	flags.BoolVar(&f.sack, "sack", true, "selective acknowledgements (default: with cubic only)")
	flags.Lookup("sack").DefValue = "false" // it depends, as the text says
	flags.StringVar(&f.window, "window", "1MiB", "the receiver's buffer in `BYTES`, the most that it offers")
	flags.Uint64Var(&f.seed, "seed", 1, "what is drawn by lot depends on this `NUMBER` alone")
	flags.StringVar(&f.html, "html", "", "write the diagrams as a page to `FILE`")
	flags.StringVar(&f.pcap, "pcap", "", "write what passed the link to `FILE` (pcapng, for Wireshark)")
	flags.StringVar(&f.json, "json", "", "write the record to `FILE`, see docs/record.schema.json (- is standard output)")
	return cmd
}

// options reads the flags.
func (f *tcpLesson) options(sackChanged bool) (transfer.Options, error) {
	o := transfer.Options{Seed: f.seed, Drop: f.drop}
	var err error
	if o.Bytes, err = byteCount("--bytes", f.bytes, 1, transfer.MaxBytes); err != nil {
		return o, err
	}
	if o.Link, err = f.link(); err != nil {
		return o, err
	}
	cc, ok := tcp.ParseCongestion(f.cc)
	if !ok {
		return o, fmt.Errorf("--cc %q: tahoe, reno, newreno or cubic", f.cc)
	}
	window, err := byteCount("--window", f.window, minWindow, maxWindow)
	if err != nil {
		return o, err
	}
	for _, n := range f.drop {
		if n < 1 {
			return o, fmt.Errorf("--drop %d: segments count from 1, the SYN", n)
		}
	}
	if !sackChanged {
		f.sack = cc == tcp.CUBIC
	}
	o.Client = tcp.Config{Congestion: cc, NoSACK: !f.sack, NoDelay: true}
	o.Server = o.Client
	o.Server.ReceiveBuffer = int(window)
	return o, nil
}

// Bounds of --window: less than a segment would only show silly windows, and
// more than 64 MiB no window scale of ours reaches.
const minWindow, maxWindow = 1460, 64 << 20

// link reads what the link does.
func (f *tcpLesson) link() (lab.LinkShape, error) {
	var shape lab.LinkShape
	if f.delay < 0 || f.delay > lab.MaxDelay {
		return shape, fmt.Errorf("--delay %v: from 0 to %v", f.delay, lab.MaxDelay)
	}
	if f.loss != "0" && f.loss != "0%" {
		s, err := lab.ParseShape("loss " + f.loss)
		if err != nil {
			return shape, fmt.Errorf("--loss %q: %w", f.loss, flagless(err))
		}
		shape.Loss = s.Loss
	}
	if f.rate != "0" {
		s, err := lab.ParseShape("rate " + f.rate)
		if err != nil {
			return shape, fmt.Errorf("--rate %q: %w", f.rate, flagless(err))
		}
		shape.Rate = s.Rate
		queue, err := byteCount("--queue", f.queue, 1, lab.MaxQueue)
		if err != nil {
			return shape, err
		}
		shape.Queue = int(queue)
	}
	shape.Delay = f.delay
	return shape, shape.Check()
}

// flagless is an error about a part of a link's shape without what the flag
// has said already.
func flagless(err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, `": `); i >= 0 {
		text = text[i+len(`": `):]
	}
	return errors.New(strings.TrimPrefix(text, "link shape: "))
}

// byteCount reads a number of bytes with or without a unit.
func byteCount(flag, text string, least, most int64) (int64, error) {
	number, worth := strings.ToLower(strings.TrimSpace(text)), int64(1)
	for _, u := range []struct {
		name  string
		worth int64
	}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"b", 1}} {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, worth = strings.TrimSpace(n), u.worth
			break
		}
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(v) {
		return 0, fmt.Errorf("%s %q: write a number of bytes, such as 1460, 64KB or 1MiB", flag, text)
	}
	if v *= float64(worth); v < float64(least) || v > float64(most) {
		return 0, fmt.Errorf("%s %q: from %s to %s", flag, text, report.Bytes.Format(float64(least)), report.Bytes.Format(float64(most)))
	}
	return int64(v), nil
}

// check refuses what cannot be written, before the work is done.
func (f *tcpLesson) check() error {
	taken := 0
	for _, name := range []string{f.html, f.pcap, f.json} {
		if name == "-" {
			taken++
		}
		if name == "" || name == "-" {
			continue
		}
		if dir, err := os.Stat(filepath.Dir(name)); err != nil {
			return err
		} else if !dir.IsDir() {
			return fmt.Errorf("%s: %s is no directory", name, filepath.Dir(name))
		}
	}
	if taken > 1 {
		return errors.New("standard output takes one of --html -, --pcap - and --json -")
	}
	return nil
}

// run does the transfer in virtual time and shows it. A transfer that fails
// is shown up to its failure.
func (f *tcpLesson) run(o transfer.Options) error {
	result, failure := f.capture(o)
	if result == nil {
		return failure
	}
	if f.html != "" {
		if err := writeFile(f.html, func(w *os.File) error { return report.HTML(w, result.Document()) }); err != nil {
			return errors.Join(failure, err)
		}
	}
	if f.json != "" {
		if err := writeRecord(f.json, trace.Record{Loads: []trace.Load{result.Load}}); err != nil {
			return errors.Join(failure, err)
		}
	}
	if f.json == "-" || f.html == "-" || f.pcap == "-" {
		return failure // standard output is taken
	}
	return errors.Join(showTransfer(os.Stdout, result, styleOf(os.Stdout)), failure)
}

// inVirtualTime runs f in virtual time, in a second process of this program,
// and returns in the first one. What comes before it is done in both.
func inVirtualTime(seed uint64, f func() error) error {
	code := lab.Virtual(seed, func() int {
		err := f()
		if err == nil {
			return exitOK
		}
		fmt.Fprintln(os.Stderr, styleOf(os.Stderr).Failure("waypost:"), explainError(err))
		if u := (usageError{}); errors.As(err, &u) {
			return exitUsage
		}
		return exitFailed
	})
	if code != exitOK {
		return exitCode(code)
	}
	return nil
}

// capture does the transfer, with a capture where one is asked for.
func (f *tcpLesson) capture(o transfer.Options) (result *transfer.Result, failure error) {
	if f.pcap == "" {
		return transfer.Run(o)
	}
	err := writeFile(f.pcap, func(w *os.File) error {
		o.Capture = w
		result, failure = transfer.Run(o)
		return nil
	})
	return result, errors.Join(failure, err)
}

// showTransfer writes a transfer for a terminal.
func showTransfer(w io.Writer, x *transfer.Result, s report.Style) error {
	fmt.Fprintf(w, "%s\n%s\n\n", s.Title(x.Title()), x.Summary())
	for _, sum := range x.Sums() {
		fmt.Fprintf(w, "  %-14s %-22s %s\n", sum.Name, sum.Value, s.Note(sum.Note))
	}
	fmt.Fprintln(w)
	chart := x.Chart()
	if err := report.Curves(w, &chart, s); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := report.Ladder(w, &x.Sequence, s); err != nil {
		return err
	}
	for _, t := range x.Tables() {
		fmt.Fprintf(w, "\n%s\n", s.Title(t.Title))
		if err := report.Columns(w, &t, s); err != nil {
			return err
		}
	}
	return nil
}
