package main

import (
	"context"
	"os"

	"onsale/internal/testbed/compose"
)

// stack proves docker-compose.yml on a Docker engine.
type stack struct {
	Root      string `default:"." type:"existingdir" help:"The repository's folder, with docker-compose.yml."`
	Interrupt string `help:"Interrupt it during the event of this name, and check that nothing is left."`
}

// Run prints what was measured, also of a stack that failed.
func (s *stack) Run(ctx context.Context) error {
	return compose.Run(ctx, s.Root, s.Interrupt, os.Stdout, logLine)
}
