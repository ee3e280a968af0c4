package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"waypost/node"
)

func newServe() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve -c FILE",
		Short: "Run the roles that a configuration names",
		Long: `serve runs any subset of resolver, authority, edge and origin in one process on
real sockets until it is interrupted. Nothing listens that the file does not
name; recursion and recording are closed to everybody but this machine unless
the file opens them. docs/CONFIG.md describes every key.

SIGHUP reads the file again: sites, certificates, zones and the fleet change
without dropping a connection; a file with problems changes nothing.`,
		Example: `  waypost check -c waypost.yaml && waypost serve -c waypost.yaml`,
		Args:    exactArgs(0, "no arguments besides -c FILE"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := readConfig(file)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), config, func() (*node.Config, error) { return readConfig(file) })
		},
	}
	configFlag(cmd, &file)
	return cmd
}

// serve runs a node until ctx ends or one of its listeners fails. On SIGHUP
// it takes over what read gives; read may be nil.
func serve(ctx context.Context, config *node.Config, read func() (*node.Config, error)) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	for _, w := range config.Warnings {
		log.Warn("configuration", "problem", w.Error())
	}
	n, err := node.New(config, node.Options{Log: log})
	if err != nil {
		return err
	}
	if err := n.Start(ctx); err != nil {
		return err
	}
	hangUp := make(chan os.Signal, 1)
	if read != nil {
		signal.Notify(hangUp, syscall.SIGHUP)
		defer signal.Stop(hangUp)
	}
	for {
		select {
		case <-ctx.Done():
			log.Info("stopping")
			return n.Stop()
		case err := <-n.Failed():
			return errors.Join(err, n.Stop())
		case <-hangUp:
			reload(n, read, log)
		}
	}
}

// reload says what came of it: whoever sent the signal reads the log.
func reload(n *node.Node, read func() (*node.Config, error), log *slog.Logger) {
	config, err := read()
	var restart []string
	if err == nil {
		restart, err = n.Reload(config)
	}
	if err != nil {
		log.Error("not reloaded: all stays as it was", "error", err)
		return
	}
	for _, w := range config.Warnings {
		log.Warn("configuration", "problem", w.Error())
	}
	log.Info("reloaded", "restart_for", restart)
}

func newCheck() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check -c FILE",
		Short: "Say what is wrong with a configuration",
		Long: `check reads a configuration, the zone files, hosts files and certificates that
it names, and says everything that is wrong: file, line, the key meant and the
mend. It binds no socket.`,
		Example: `  waypost check -c waypost.yaml`,
		Args:    exactArgs(0, "no arguments besides -c FILE"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := readConfig(file)
			if err != nil {
				return err
			}
			n, err := node.New(config, node.Options{})
			if err != nil {
				return usage(fmt.Errorf("%s: %w", file, err))
			}
			for _, w := range config.Warnings {
				fmt.Fprintln(cmd.OutOrStdout(), "warning:", w.Error())
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: no problems\n", file)
			return n.Stop()
		},
	}
	configFlag(cmd, &file)
	return cmd
}

func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "config", "c", "waypost.yaml", "the configuration `FILE`")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml") // only for completion
}

// readConfig reads a configuration; all its problems are one usage error.
func readConfig(file string) (*node.Config, error) {
	config, err := node.ParseFile(file)
	if err == nil {
		return config, nil
	}
	var problems node.Problems
	switch {
	case errors.As(err, &problems):
		what := "1 problem"
		if len(problems) > 1 {
			what = fmt.Sprintf("%d problems", len(problems))
		}
		return nil, usage(fmt.Errorf("%s in the configuration\n%w", what, problems))
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage(fmt.Errorf("there is no %s: name the configuration with -c FILE (docs/CONFIG.md shows one)", file))
	}
	return nil, usage(err)
}
