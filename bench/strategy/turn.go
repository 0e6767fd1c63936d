package strategy

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// turn is what a seller decided of the requests that it read together.
type turn struct {
	requests []string // their ids in the stream
	sold     []sold
	counts   map[string]int64    // tickets by sale
	slots    map[string][]string // buyer, order, buyer, order, … by sale
	messages map[string]*strings.Builder
}

// sold is an order to be recorded.
type sold struct{ sale, buyer, order string }

// decide decides the requests in their order, and has the books changed by it: they are
// right only if the turn is committed.
func (t *term) decide(ctx context.Context, entries []redis.XMessage) (turn, error) {
	d := turn{counts: map[string]int64{}, slots: map[string][]string{}, messages: map[string]*strings.Builder{}}
	for _, e := range entries {
		d.requests = append(d.requests, e.ID)
		field := func(name string) string { s, _ := e.Values[name].(string); return s }
		r := sold{sale: field("sale"), buyer: field("buyer"), order: field("order")}
		b, err := t.open(ctx, r.sale)
		if err != nil {
			return d, err
		}
		to := field("to")
		if d.messages[to] == nil {
			d.messages[to] = &strings.Builder{}
		}
		d.messages[to].WriteString(d.take(b, r).text(r.order))
	}
	return d, nil
}

// take sells a ticket of the book to the buyer, or returns why not.
func (d *turn) take(b *book, r sold) decision {
	if b == nil {
		return decision{err: fmt.Errorf("buy: %w", sale.ErrNoSale)}
	}
	if order, ok := b.buyers[r.buyer]; ok {
		return decision{outcome: Replayed, order: order}
	}
	if b.stock <= 0 {
		return decision{outcome: SoldOut}
	}
	b.stock--
	b.buyers[r.buyer] = r.order
	d.sold = append(d.sold, r)
	d.counts[r.sale]++
	d.slots[r.sale] = append(d.slots[r.sale], r.buyer, r.order)
	return decision{outcome: Sold, order: r.order}
}

// write queues it all.
func (d turn) write(ctx context.Context, p redis.Pipeliner) {
	for _, s := range d.sold {
		_, _, orders := keys(s.sale)
		p.XAdd(ctx, &redis.XAddArgs{Stream: orders, Values: []any{"order", s.order, "buyer", s.buyer}})
	}
	for name, n := range d.counts {
		stock, buyers, _ := keys(name)
		p.DecrBy(ctx, stock, n)
		p.HSet(ctx, buyers, d.slots[name])
	}
	if len(d.requests) > 0 {
		p.XAck(ctx, requests, sellers, d.requests...)
		p.XDel(ctx, requests, d.requests...)
	}
	for to, message := range d.messages {
		p.Publish(ctx, to, message.String())
	}
}
