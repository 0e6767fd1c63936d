package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/pause"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// masterFault is a way to take the master away, and to bring it back.
type masterFault struct {
	take     func(context.Context, *process.Sentinels, *process.Server) error
	back     func(context.Context, *process.Server) error
	promotes bool
}

// masterFaults are by --kinds.
var masterFaults = map[string]masterFault{
	"killed": {
		func(_ context.Context, _ *process.Sentinels, m *process.Server) error { return m.Kill() },
		func(ctx context.Context, m *process.Server) error { return m.Restart(ctx) }, true,
	},
	"stopped": {
		func(_ context.Context, _ *process.Sentinels, m *process.Server) error { return m.Pause() },
		func(_ context.Context, m *process.Server) error { return m.Resume() }, true,
	},
	"cut": {
		func(_ context.Context, _ *process.Sentinels, m *process.Server) error { m.Cut(); return nil },
		func(_ context.Context, m *process.Server) error { m.Heal(); return nil }, true,
	},
	"planned": {
		func(ctx context.Context, s *process.Sentinels, _ *process.Server) error { return s.Failover(ctx) },
		func(context.Context, *process.Server) error { return nil }, true,
	},
	"emptied": {
		func(_ context.Context, _ *process.Sentinels, m *process.Server) error { return m.Kill() },
		func(ctx context.Context, m *process.Server) error { return m.RestartEmpty(ctx) }, false,
	},
}

// round is one sale during which the master was taken away once.
type round struct {
	Acknowledged  int            `json:"acknowledged"`
	LostInRedis   int64          `json:"lost_in_redis"`                   // acknowledged orders that Redis does not have at the end
	LostInUnion   int64          `json:"lost_in_union"`                   // of these, those that no record has
	Oversold      int64          `json:"oversold"`                        // tickets of live orders in the union, beyond the total
	Doubled       int64          `json:"doubled"`                         // live orders beyond a buyer's first in the union
	WrongQuantity int64          `json:"wrong_quantity"`                  // answers with an order of another number of tickets than were asked for
	Seconds503    float64        `json:"seconds_503"`                     // tenths of a second in which somebody was answered 503
	SecondsDry    float64        `json:"seconds_until_selling,omitempty"` // the longest time from the fault on without an order; 0 where it never sold out
	Resumed       bool           `json:"resumed"`                         // it sold on to the last ticket, by itself
	Wrong         map[string]int `json:"wrong_answers,omitempty"`         // that no buyer should get, by status and code
	LedgerStuck   bool           `json:"ledger_stuck,omitempty"`
}

const (
	failoverWarmUp        = 800 * time.Millisecond // of selling before the fault
	failoverOpenTimeout   = 10 * time.Second       // for an operator to repeat an opening
	failoverOnward        = time.Second            // of selling before the old master comes back
	failoverDeadAfter     = 8 * time.Second        // without an order, until the sale is taken for dead
	failoverSettleTimeout = 60 * time.Second       // for Redis to be whole again
	failoverRepeats       = 100                    // buyers with an order who ask for one again after the fault
)

// openRound opens a sale whose holds outlive the round. As an operator would, it repeats a
// call whose outcome is unknown: a replica of the round before may still be syncing.
func openRound(ctx context.Context, c *testbed.Site, id string, tickets int) error {
	d := adminapi.Definition{ID: id, Title: "Failover", Currency: "EUR", Price: 4200, Total: int64(tickets), Limit: 1, HoldSeconds: 3600}
	for end := time.Now().Add(failoverOpenTimeout); ; {
		err := c.Open(ctx, d)
		if err == nil || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
		logLine(fmt.Sprintf("opening %s again: %v", id, err))
		pause.For(ctx, time.Second)
	}
}

// round sells one sale out while the master is taken away, and counts.
func (f *failover) round(ctx context.Context, c *testbed.Site, s *records, kind, id string) (*round, error) {
	if err := openRound(ctx, c, id, f.Tickets); err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	b := newRoundBuyers(c, id, f.Rate)
	selling, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { b.run(selling, f.Clients) })
	if f.begun != nil {
		f.begun()
		f.begun = nil
	}
	pause.For(ctx, failoverWarmUp)
	fault, err := f.takeAway(ctx, c.Sentinels, masterFaults[kind], func() { b.again(selling, failoverRepeats) })
	for err == nil && ctx.Err() == nil && !b.done() {
		if _, last := b.sold(); time.Since(last) > failoverDeadAfter && time.Since(fault) > failoverDeadAfter {
			break
		}
		pause.For(ctx, 20*time.Millisecond)
	}
	if !b.done() {
		stop()
	}
	group.Wait()
	outlived, cancel := outliving(ctx)
	defer cancel()
	settled, cancelSettling := context.WithTimeout(outlived, failoverSettleTimeout)
	defer cancelSettling()
	err = errors.Join(err, c.Sentinels.AwaitSettled(settled))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	if fault.IsZero() {
		return nil, nil // it was interrupted before anything happened
	}
	r := b.timeline(fault)
	err = s.count(outlived, sale.ID(id), int64(f.Tickets), b.answers(), r)
	again := "never"
	if r.Resumed {
		again = fmt.Sprintf("after %.2f s", r.SecondsDry)
	}
	logLine(fmt.Sprintf("%-14s %5d acknowledged, lost in Redis %4d, in both %4d, oversold %4d, doubled %3d, %4.1f s of 503, selling again %s",
		id, r.Acknowledged, r.LostInRedis, r.LostInUnion, r.Oversold, r.Doubled, r.Seconds503, again))
	return r, err
}

// takeAway returns when the master is gone and back, or ctx has ended; the master
// comes back in any case. fault is when it went; promoted is called when another has
// taken over.
func (f *failover) takeAway(ctx context.Context, s *process.Sentinels, t masterFault, promoted func()) (fault time.Time, err error) {
	if ctx.Err() != nil {
		return fault, nil
	}
	master, err := s.Master(ctx)
	if err != nil {
		return fault, err
	}
	fault = time.Now()
	err = t.take(ctx, s, master)
	if err == nil && t.promotes {
		waiting, cancel := context.WithTimeout(ctx, failoverSettleTimeout)
		defer cancel()
		if _, err = s.AwaitPromotion(waiting, master); err == nil {
			promoted()
			pause.For(ctx, failoverOnward)
		}
	}
	if ctx.Err() != nil {
		err = nil // it is only the interruption
	}
	return fault, errors.Join(err, t.back(context.WithoutCancel(ctx), master))
}

// timeline is what the buyers noticed from the fault on.
func (b *roundBuyers) timeline(fault time.Time) *round {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &round{Acknowledged: len(b.acks), Wrong: b.wrong}
	tenths := map[int64]bool{}
	for _, at := range b.away {
		if at.After(fault) {
			tenths[at.UnixMilli()/100] = true
		}
	}
	r.Seconds503 = float64(len(tenths)) / 10
	if r.Resumed = b.soldOut; !r.Resumed {
		return r
	}
	after := slices.DeleteFunc(slices.Clone(b.times), func(at time.Time) bool { return at.Before(fault) })
	for i, at := range append([]time.Time{fault}, after...) {
		if i < len(after) {
			r.SecondsDry = max(r.SecondsDry, after[i].Sub(at).Seconds())
		}
	}
	return r
}
