package transfer_test

import (
	"fmt"
	"os"
	"time"

	"waypost/lab"
	"waypost/lab/transfer"
)

// A program shows a transfer of 100 KB over a link that loses.
func ExampleRun() {
	os.Exit(lab.Virtual(1, func() int {
		x, err := transfer.Run(transfer.Options{Seed: 1, Bytes: 100_000, Link: lab.LinkShape{
			Delay: 20 * time.Millisecond, Loss: lab.Loss{Random: 0.02},
		}})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(x.Summary())
		return 0
	}))
}
