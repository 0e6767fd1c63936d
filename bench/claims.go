package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"onsale/internal/pause"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// claims sells a sale straight through the group commit, as a node does behind its HTTP
// API: so many claims wait at the same time that each call is full.
type claims struct {
	store *remotestock.Store
	sale  sale.ID
	name  string // what the buyers' names begin with
	plan  atomic.Int64
	held  atomic.Int64
	// keep, if set, is called with each new hold, by one goroutine at a time.
	keep func(sale.Order)
}

// Generation, Observe and Acknowledged make it the group commit's watcher.

func (c *claims) Generation() sale.Generation { return sale.Generation(c.plan.Load()) }

func (c *claims) Observe(r sale.Reading) { c.plan.Store(int64(r.Plan)) }

func (c *claims) Acknowledged(hold sale.Decision, _ sale.Mark) {
	c.held.Add(1)
	if c.keep != nil {
		c.keep(hold.Order)
	}
}

// callsAtOnce is how many full calls of claims wait at the same time.
const callsAtOnce = 4

// sell has buyers first … first+n-1 claim a ticket each. A claim whose outcome is unknown,
// or that was refused because Redis or the sale was away, is made again, under its own
// order id, until ctx ends. Any other outcome than a hold is an error.
func (c *claims) sell(ctx context.Context, first, n int) error {
	config := remotestock.DefaultCommitConfig()
	committer := c.store.Committer(c.sale, c, config)
	defer committer.Wait()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, callsAtOnce*config.Batch) {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := c.claim(ctx, committer, first+i); err != nil {
					stop(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// claimTimeout is how far a claim's deadline lies ahead; scripts allow ten seconds.
const claimTimeout = 5 * time.Second

func (c *claims) claim(ctx context.Context, committer *remotestock.Committer, buyer int) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	claim := sale.Claim{Order: sale.OrderID(id.String()), Buyer: sale.Buyer(fmt.Sprintf("%s-%07d-abcdef", c.name, buyer)), Quantity: 1}
	for ctx.Err() == nil {
		// Redis runs on this machine, so this is Redis time.
		claim.Deadline = sale.Instant(time.Now().Add(claimTimeout).UnixMilli())
		d, err := committer.Decide(claim)
		switch {
		case errors.Is(err, sale.ErrUnavailable), errors.Is(err, sale.ErrUnknown), err == nil && d.Outcome == sale.Busy, err == nil && d.Outcome == sale.Late:
			pause.For(ctx, 20*time.Millisecond)
		case err != nil:
			return fmt.Errorf("claim of %s: %w", claim.Buyer, err)
		case d.Outcome == sale.Held, d.Outcome == sale.Replayed && d.Order.ID == claim.Order:
			return nil
		default:
			return fmt.Errorf("claim of %s: got %v, want a hold", claim.Buyer, d.Outcome)
		}
	}
	return nil
}
