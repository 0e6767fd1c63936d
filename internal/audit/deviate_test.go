package audit_test

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"onsale/internal/sale"
)

// one does something to one entry, and returns false if there is none.
func one[K ~string, V any](t *rapid.T, from map[K]V, do func(K)) bool {
	if len(from) > 0 {
		do(pick(t, from))
	}
	return len(from) > 0
}

// loseOne deletes one of the entries of from where it is kept.
func loseOne[K ~string, V, W any](t *rapid.T, from map[K]V, kept map[K]W) bool {
	return one(t, from, func(k K) { delete(kept, k) })
}

// changeOne changes one of the entries of from where it is kept.
func changeOne[K ~string, V, W any](t *rapid.T, from map[K]V, kept map[K]W, change func(*W)) bool {
	return one(t, from, func(k K) { edit(kept, k, change) })
}

// without are the entries of the book that no event in flight repeats.
func without[K comparable, V any](book, inFlight map[K]V) map[K]V {
	return only(book, func(k K, _ V) bool { _, repeated := inFlight[k]; return !repeated })
}

func only[K comparable, V any](all map[K]V, wanted func(K, V) bool) map[K]V {
	some := maps.Clone(all)
	maps.DeleteFunc(some, func(k K, v V) bool { return !wanted(k, v) })
	return some
}

// in are the orders in Redis that are in a state.
func (a *audited) in(state sale.State) map[sale.OrderID]sale.Order {
	return only(a.Orders, func(_ sale.OrderID, o sale.Order) bool { return o.State == state })
}

func (a *audited) ended() map[sale.OrderID]sale.Order {
	return only(a.Orders, func(_ sale.OrderID, o sale.Order) bool { return !o.State.Live() })
}

func (a *audited) applied() map[sale.PaymentID]sale.Payment {
	return only(a.Payments, func(_ sale.PaymentID, p sale.Payment) bool { return p.State == sale.PaymentApplied })
}

// free are the orders that cost nothing and are not refunded.
func (a *audited) free() map[sale.OrderID]sale.Order {
	return only(a.in(sale.StatePaid), func(_ sale.OrderID, o sale.Order) bool { return o.Free() })
}

func (a *audited) parts() map[sale.PaymentID]sale.Payment {
	return only(a.Payments, func(_ sale.PaymentID, p sale.Payment) bool { return p.Of != "" })
}

// one is +1 or -1.
func (a *audited) one() int64 { return rapid.SampledFrom([]int64{-1, 1}).Draw(a.t, "by") }

func (a *audited) miscount(n *int64) { *n += a.one() }

func another[S ~string](s *S) { *s += "-another" }

func anotherSum(p *sale.Payment) { p.Amount++ }

func anotherState(o *sale.Order) {
	states := []sale.State{sale.StateHeld, sale.StatePaid, sale.StateExpired, sale.StateCancelled, sale.StateRefunded}
	o.State = states[(slices.Index(states, o.State)+1)%len(states)]
}

// invented is a hold that nobody was granted.
func invented(buyer sale.Buyer) sale.Order { return order("invented", buyer, 1, sale.StateHeld) }

func inventedPayment() sale.Payment {
	return paid("invented", "nobody's", 1, sale.PaymentDue, sale.ReasonOrphan)
}
