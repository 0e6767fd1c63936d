package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/bench/generator"
	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

// endingsAtOnce is how many payments and cancels are under way at the same time.
const endingsAtOnce = 64

// end closes the sale, pays every second order, and cancels the others.
func (s *milestones) end(ctx context.Context) error {
	if err := s.store.SetClosed(ctx, millionSale, true); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next, paid, cancelled atomic.Int64
	var group sync.WaitGroup
	for range endingsAtOnce {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(s.answers.Acks) {
					return
				}
				count := &cancelled
				if i%2 == 0 {
					count = &paid
				}
				if err := s.endOne(ctx, i%2 == 0, s.answers.Acks[i]); err != nil {
					stop(err)
					return
				}
				count.Add(1)
			}
		})
	}
	group.Wait()
	s.result.Ended["paid"], s.result.Ended["cancelled"] = int(paid.Load()), int(cancelled.Load())
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return s.settled(ctx, millionSale)
}

// endOne pays or cancels an order. What was not decided is asked again: both are idempotent.
func (s *milestones) endOne(ctx context.Context, pay bool, k generator.Ack) (err error) {
	order := sale.OrderID(k.Order)
	for ctx.Err() == nil {
		if pay {
			_, _, err = s.store.Pay(ctx, millionSale, 0, sale.Payment{ID: sale.PaymentID("p" + k.Order), Message: sale.MessageID("m" + k.Order), Order: order, Amount: 4200, Currency: "EUR"})
		} else {
			_, _, err = s.store.Cancel(ctx, millionSale, 0, order, sale.Buyer(k.Buyer))
		}
		if !errors.Is(err, sale.ErrUnavailable) && !errors.Is(err, sale.ErrUnknown) {
			break
		}
		pause.For(ctx, 20*time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("order %s of %s: %w", k.Order, k.Buyer, err)
	}
	return nil
}

// expiringSale is a sale whose holds run out at once, and all at the same time.
const expiringSale = "expiring"

// expire has holds of a sale of their own expire: a tenth as many as the large sale has.
func (s *milestones) expire(ctx context.Context) error {
	n := max(1, s.Tickets/10)
	d := adminapi.Definition{ID: expiringSale, Title: "Expiring", Currency: "EUR", Price: 4200, Total: int64(n), Limit: 1, HoldSeconds: 2}
	if err := s.cluster.Open(ctx, d); err != nil {
		return err
	}
	c := &claims{store: s.store, sale: expiringSale, name: "late"}
	// Holds that expire meanwhile are sold again, to nobody.
	if err := c.sell(ctx, 0, n); err != nil {
		return err
	}
	for ctx.Err() == nil {
		v, err := s.store.Survey(ctx, expiringSale)
		if err != nil {
			return err
		}
		if v.Counters.Held == 0 {
			s.result.Ended["expired"] = n
			break
		}
		pause.For(ctx, 20*time.Millisecond)
	}
	return s.settled(ctx, expiringSale)
}

// archive takes the sale, all of whose orders have ended or been paid, out of Redis.
func (s *milestones) archive(ctx context.Context) error {
	begin := time.Now()
	if err := operate.Archive(ctx, s.cluster.Stores(), millionSale, zap.NewNop()); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	s.result.Archived = time.Since(begin).Seconds()
	left, err := s.client.Exists(ctx, "{"+millionSale+"}").Result()
	if err == nil && left > 0 {
		s.result.Faults = append(s.result.Faults, "the archived sale is still in Redis")
	}
	return err
}
