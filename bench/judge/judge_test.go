package judge

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/bench/generator"
	"onsale/internal/operate"
	"onsale/internal/sale"
)

func TestFalselySoldOut(t *testing.T) {
	levels := []Level{{At: 1000, Remaining: 5}, {At: 2000, Remaining: 0}, {At: 2500, Remaining: 1}, {At: 9000, Remaining: 0}}
	for name, test := range map[string]struct {
		sent, received int64
		want           int64
	}{
		"while it is sold out":            {2100, 2110, 0},
		"received as it sells out":        {1900, 2000, 0},
		"before anything was sold out":    {1500, 1999, 7},
		"just within three seconds after": {5500, 5510, 0},
		"past three seconds after":        {5501, 5510, 7},
		"sold out to the end":             {50_000, 50_010, 0},
		"before the sale":                 {10, 20, 7},
	} {
		t.Run(name, func(t *testing.T) {
			if got := falselySoldOut(levels, []generator.SoldOut{{Sent: test.sent, Received: test.received, Buyers: 7}}); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestLostAndDuplicates(t *testing.T) {
	held := func(id, buyer string) sale.Order {
		return sale.Order{ID: sale.OrderID(id), Buyer: sale.Buyer(buyer), Quantity: 1, State: sale.StateHeld}
	}
	orders := map[sale.OrderID]sale.Order{"1": held("1", "ann"), "2": held("2", "ann"), "3": held("3", "bob"), "4": held("4", "cid")}
	kept := maps.Clone(orders)
	delete(kept, "4")
	a := operate.Audited{
		Snapshot: sale.Snapshot{Records: sale.Records{Orders: orders}},
		Book:     &sale.Book{Records: sale.Records{Orders: kept}},
	}
	a.Sale.Total = 4
	answers := Answers{Acks: []generator.Ack{{Buyer: "ann", Order: "1"}, {Buyer: "dee", Order: "3"}, {Buyer: "cid", Order: "4"}, {Buyer: "eve", Order: "9"}}}
	// Lost are another's order, one that is not in the ledger, and one that is nowhere.
	want := Verdict{Duplicates: 1, LostAcks: 3, Unacknowledged: 2}
	if diff := cmp.Diff(want, Judge(FromAudit(a), answers)); diff != "" {
		t.Errorf("ann has two, and bob was not answered (-want +got):\n%s", diff)
	}
	answers.Unanswered = []string{"ann", "bob"}
	want.Unacknowledged = 0
	if diff := cmp.Diff(want, Judge(FromAudit(a), answers)); diff != "" {
		t.Errorf("ann and bob have no definite answer (-want +got):\n%s", diff)
	}
	answers.WrongQuantity, answers.Contradicted, answers.Forgotten = 7, 2, 1
	want.WrongQuantity, want.Duplicates, want.LostAcks = 7, 3, 4
	if diff := cmp.Diff(want, Judge(FromAudit(a), answers)); diff != "" {
		t.Errorf("what buyers found out themselves (-want +got):\n%s", diff)
	}
	a.Book = nil
	want.LostAcks-- // the one that is not in the ledger
	if diff := cmp.Diff(want, Judge(FromAudit(a), answers)); diff != "" {
		t.Errorf("a sale without a ledger (-want +got):\n%s", diff)
	}
}

func TestJudge(t *testing.T) {
	at := time.UnixMilli(10_000)
	order := func(id, buyer string, after time.Duration) sale.Order {
		return sale.Order{ID: sale.OrderID(id), Buyer: sale.Buyer(buyer), Quantity: 1, State: sale.StateHeld, Created: sale.Instant(at.Add(after).UnixMilli())}
	}
	ran := func(sold, soldOut int) generator.Run {
		r := generator.Run{Latencies: map[generator.Class]*generator.Latency{
			generator.ClassSold: generator.NewLatency(), generator.ClassSoldOut: generator.NewLatency(),
		}}
		for range sold {
			r.Latencies[generator.ClassSold].Record(time.Millisecond)
		}
		for range soldOut {
			r.Latencies[generator.ClassSoldOut].Record(time.Millisecond)
		}
		return r
	}
	sound := func() (generator.Run, []sale.Order) {
		r := ran(2, 1)
		r.Acks = []generator.Ack{{Buyer: "ann", Order: "1"}, {Buyer: "bob", Order: "2"}}
		r.SoldOut = []generator.SoldOut{{Sent: 10_005, Received: 10_006, Buyers: 1}}
		return r, []sale.Order{order("1", "ann", 0), order("2", "bob", 2*time.Millisecond)}
	}
	t.Run("one who got no answer has an order", func(t *testing.T) {
		run, orders := sound()
		run.Acks = run.Acks[:1]
		run.Latencies[generator.ClassBusy] = generator.NewLatency()
		run.Latencies[generator.ClassBusy].Record(time.Second)
		if got := Judge(FromOrders(2, orders), FromRun(run)); got != (Verdict{}) {
			t.Errorf("got %+v, want no fault: nobody was answered otherwise", got)
		}
	})
	for name, c := range map[string]struct {
		change func(*generator.Run, *[]sale.Order)
		want   Verdict
	}{
		"a sound run":        {func(*generator.Run, *[]sale.Order) {}, Verdict{}},
		"one order too many": {func(_ *generator.Run, o *[]sale.Order) { *o = append(*o, order("3", "cid", 9*time.Millisecond)) }, Verdict{Oversold: 1, Unacknowledged: 1}},
		"a buyer with two":   {func(_ *generator.Run, o *[]sale.Order) { (*o)[1].Buyer = "ann" }, Verdict{Duplicates: 1, LostAcks: 1, Unacknowledged: 1}},
		"an order that is not kept, and sold out is answered": {func(_ *generator.Run, o *[]sale.Order) { *o = (*o)[:1] },
			Verdict{Unsold: 1, LostAcks: 1, FalseSoldOut: 1}},
		"another's order":                 {func(r *generator.Run, _ *[]sale.Order) { r.Acks[0].Order = "2" }, Verdict{LostAcks: 1, Unacknowledged: 1}},
		"sold out too early":              {func(r *generator.Run, _ *[]sale.Order) { r.SoldOut[0].Sent, r.SoldOut[0].Received = 9_990, 10_001 }, Verdict{FalseSoldOut: 1}},
		"an order of one who was refused": {func(r *generator.Run, _ *[]sale.Order) { r.Acks = r.Acks[:1] }, Verdict{Unacknowledged: 1}},
		"another number of tickets":       {func(r *generator.Run, _ *[]sale.Order) { r.Errors = map[string]int64{generator.WrongQuantity: 2} }, Verdict{WrongQuantity: 2}},
		"sold out long after":             {func(r *generator.Run, _ *[]sale.Order) { r.SoldOut[0].Sent, r.SoldOut[0].Received = 99_990, 99_999 }, Verdict{}},
	} {
		t.Run(name, func(t *testing.T) {
			run, orders := sound()
			c.change(&run, &orders)
			got := Judge(FromOrders(2, orders), FromRun(run))
			if got != c.want || (len(got.Broken()) == 0) != (c.want == Verdict{}) {
				t.Errorf("got %+v %q, want %+v", got, got.Broken(), c.want)
			}
		})
	}
	t.Run("patient buyers who gave up or were stopped may have an order", func(t *testing.T) {
		run, orders := sound()
		run.Acks = nil
		run.Visits = &generator.Visits{GaveUp: []string{"ann"}, Interrupted: []string{"bob"}}
		if got := Judge(FromOrders(2, orders), FromRun(run)); got != (Verdict{}) {
			t.Errorf("got %+v, want no fault: nobody was answered otherwise", got)
		}
	})
	t.Run("a repeated purchase has another order, or none", func(t *testing.T) {
		run, orders := sound()
		run.Visits = &generator.Visits{Doubled: []string{"ann"}, Forgotten: []string{"bob", "ann"}}
		if got, want := Judge(FromOrders(2, orders), FromRun(run)), (Verdict{Duplicates: 1, LostAcks: 2}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	t.Run("few came", func(t *testing.T) {
		run := ran(1, 0)
		run.Acks = []generator.Ack{{Buyer: "ann", Order: "1"}}
		if got := Judge(FromOrders(10, []sale.Order{order("1", "ann", 0)}), FromRun(run)); got != (Verdict{}) {
			t.Errorf("got %+v, want no fault: nobody was refused", got)
		}
	})
}

func TestMisdatedOrders(t *testing.T) {
	from, to := time.UnixMilli(1000).Add(400*time.Microsecond), time.UnixMilli(2000)
	var orders []sale.Order
	for _, at := range []sale.Instant{999, 1000, 2000, 2001} {
		orders = append(orders, sale.Order{Created: at})
	}
	if got := Misdated(orders, from, to); got != 2 {
		t.Errorf("got %d, want the first and the last", got)
	}
}

func TestFaultsNameTheirSale(t *testing.T) {
	r := FromOrders(0, []sale.Order{{ID: "1", Buyer: "ann", Quantity: 2, State: sale.StateHeld}})
	r.Faults = []string{"the books are wrong"}
	want := []string{"s: the books are wrong", "s: oversold: 2", "s: unacknowledged orders: 1"}
	if diff := cmp.Diff(want, Faults("s", r, Answers{})); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// A run that was stopped has requests without an answer: their orders were in nobody's count.
func TestWhatIsUnderWayAtAStopMayHaveMadeAnOrder(t *testing.T) {
	sold := generator.NewLatency()
	for range 8 {
		sold.Record(time.Millisecond)
	}
	run := generator.Run{Sent: 10, Completed: 8, Latencies: map[generator.Class]*generator.Latency{generator.ClassSold: sold}}
	if got := FromRun(run).MoreUnanswered; got != 2 {
		t.Errorf("got %d buyers without an answer, want 2", got)
	}
}
