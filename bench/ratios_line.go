package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"onsale/bench/generator"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

// What a line costs: a join beside a durable purchase, and a purchase with a place beside one without.
const (
	joinBound  = 1.2 // times a purchase
	placeBound = 3   // µs more than a purchase
)

// lineTickets is how many tickets a sale has that admits so many buyers in one step: the rule leaves room for more to come than it expects.
func lineTickets(buyers int) int64 { return 2*int64(buyers) + 1000 }

// openLine opens a sale that is joined, in the order of joining, of which only so many tickets will be sold.
func (s *site) openLine(ctx context.Context, buyers, sold int) (string, error) {
	id := fmt.Sprintf("line-%d", len(s.sales))
	s.left[sale.ID(id)] = lineTickets(buyers) - int64(sold)
	return id, s.openSale(ctx, sale.Sale{
		ID: sale.ID(id), Title: id, Kind: sale.Ticket, Price: 4200, Currency: "EUR", Total: lineTickets(buyers), Limit: 1, HoldFor: time.Hour,
		Admission: sale.AdmitLine, LineRate: sale.MaxLineRate, LineLimit: buyers,
	})
}

// joinVariant measures joins. Nothing is sold, so no answer is noted.
func (r *ratios) joinVariant(ctx context.Context, s *site) *variant {
	return &variant{
		name: "join", addr: s.listen(), pids: []int{s.node(), s.cluster.Redis.Pid()}, orders: r.Purchases, status: 201,
		sale:   func(int) (string, error) { return s.openLine(ctx, r.Purchases, 0) },
		adjust: func(o *generator.Order) { o.Joins = true },
	}
}

// placeVariant measures purchases of buyers who have all been admitted.
func (r *ratios) placeVariant(ctx context.Context, s *site, g *generator.Process) *variant {
	return &variant{
		name: "purchase with a place", site: s, addr: s.listen(), pids: []int{s.node(), s.cluster.Redis.Pid()}, orders: r.Purchases, status: 201,
		sale: func(int) (string, error) {
			id, err := s.openLine(ctx, r.Purchases, r.Purchases)
			if err != nil {
				return id, err
			}
			return id, r.admitAll(ctx, s, g, id)
		},
		adjust: func(o *generator.Order) { o.Places = true },
	}
}

// admitAll has a run's buyers join, and moves the front past all of them.
func (r *ratios) admitAll(ctx context.Context, s *site, g *generator.Process, id string) error {
	if _, err := g.Run(ctx, generator.Order{
		Addr: s.listen(), Sale: id, Requests: r.Purchases, Connections: min(r.Connections, r.Purchases), Timeout: 20 * time.Second,
		Patience: time.Minute, Joins: true, Keep: true,
	}); err != nil {
		return err
	}
	for {
		front, _, err := s.store.Advance(ctx, sale.ID(id), 0)
		if err != nil || front == int64(r.Purchases) {
			return err
		}
		if !pause.For(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// differenceOf is by how much a is more than b, in each run.
func differenceOf(name string, a, b []float64, bound float64) ratio {
	each := make([]float64, len(a))
	for i := range a {
		each[i] = a[i] - b[i]
	}
	return ratio{name, median(each), slices.Min(each), slices.Max(each), bound, false}
}
