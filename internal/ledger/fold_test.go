package ledger

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/internal/sale"
)

// record is what the ledger keeps, written again in the most naive Go.
type record struct {
	Orders      map[sale.OrderID]Change
	Payments    map[sale.PaymentID]sale.Payment
	Restocks    map[string]int64
	Closed      bool
	Quarantined map[string]bool
}

func newRecord() *record {
	return &record{map[sale.OrderID]Change{}, map[sale.PaymentID]sale.Payment{}, map[string]int64{}, false, map[string]bool{}}
}

func (r *record) take(b Batch) {
	for _, c := range b.Orders {
		if old, known := r.Orders[c.ID]; !known || old.State == sale.StateHeld && c.State != sale.StateHeld ||
			old.State == sale.StatePaid && c.State == sale.StateRefunded {
			r.Orders[c.ID] = c
		}
	}
	for _, p := range b.Payments {
		if old, known := r.Payments[p.ID]; !known || slices.Index(steps, p.State) > slices.Index(steps, old.State) {
			r.Payments[p.ID] = p.Payment
		}
	}
	for _, s := range b.Restocks {
		r.Restocks[s.Key] = s.Delta
	}
	if b.Closed != nil {
		r.Closed = *b.Closed
	}
	for _, a := range b.Quarantined {
		r.Quarantined[a.Entry] = true
	}
}

// paths are what can become of an order.
var paths = [][]sale.State{
	{sale.StateHeld, sale.StatePaid, sale.StateRefunded}, {sale.StateHeld, sale.StatePaid},
	{sale.StateHeld, sale.StateExpired}, {sale.StateHeld, sale.StateCancelled},
}

// TestFoldIsOneByOne: a batch has the effect of its events taken one by one, in whatever
// order the states of an order's path come, over whatever is recorded already.
func TestFoldIsOneByOne(t *testing.T) {
	ids := make([]sale.OrderID, len(paths))
	for i := range ids {
		ids[i] = newOrderID()
	}
	event := rapid.Custom(func(t *rapid.T) sale.Event {
		e := entry(rapid.IntRange(0, 50).Draw(t, "at"))
		for range rapid.IntRange(0, 4).Draw(t, "orders") {
			o := newOrder("ada", start)
			i := rapid.IntRange(0, len(ids)-1).Draw(t, "order")
			o.ID = ids[i]
			e.Orders = append(e.Orders, in(o, rapid.SampledFrom(append([]sale.State{"torn"}, paths[i]...)).Draw(t, "state")))
		}
		for range rapid.IntRange(0, 2).Draw(t, "payments") {
			p := newPayment(sale.Order{ID: ids[0]}, rapid.SampledFrom([]string{"pay_1", "pay_2"}).Draw(t, "payment"), start)
			if p.State = rapid.SampledFrom(steps).Draw(t, "step"); p.State != sale.PaymentApplied {
				p.Reason = sale.ReasonLate
			}
			e.Payments = append(e.Payments, p)
		}
		if rapid.Bool().Draw(t, "restocks") {
			key := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")
			e.Restock = &sale.Restock{Key: key, Delta: int64(key[0])}
		}
		if rapid.Bool().Draw(t, "closes") {
			closed := rapid.Bool().Draw(t, "closed")
			e.Closed = &closed
		}
		return e
	})
	rapid.Check(t, func(t *rapid.T) {
		folded, naive := newRecord(), newRecord()
		for batch := range slices.Chunk(rapid.SliceOfN(event, 0, 12).Draw(t, "events"), rapid.IntRange(1, 12).Draw(t, "size")) {
			b := Fold(batch)
			folded.take(b)
			for i, e := range batch {
				naive.take(Fold([]sale.Event{e}))
				if b.Entries[i] != e.ID {
					t.Fatalf("got entry %q at %d, want %q", b.Entries[i], i, e.ID)
				}
			}
			seen := map[sale.OrderID]bool{}
			for _, c := range b.Orders {
				if seen[c.ID] {
					t.Fatalf("got order %s twice in a batch, want once", c.ID)
				}
				seen[c.ID] = true
			}
			if diff := cmp.Diff(naive, folded); diff != "" {
				t.Fatalf("record (-one by one +folded):\n%s", diff)
			}
		}
	})
}

// TestWhatIsInvalidIsQuarantined: whatever PostgreSQL would refuse is taken out of its entry, with a
// fault that names it, and the rest of the entry goes on.
func TestWhatIsInvalidIsQuarantined(t *testing.T) {
	order := func(change func(*sale.Order)) sale.Event {
		o := newOrder("ada", start)
		change(&o)
		return entry(1, o)
	}
	payment := func(change func(*sale.Payment)) sale.Event {
		p := newPayment(newOrder("ada", start), "pay_1", start)
		change(&p)
		return sale.Event{ID: "2-0", At: start, Payments: []sale.Payment{p}}
	}
	definition := func(change func(*sale.Sale)) sale.Event {
		d := newSale("demo", 1)
		change(&d)
		return opened(d)
	}
	for fault, e := range map[string]sale.Event{
		"no UUID":                      order(func(o *sale.Order) { o.ID = "7" }),
		"no UUID in lower case":        order(func(o *sale.Order) { o.ID = "0190ABCD-0000-7000-8000-000000000000" }),
		`no state is called "sold"`:    order(func(o *sale.Order) { o.State = "sold" }),
		"a buyer of 0 bytes":           order(func(o *sale.Order) { o.Buyer = "" }),
		"a buyer of 129 bytes":         order(func(o *sale.Order) { o.Buyer = sale.Buyer(strings.Repeat("b", 129)) }),
		"quantity 0":                   order(func(o *sale.Order) { o.Quantity = 0 }),
		"quantity 2147483648":          order(func(o *sale.Order) { o.Quantity = math.MaxInt32 + 1 }),
		"instant -1":                   order(func(o *sale.Order) { o.Created = -1 }),
		"instant 9223372036854775807":  order(func(o *sale.Order) { o.Expires = math.MaxInt64 }),
		"payment id":                   payment(func(p *sale.Payment) { p.ID = "pay\x00" }),
		"message id":                   payment(func(p *sale.Payment) { p.Message = "" }),
		`order "\xff"`:                 payment(func(p *sale.Payment) { p.Order = "\xff" }),
		`no state is called "lost"`:    payment(func(p *sale.Payment) { p.State = "lost" }),
		`no reason is called "whim"`:   payment(func(p *sale.Payment) { p.State, p.Reason = sale.PaymentDue, "whim" }),
		`due for reason ""`:            payment(func(p *sale.Payment) { p.State = sale.PaymentDue }),
		"amount -1":                    payment(func(p *sale.Payment) { p.Amount = -1 }),
		`currency "eur"`:               payment(func(p *sale.Payment) { p.Currency = "eur" }),
		"instant 253402300800000":      payment(func(p *sale.Payment) { p.At = latest + 1 }),
		`no kind is called "lottery"`:  definition(func(d *sale.Sale) { d.Kind = "lottery" }),
		"price -1":                     definition(func(d *sale.Sale) { d.Price = -1 }),
		"limit 0":                      definition(func(d *sale.Sale) { d.Limit = 0 }),
		"hold time of 0 seconds":       definition(func(d *sale.Sale) { d.HoldFor = 0 }),
		"instant -5":                   definition(func(d *sale.Sale) { d.Opens = -5 }),
		"a key of 0 bytes":             {ID: "1-0", At: start, Restock: &sale.Restock{Delta: 1}},
		"a key of 2001 bytes":          {ID: "1-0", At: start, Restock: &sale.Restock{Key: strings.Repeat("k", 2001), Delta: 1}},
		"delta 0":                      {ID: "1-0", At: start, Restock: &sale.Restock{Key: "more"}},
		"instant -2":                   {ID: "1-0", At: -2},
		"the stream could not read it": {ID: "1-0", At: start, Fault: "the stream could not read it", Raw: "raw"},
	} {
		t.Run(fault, func(t *testing.T) {
			good, late := newOrder("good", start), newOrder("late", start)
			e.Orders = append(append(append([]sale.Order{good}, e.Orders...), late), e.Orders...)
			got := Fold([]sale.Event{e})
			if len(got.Quarantined) != 1 || !strings.Contains(got.Quarantined[0].Fault, fault) || got.Quarantined[0].Content == "" || got.Quarantined[0].Entry != e.ID {
				t.Errorf("got %+v quarantined, want entry %s with fault %q and its content", got.Quarantined, e.ID, fault)
			}
			if len(got.Orders) != 2 || got.Orders[0].Order != good || got.Orders[1].Order != late {
				t.Errorf("got orders %v, want the two good ones", got.Orders)
			}
			if len(got.Payments) > 0 || got.Opened != nil || len(got.Restocks) > 0 {
				t.Errorf("got %+v, want nothing of what is faulty", got)
			}
		})
	}
}
