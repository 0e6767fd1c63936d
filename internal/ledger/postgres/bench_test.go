package postgres

import (
	"context"
	"testing"

	"onsale/internal/ledger"
	"onsale/internal/sale"
)

// holds is n entries of so many new holds each, all of different buyers.
func holds(n, orders int) []sale.Event {
	events := make([]sale.Event, n)
	for i := range events {
		events[i] = entry(i)
		for range orders {
			events[i].Orders = append(events[i].Orders, newOrder(string(newOrderID()), start))
		}
	}
	return events
}

// BenchmarkCommit commits new holds in batches as the reader does: entries of 128 orders, as
// a rush makes them, and of single ones.
func BenchmarkCommit(b *testing.B) {
	for name, orders := range map[string]int{"128 orders an entry": 128, "1 order an entry": 1} {
		b.Run(name, func(b *testing.B) {
			s, id := sold(b)
			entries := ledger.DefaultConfig().Entries
			for b.Loop() {
				b.StopTimer()
				events := holds(entries, orders)
				b.StartTimer()
				if err := s.Commit(context.Background(), id, 1, ledger.Fold(events)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*entries*orders)/b.Elapsed().Seconds(), "orders/s")
		})
	}
}

// BenchmarkInsertEach is what the batches are for: one INSERT and one commit an order.
func BenchmarkInsertEach(b *testing.B) {
	s, id := sold(b)
	for b.Loop() {
		o := newOrder(string(newOrderID()), start)
		_, err := s.pool.Exec(context.Background(), `
INSERT INTO orders (id, sale, buyer, quantity, state, created_at, expires_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			string(o.ID), id, []byte(o.Buyer), o.Quantity, string(o.State), o.Created.Time(), o.Expires.Time(), o.Created.Time())
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}
