package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"waypost/tcp/packetdrill"
)

func newLab() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Rehearse the road: an internet in this process, in virtual time",
		Long: `lab runs journeys: scripts that set up hosts, links, names, edges and origins,
load pages, break things, and state what must be seen. Everything is the same
code as with serve and load; only the network is made here, down to the TCP
segment, and an hour passes as fast as its events can be worked out.
docs/journeys.md is the manual of the language.`,
		Example: `  waypost lab run                       all ready journeys
  waypost lab run 03 -v                 one of them, statement by statement
  waypost lab new my-shop               a journey to begin with
  waypost lab run my-shop.txt --html my-shop.html`,
		Args: onlyCommands,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(newLabRun(), newLabTCP(), newLabNew(), newLabPacketdrill())
	return cmd
}

// complete tells the shell what a flag takes.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // there is no such flag
	}
}

func newLabPacketdrill() *cobra.Command {
	var o packetdrill.Options
	cmd := &cobra.Command{
		Use:   "packetdrill FILE|DIR...",
		Short: "Run packetdrill scripts against the lab's TCP",
		Long: `packetdrill runs scripts of the packetdrill language in virtual time against one
TCP connection of the lab: what a program calls, what arrives, what must be
sent and when. docs/packetdrill.md says how much of the language is spoken; a
script that asks for more is skipped and the reason is told.`,
		Example: `  waypost lab packetdrill tcp/packetdrill/testdata
  waypost lab packetdrill --like linux linux/tools/testing/selftests/net/packetdrill`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(fmt.Errorf("%s wants files or directories of scripts; see %s --help", cmd.CommandPath(), cmd.CommandPath()))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if o.Like != packetdrill.RFC && o.Like != packetdrill.Linux && o.Like != packetdrill.FreeBSD {
				return usage(fmt.Errorf("--like %s: linux or freebsd", o.Like))
			}
			sum, err := packetdrill.Run(os.Stdout, args, o)
			switch {
			case err != nil:
				return usage(err)
			case sum.Unreadable > 0:
				return usage(fmt.Errorf("%d of %d scripts cannot be read", sum.Unreadable, len(sum.Results)))
			case sum.Failed > 0:
				return fmt.Errorf("%d of %d scripts failed", sum.Failed, sum.Failed+sum.Passed)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "write every segment")
	cmd.Flags().StringVar((*string)(&o.Like), "like", "", "take what the RFCs leave to choice as `SYSTEM` has it: linux or freebsd; see docs/packetdrill.md")
	complete(cmd, "like", string(packetdrill.Linux), string(packetdrill.FreeBSD))
	cmd.Flags().BoolVar(&o.Complete, "complete", false, "fail a script that ends with segments it did not expect")
	cmd.Flags().DurationVar(&o.Tolerance, "tolerance", 0, "how far from its time anything may happen (default: what the script says)")
	return cmd
}
