package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// starter is the journey that `waypost lab new` writes. A test runs it.
//
//go:embed starter.txt
var starter string

func newLabNew() *cobra.Command {
	return &cobra.Command{
		Use:   "new [NAME]",
		Short: "Write a journey to begin with",
		Long: `new writes NAME.txt (journey.txt without a name): a small internet with a name
server, an edge and an origin, each line explained. It passes as it stands.`,
		Example: `  waypost lab new my-shop && waypost lab run my-shop.txt`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(fmt.Errorf("%s wants one name at most, got %d", cmd.CommandPath(), len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "journey"
			if len(args) == 1 {
				name = args[0]
			}
			if !strings.HasSuffix(name, ".txt") {
				name += ".txt"
			}
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
			if errors.Is(err, fs.ErrExist) {
				return usage(fmt.Errorf("there is a %s already: give another name", name))
			}
			if err != nil {
				return usage(err)
			}
			_, err = f.WriteString(starter)
			if err = errors.Join(err, f.Close()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is written; waypost lab run -v %s runs it\n", name, name)
			return nil
		},
	}
}
