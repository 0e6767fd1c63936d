package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/internal/operate"
	"onsale/internal/sale"
)

// archive takes sales out of Redis that are over.
type archive struct {
	Sales  []string           `arg:"" optional:"" help:"Ids of closed sales; without any, all that --closed-for names."`
	After  time.Duration      `name:"closed-for" default:"24h" help:"Without ids: every sale that was closed so long ago, has no holds, and owes no refunds."`
	Stores operate.StoreFlags `embed:""`
}

// Run archives, and names each sale. One that can't be archived does not keep the others.
func (a *archive) Run(ctx context.Context, c *console) error {
	ids, err := a.ids(ctx, c)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		c.logLine("there is no sale to archive")
	}
	var errs []error
	for _, id := range ids {
		if err := operate.Archive(ctx, a.Stores, id, c.log); err != nil {
			errs = append(errs, fmt.Errorf("archive %s: %w", id, err))
			continue
		}
		if _, err := fmt.Fprintf(c.out, "%s: archived\n", id); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

func (a *archive) ids(ctx context.Context, c *console) ([]sale.ID, error) {
	if len(a.Sales) == 0 {
		return operate.Over(ctx, a.Stores, a.After, c.log)
	}
	ids := make([]sale.ID, len(a.Sales))
	var errs []error
	for i, text := range a.Sales {
		id, err := sale.ParseID(text)
		ids[i], errs = id, append(errs, err)
	}
	return ids, errors.Join(errs...)
}
