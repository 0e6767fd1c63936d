package audit_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"onsale/internal/audit"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// steps by how often each is tried.
var steps = []string{
	"hold", "hold", "hold", "hold", "cancel", "cancel", "expire", "pay", "pay", "pay", "misspend", "refund", "part", "returned", "settle",
	"restock", "close", "change",
}

// random is a history of up to sixty calls. Many share a millisecond.
func random(t *rapid.T) history {
	h := opened(rapid.SampledFrom([]int64{1000, 1000, 1000, 0}).Draw(t, "price"))
	for n := range rapid.IntRange(1, 60).Draw(t, "calls") {
		step := rapid.SampledFrom(steps).Draw(t, "step")
		ms := sale.Instant(rapid.IntRange(0, 2).Draw(t, "ms"))
		err := h.after(ms, func(m *model.Sale) error { return try(t, m, step, fmt.Sprint(n)) })
		if err != nil && !errors.Is(err, sale.ErrConflict) && !errors.Is(err, sale.ErrNoOrder) && !errors.Is(err, sale.ErrNoPayment) {
			t.Fatalf("%s: %v", step, err)
		}
	}
	return h
}

// try makes one call, which may be about anything; n makes its ids.
func try(t *rapid.T, m *model.Sale, step, n string) error {
	o := anyOrder(t, m)
	whole := 1000 * int64(o.Quantity)
	p := sale.Payment{ID: "p" + sale.PaymentID(n), Message: "msg-" + sale.MessageID(n), Order: o.ID, Amount: whole, Currency: "EUR"}
	switch step {
	case "hold":
		var claims []sale.Claim
		for i := range rapid.IntRange(1, 3).Draw(t, "claims") {
			buyer := rapid.SampledFrom([]sale.Buyer{"ann", "ann", "bob", "cid"}).Draw(t, "buyer")
			claims = append(claims, claim(sale.OrderID(fmt.Sprint("o", n, "-", i)), buyer, rapid.IntRange(1, 4).Draw(t, "quantity")))
		}
		return second(m.Decide(claims, false))
	case "cancel":
		return second(m.Cancel(o.ID, o.Buyer))
	case "expire":
		m.Now = m.Now.Add(m.Definition().HoldFor)
		return second(m.Expire(m.Overdue(rapid.IntRange(1, 3).Draw(t, "limit"))...))
	case "pay":
		return second(m.Pay(p))
	case "misspend":
		p.Amount = 7
		if p.Order == "" || rapid.Bool().Draw(t, "for nothing") {
			p.Order = "nobody's"
		}
		return second(m.Pay(p))
	case "refund":
		return second(m.Refund(o.ID))
	case "part":
		return second(m.RefundPart(o.ID, p.ID, rapid.SampledFrom([]int64{300, max(whole, 1)}).Draw(t, "amount")))
	case "returned":
		of := anyPayment(t, m, func(sale.Payment) bool { return true })
		p.Of, p.Order, p.Reason = of.ID, of.Order, sale.ReasonReturned
		p.Amount = rapid.SampledFrom([]int64{300, max(of.Amount, 1)}).Draw(t, "amount")
		if p.Of == "" {
			return nil
		}
		return second(m.Pay(p))
	case "settle":
		return second(m.Settle(anyPayment(t, m, func(p sale.Payment) bool { return p.State == sale.PaymentDue }).ID))
	case "restock":
		return second(m.Restock(rapid.SampledFrom([]int64{-1, 1, 50}).Draw(t, "delta"), "k"+n))
	case "close":
		return m.SetClosed(!m.Definition().Closed)
	}
	d := m.Definition()
	d.Total, d.Title = m.Records().Opened, "Concert "+n
	return m.Change(d)
}

// anyOrder is one of the sale's orders, mostly a live one; the zero Order if it has none.
func anyOrder(t *rapid.T, m *model.Sale) sale.Order {
	orders := m.Records().Orders
	live := func(o sale.Order) bool { return o.State.Live() }
	if among := slices.Collect(maps.Values(orders)); slices.ContainsFunc(among, live) && rapid.IntRange(0, 3).Draw(t, "live") > 0 {
		maps.DeleteFunc(orders, func(_ sale.OrderID, o sale.Order) bool { return !live(o) })
	}
	return orders[pick(t, orders)]
}

// anyPayment is one of such payments; the zero Payment if there is none.
func anyPayment(t *rapid.T, m *model.Sale, wanted func(sale.Payment) bool) sale.Payment {
	payments := m.Records().Payments
	maps.DeleteFunc(payments, func(_ sale.PaymentID, p sale.Payment) bool { return !wanted(p) })
	return payments[pick(t, payments)]
}

// pick draws a key; the zero key if there is none.
func pick[K ~string, V any](t *rapid.T, m map[K]V) (key K) {
	if keys := slices.Sorted(maps.Keys(m)); len(keys) > 0 {
		key = rapid.SampledFrom(keys).Draw(t, "key")
	}
	return key
}

// Of a sound sale, the ledger may be anywhere: behind the snapshot or ahead of it, and with
// more or less of what it has committed still in the stream.
func TestARandomSoundSaleHasNoFault(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := random(t)
		seen := rapid.IntRange(1, len(h)).Draw(t, "seen by the snapshot")
		most := seen
		for most < len(h) && !shows(h.events()[most]) {
			most++
		}
		stands := rapid.IntRange(0, most).Draw(t, "committed")
		from := rapid.IntRange(0, min(stands, seen)).Draw(t, "forgotten")
		s, b := h[:seen].snapshot(from), bookOf(h.events()[:stands])
		if s.At = h[seen-1].Now; seen < len(h) {
			s.At = sale.Instant(rapid.Int64Range(int64(s.At), int64(h[seen].Now)).Draw(t, "at"))
		}
		if got := append(audit.Stock(s), audit.Ledger(s, b)...); len(got) > 0 {
			t.Errorf("got faults %q, want none", got)
		}
	})
}

// An event that reached neither the ledger nor its stream is found, unless a later one repeats
// all of it.
func TestALostEventIsAFault(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		h := random(t)
		lost := rapid.IntRange(0, len(h)-1).Draw(t, "lost")
		committed, stream := parted(h.events(), lost, rapid.IntRange(0, len(h)).Draw(t, "committed"))
		s := h.read()
		s.Stream = stream
		missed := !reflect.DeepEqual(folded(losing(h.events(), lost)), h.now().Records())
		got := audit.Ledger(s, bookOf(committed))
		if (len(got) > 0) != missed {
			t.Errorf("event %d of %d lost, which is missed: %v; got faults %q", lost, len(h), missed, got)
		}
		if missed {
			found++
		}
	})
	if found == 0 {
		t.Error("no event that was lost was missed, want most")
	}
}

// A stream that was never read has to hold every event.
func TestAnEventLostFromAWholeStreamIsAFault(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := random(t)
		if len(h) == 1 {
			return
		}
		lost := rapid.IntRange(1, len(h)-1).Draw(t, "lost")
		left, whole := folded(losing(h.events(), lost)), h.now().Records()
		left.Sale, whole.Sale = sale.Sale{}, sale.Sale{} // its terms are not in the books
		missed := !reflect.DeepEqual(left, whole)
		s := h.snapshot(0)
		s.Stream = losing(s.Stream, lost)
		if got := audit.Stock(s); (len(got) > 0) != missed {
			t.Errorf("event %d of %d lost, which is missed: %v; got faults %q", lost, len(h), missed, got)
		}
	})
}
