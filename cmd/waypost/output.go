package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"waypost/report"
	"waypost/trace"
)

// output are the flags that say what becomes of a record.
type output struct {
	json, svg string
	brief     bool
}

func (o *output) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.json, "json", "", "write the record to `FILE`, see docs/record.schema.json (- is standard output)")
	cmd.Flags().StringVar(&o.svg, "svg", "", "write the waterfall of the first load to `FILE`")
	cmd.Flags().BoolVar(&o.brief, "brief", false, "leave out the steps: only waterfall and sums")
}

// check refuses what cannot be written, before the work is done.
func (o *output) check() error {
	if o.json == "-" && o.svg == "-" {
		return usage(errors.New("--json - and --svg -: standard output takes one of them"))
	}
	for _, name := range []string{o.json, o.svg} {
		if name == "" || name == "-" {
			continue
		}
		if dir, err := os.Stat(filepath.Dir(name)); err != nil {
			return usage(err)
		} else if !dir.IsDir() {
			return usage(fmt.Errorf("%s: %s is no directory", name, filepath.Dir(name)))
		}
	}
	return nil
}

// write shows the loads: steps and waterfall of each, then what changed
// between the first and the last.
func (o *output) write(loads []trace.Load, style report.Style) error {
	if o.json != "" {
		if err := writeRecord(o.json, trace.Record{Loads: loads}); err != nil {
			return err
		}
	}
	if o.svg != "" && len(loads) > 0 {
		if err := writeFile(o.svg, func(f *os.File) error { return report.SVG(f, &loads[0]) }); err != nil {
			return err
		}
	}
	if o.json == "-" || o.svg == "-" {
		return nil // standard output is taken
	}
	for i := range loads {
		title := "Load"
		if len(loads) > 1 {
			title = fmt.Sprintf("Load %d of %d", i+1, len(loads))
		}
		if err := o.show(&loads[i], title, style); err != nil {
			return err
		}
	}
	if n := len(loads); n > 1 {
		fmt.Printf("%s\n\n", style.Title(fmt.Sprintf("What changed between load 1 and load %d", n)))
		return report.Diff(os.Stdout, &loads[0], &loads[n-1], style)
	}
	return nil
}

func (o *output) show(l *trace.Load, title string, style report.Style) error {
	if err := report.Headline(os.Stdout, title, l, style); err != nil {
		return err
	}
	fmt.Println()
	if !o.brief {
		if err := report.Steps(os.Stdout, l, style); err != nil {
			return err
		}
		fmt.Println()
	}
	if err := report.Waterfall(os.Stdout, l, style); err != nil {
		return err
	}
	fmt.Println()
	return nil
}
