package localstock_test

import (
	"testing"

	"onsale/internal/sale"
)

func BenchmarkTake(b *testing.B) {
	s := newStock(newSource())
	s.Observe(planned(1, sale.MaxTotal, sale.MaxTotal))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			taken, _ := s.Take(1)
			s.HandBack(taken)
		}
	})
}

func BenchmarkSoldOut(b *testing.B) {
	s := newStock(newSource())
	s.Observe(reading(1, 0))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.SoldOut()
		}
	})
}
