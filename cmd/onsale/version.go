package main

import (
	"fmt"

	"onsale/internal/app"
)

// version prints what the tool was built from.
type version struct{}

// Run implements the command.
func (version) Run(c *console) error {
	_, err := fmt.Fprintln(c.out, "onsale "+app.Version())
	return err
}
