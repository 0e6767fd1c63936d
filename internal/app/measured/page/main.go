// Command page writes docs/metrics.md to the file that it is given. Run it by
// go generate ./internal/app/measured.
package main

import (
	"context"
	"fmt"
	"os"

	"onsale/internal/app/measured"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("got %d arguments, want the file to write", len(args))
	}
	programs, err := measured.Programs(context.Background())
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], []byte(measured.Page(programs)), 0o644)
}
