package strategy

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

var counterEntry = Entry{
	Name:  "redis-decr",
	Title: "Redis, DECR with repair",
	About: "The buyer's slot is taken (HSETNX), the stock counted down (DECR); below 0 both are undone, otherwise the order " +
		"record follows (XADD). A read before it spares buyers the writes where they can't help them.",
	Durable: true,
	Lacks: []string{
		"one step: a process or connection that dies between the commands loses the ticket, and its buyer is answered busy for good",
		"a stock that can be read while it sells: it is below 0 while losers undo their DECR",
		"a record before the verdict: sold out may be answered a moment before the last order is recorded",
	},
	Stores: Stores{Redis: true},
	Make: func(ctx context.Context, c Config) (Strategy, error) {
		s, err := newStore(ctx, c)
		if err != nil {
			return nil, err
		}
		return counter{s}, nil
	},
}

// counter sells by separate commands. Nothing is repaired after an error: the lost
// command may have run, and to give its ticket back could sell it twice.
type counter struct{ *store }

// pending is a slot's content until its order is recorded. An id in its place would
// be shown to the buyer's other request, and then be given up.
const pending = "-"

// Buy implements Strategy.
func (c counter) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	if o, order, err := c.look(ctx, name, buyer); o != NoOutcome || err != nil {
		return o, order, err
	}
	stock, buyers, orders := keys(name)
	mine, err := c.client.HSetNX(ctx, buyers, buyer, pending).Result()
	if err != nil {
		return NoOutcome, "", asked("slot", err)
	}
	if !mine {
		o, order, err := c.look(ctx, name, buyer)
		if o == NoOutcome && err == nil {
			o = Conflict // the other request has just given the slot up
		}
		return o, order, err
	}
	// An order is dated by when its ticket was taken: from then on it is not in the
	// stock, and what others are answered rests on that, not on its record.
	p := c.client.Pipeline()
	left, taken := p.Decr(ctx, stock), p.Time(ctx)
	if _, err := p.Exec(ctx); err != nil {
		return NoOutcome, "", asked("decr", err)
	}
	if left.Val() < 0 {
		_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, stock)
			p.HDel(ctx, buyers, buyer)
			return nil
		})
		if err != nil {
			return NoOutcome, "", asked("repair", err)
		}
		return SoldOut, "", nil
	}
	id := newID().String()
	_, err = c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.XAdd(ctx, &redis.XAddArgs{Stream: orders, Values: []any{"order", id, "buyer", buyer, takenField, taken.Val().UnixMilli()}})
		p.HSet(ctx, buyers, buyer, id)
		return nil
	})
	if err != nil {
		return NoOutcome, "", fmt.Errorf("record: %w: %w", sale.ErrUnknown, err) // either of the two may have run
	}
	return Sold, id, nil
}

// look reads stock and slot. The stock comes first: the request that counted it down to 0
// had its slot before, so that a buyer's own order is never taken for sold out.
func (c counter) look(ctx context.Context, name, buyer string) (Outcome, string, error) {
	stock, buyers, _ := keys(name)
	p := c.client.Pipeline()
	left, slot := p.Get(ctx, stock), p.HGet(ctx, buyers, buyer)
	if _, err := p.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return NoOutcome, "", asked("look", err)
	}
	return standing(left, slot)
}

// standing decides by a sale's stock and a buyer's slot, if they do.
func standing(left, slot *redis.StringCmd) (Outcome, string, error) {
	n, err := left.Int64()
	if err != nil {
		return NoOutcome, "", asked("look", err)
	}
	if err := slot.Err(); err != nil && !errors.Is(err, redis.Nil) {
		return NoOutcome, "", asked("look", err)
	}
	switch order := slot.Val(); {
	case order == pending:
		return Conflict, "", nil
	case order != "":
		return Replayed, order, nil
	case n <= 0:
		return SoldOut, "", nil
	}
	return NoOutcome, "", nil
}
