package audit_test

import (
	"fmt"
	"testing"

	"onsale/internal/audit"
	"onsale/internal/sale"
)

func TestLedger(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Snapshot, *sale.Book)
		want   []string
	}{
		"that has committed everything has no fault": {func(*sale.Snapshot, *sale.Book) {}, nil},
		"that quarantined entries": {func(_ *sale.Snapshot, b *sale.Book) { b.Unreadable = 2 },
			[]string{`ledger: 2 stream entries could not be read and were quarantined, see its table unreadable`}},

		"with another price": {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Price++ },
			[]string{`the sale is \{.* Price:1000 .*\} in Redis, and \{.* Price:1001 .*\} in the ledger`}},
		"with other terms": {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Rules = "No refunds." }, []string{`the sale is .*`}},
		"with another subtitle": {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Subtitle = "An evening" },
			[]string{`the sale is \{.* Subtitle: .*\} in Redis, and \{.* Subtitle:An evening .*\} in the ledger`}},
		"with another end": {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Closes = noon.Add(1) }, []string{`the sale is .*`}},
		"with a sale that is closed there": {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Closed = true },
			[]string{`the sale is \{.* Closed:false\} in Redis, and \{.* Closed:true\} in the ledger`}},
		"with another total":                {func(_ *sale.Snapshot, b *sale.Book) { b.Sale.Total++ }, []string{`the sale is .*`}},
		"that opened it with another total": {func(_ *sale.Snapshot, b *sale.Book) { b.Opened-- }, []string{`the sale is .*`}},

		"without a restock": {func(_ *sale.Snapshot, b *sale.Book) { delete(b.Restocks, "less") },
			[]string{`restock "less" by -5 is 0 in the ledger`}},
		"without a restock of nothing": {func(s *sale.Snapshot, _ *sale.Book) { s.Restocks["none"] = 0 },
			[]string{`restock "none" by 0 is 0 in the ledger`}},
		"with a restock of another size": {func(_ *sale.Snapshot, b *sale.Book) { b.Restocks["more"] = 21 },
			[]string{`restock "more" by 20 is 21 in the ledger`}},
		"with one restock more": {func(_ *sale.Snapshot, b *sale.Book) { b.Restocks["another"] = 1 },
			[]string{`restock "another" by 1 is in the ledger alone`}},

		"without an order": {func(_ *sale.Snapshot, b *sale.Book) { delete(b.Orders, "a"); delete(b.Changed, "a") },
			[]string{`order a is held in Redis, not in the ledger, and not in flight`}},
		"with an order of another state": {func(_ *sale.Snapshot, b *sale.Book) {
			edit(b.Orders, "c", func(o *sale.Order) { o.State = sale.StateHeld })
		},
			[]string{`order c is expired in Redis and held in the ledger with what is in flight`}},
		"with another's order": {func(_ *sale.Snapshot, b *sale.Book) {
			edit(b.Orders, "a", func(o *sale.Order) { o.Buyer = "zoe" })
		},
			[]string{`order a is held in Redis and held in the ledger with what is in flight`}},
		"with a larger order": {func(_ *sale.Snapshot, b *sale.Book) {
			edit(b.Orders, "a", func(o *sale.Order) { o.Quantity = 2 })
		},
			[]string{`order a is held in Redis and held in the ledger with what is in flight`}},
		"with an order that Redis lost": {func(s *sale.Snapshot, _ *sale.Book) { delete(s.Orders, "a") },
			[]string{`order a is held in the ledger alone`}},
		"with ended orders that Redis has removed": {func(s *sale.Snapshot, _ *sale.Book) { removeEnded(s) }, nil},

		"without a payment": {func(_ *sale.Snapshot, b *sale.Book) { delete(b.Payments, "pb"); delete(b.PaymentsChanged, "pb") },
			[]string{`payment pb is applied in Redis, not in the ledger, and not in flight`}},
		"with a payment of another state": {func(_ *sale.Snapshot, b *sale.Book) {
			edit(b.Payments, "pe", func(p *sale.Payment) { p.State = sale.PaymentDue })
		},
			[]string{`payment pe is settled in Redis and due in the ledger with what is in flight`}},
		"with a payment of another message": {func(_ *sale.Snapshot, b *sale.Book) {
			edit(b.Payments, "pb", func(p *sale.Payment) { p.Message = "another" })
		}, []string{`payment pb is applied in Redis and applied in the ledger with what is in flight`}},
		"with a payment that Redis lost": {func(s *sale.Snapshot, _ *sale.Book) { delete(s.Payments, "pb2") },
			[]string{`payment pb2 is due in the ledger alone`}},

		// What changed at the snapshot or later, Redis can't know; what changed before, it must.
		"with an order that came later": {func(s *sale.Snapshot, b *sale.Book) {
			b.Orders["z"], b.Changed["z"] = order("z", "zoe", 1, sale.StateHeld), s.At
		}, nil},
		"with an order that came before and that Redis lost": {func(s *sale.Snapshot, b *sale.Book) {
			b.Orders["z"], b.Changed["z"] = order("z", "zoe", 1, sale.StateHeld), s.At-1
		}, []string{`order z is held in the ledger alone`}},
		"with an order that was paid later": {func(s *sale.Snapshot, b *sale.Book) {
			edit(b.Orders, "a", func(o *sale.Order) { o.State = sale.StatePaid })
			b.Changed["a"] = s.At
		}, nil},
		"with an order that was paid before": {func(s *sale.Snapshot, b *sale.Book) {
			edit(b.Orders, "a", func(o *sale.Order) { o.State = sale.StatePaid })
			b.Changed["a"] = s.At - 1
		}, []string{`order a is held in Redis and paid in the ledger with what is in flight`}},
		"with a payment that came later": {func(s *sale.Snapshot, b *sale.Book) {
			b.Payments["z"], b.PaymentsChanged["z"] = paid("z", "b", 2, sale.PaymentDue, sale.ReasonDoubled), s.At
		}, nil},
		"with a payment that came before and that Redis lost": {func(s *sale.Snapshot, b *sale.Book) {
			b.Payments["z"], b.PaymentsChanged["z"] = paid("z", "b", 2, sale.PaymentDue, sale.ReasonDoubled), s.At-1
		}, []string{`payment z is due in the ledger alone`}},
		"with a payment that was settled later": {func(s *sale.Snapshot, b *sale.Book) {
			edit(b.Payments, "pb2", func(p *sale.Payment) { p.State = sale.PaymentSettled })
			b.PaymentsChanged["pb2"] = s.At
		}, nil},
		"with a payment that was settled before": {func(s *sale.Snapshot, b *sale.Book) {
			edit(b.Payments, "pb2", func(p *sale.Payment) { p.State = sale.PaymentSettled })
			b.PaymentsChanged["pb2"] = s.At - 1
		}, []string{`payment pb2 is due in Redis and settled in the ledger with what is in flight`}},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := eventfulSale().read(), eventfulSale().book()
			c.change(&s, &b)
			wantFaults(t, audit.Ledger(s, b), c.want...)
		})
	}
}

func Example() {
	opened := sale.Sale{ID: "s", Title: "Concert", Total: 100}
	r := sale.NewRecords()
	r.Apply(sale.Event{Opened: &opened})
	s := sale.Snapshot{Records: r, At: 2000, Counters: r.Counters()}
	b := sale.Book{Records: r.Clone()}
	fmt.Println(len(audit.Stock(s)), len(audit.Ledger(s, b)))

	s.Counters.Remaining--
	for _, fault := range audit.Stock(s) {
		fmt.Println(fault)
	}
	// Output:
	// 0 0
	// books: remaining 99 + held 0 + paid 0 is not total 100
}
