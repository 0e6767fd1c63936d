package main

import (
	"context"
	"fmt"
	"time"

	"onsale/internal/cluster"
	"onsale/internal/sale"
)

// recovery rebuilds a sale in Redis from what the ledger has of it.
type recovery struct {
	Sale       string             `arg:"" help:"The sale's id."`
	Live       bool               `help:"Recover a sale that is not closed: it is closed first, and stays closed."`
	Incomplete bool               `help:"Recover although the ledger has set entries aside that it could not read: what they told of is lost."`
	Wait       time.Duration      `default:"1m" help:"How long the ledger may take to catch up."`
	Stores     cluster.StoreFlags `embed:""`
}

// Run recovers, prints what was restored, and audits it.
func (r *recovery) Run(ctx context.Context, c *console) error {
	id, err := sale.ParseID(r.Sale)
	if err != nil {
		return err
	}
	options := cluster.RecoverOptions{Live: r.Live, Incomplete: r.Incomplete, Wait: r.Wait}
	restored, err := cluster.Recover(ctx, r.Stores, id, options, c.say, c.log)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c.out, restored); err != nil {
		return err
	}
	return report(ctx, c, r.Stores, id)
}
