package node

import (
	"testing"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
)

// BenchmarkMetrics is what an answer's and a claim's metrics cost, on one processor and on all at once.
func BenchmarkMetrics(b *testing.B) {
	m := telemetry.New()
	store := storeHooks(m)
	buyers, _ := buyerHooks(m)
	answer := func() { buyers.Answered(buyerapi.PlaceOrder, buyerapi.SoldOut, time.Now()) }
	claim := func() {
		store.Queued(time.Millisecond)
		store.Decided(sale.Held)
	}
	for name, hook := range map[string]func(){"answer": answer, "claim": claim, "clock": func() { _ = time.Since(time.Now()) }} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				hook()
			}
		})
		b.Run(name+" on all", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					hook()
				}
			})
		})
	}
}
