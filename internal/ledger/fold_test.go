package ledger

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/internal/sale"
)

// record is what the ledger keeps, said again in the most naive Go.
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

// TestBookAgreesWithRecords tells generated stories of a sale to the ledger, in batches of
// any size and with any part told again, and compares the book with the naive records.
func TestBookAgreesWithRecords(t *testing.T) {
	s := openStore(t, server.URL())
	rapid.Check(t, func(t *rapid.T) {
		id := newID()
		story := story{id: id, live: map[sale.Buyer]sale.Order{}}
		story.tell(sale.Event{Opened: ptr(newSale(id, 1_000))})
		for range rapid.IntRange(0, 30).Draw(t, "length") {
			story.step(t)
		}
		for from := 0; from < len(story.events); {
			to := rapid.IntRange(from+1, len(story.events)).Draw(t, "batch ends")
			// Part of what was committed comes again, as after a crash: from any entry on,
			// but the rest of the stream always follows.
			again := rapid.IntRange(0, from).Draw(t, "again from")
			if again > 0 || from == 0 || rapid.Bool().Draw(t, "all again") {
				from = again
			}
			if err := s.Commit(t.Context(), id, 1, Fold(story.events[from:to])); err != nil {
				t.Fatalf("entries %d to %d: %v", from, to, err)
			}
			from = to
		}
		got, err := s.Book(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(applied(story.events...), got.Records); diff != "" {
			t.Fatalf("book (-naive +got):\n%s", diff)
		}
		if diff := cmp.Diff(story.changed(), got.Changed); diff != "" {
			t.Fatalf("when the states came (-naive +got):\n%s", diff)
		}
	})
}

func ptr[T any](v T) *T { return &v }

// story is what could happen to a sale: a buyer has one live order at a time.
type story struct {
	id     sale.ID
	events []sale.Event
	live   map[sale.Buyer]sale.Order
	serial int
}

func (s *story) tell(e sale.Event) {
	n := len(s.events)
	e.ID, e.At = fmt.Sprintf("%d-0", n+1), start+sale.Instant(n)
	s.events = append(s.events, e)
}

func (s *story) step(t *rapid.T) {
	var e sale.Event
	for range rapid.IntRange(1, 3).Draw(t, "orders") {
		buyer := sale.Buyer(rapid.SampledFrom([]string{"ada", "b\xff b", "cy"}).Draw(t, "buyer"))
		o, has := s.live[buyer]
		switch end := rapid.SampledFrom(states[1:]).Draw(t, "end"); {
		case !has:
			o = newOrder(string(buyer), start+sale.Instant(len(s.events)))
			s.live[buyer] = o
		case o.State == sale.StateHeld && end == sale.StatePaid:
			s.serial++
			o = in(o, end)
			s.live[buyer] = o
			e.Payments = append(e.Payments, newPayment(o, fmt.Sprint("pay_", s.serial), o.Created))
		case o.State == sale.StatePaid:
			o = in(o, sale.StateRefunded)
			delete(s.live, buyer)
		case end == sale.StatePaid:
			continue
		default:
			o = in(o, end)
			delete(s.live, buyer)
		}
		e.Orders = append(e.Orders, o)
	}
	switch rapid.IntRange(0, 5).Draw(t, "sale") {
	case 0:
		s.serial++
		e.Restock = &sale.Restock{Key: fmt.Sprint("key\x00", s.serial), Delta: int64(s.serial)}
	case 1:
		e.Closed = ptr(rapid.Bool().Draw(t, "closed"))
	}
	s.tell(e)
}

// changed is when each order came to its last state.
func (s *story) changed() map[sale.OrderID]sale.Instant {
	at, last := map[sale.OrderID]sale.Instant{}, map[sale.OrderID]sale.State{}
	for _, e := range s.events {
		for _, o := range e.Orders {
			if last[o.ID] != o.State {
				at[o.ID], last[o.ID] = e.At, o.State
			}
		}
	}
	return at
}
