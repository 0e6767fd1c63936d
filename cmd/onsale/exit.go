package main

import (
	"errors"

	"github.com/alecthomas/kong"

	"onsale/internal/adminapi/client"
)

// The statuses with which the tool ends, see docs/cli.md.
const (
	exitDone    = 0
	exitFailed  = 1 // refused, or failed: nothing was done, or what was found is not in order
	exitUsage   = 2 // the command line, or what it names, makes no sense: nothing was sent
	exitUnknown = 3 // the change may have been made: the same command again changes nothing twice
)

// usageError is a command line that can't be carried out.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitStatus(err error) int {
	var usage usageError
	var parse *kong.ParseError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), errors.As(err, &parse):
		return exitUsage
	case errors.Is(err, client.ErrOutcomeUnknown):
		return exitUnknown
	}
	return exitFailed
}
