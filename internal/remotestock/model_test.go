package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"onsale/internal/audit"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// model is the scripts said again in the most naive Go: one map of orders, and
// everything else counted anew each time.
type model struct {
	total  int64
	closed bool
	orders map[sale.OrderID]sale.Order
	due    map[sale.OrderID]bool // holds made overdue by the test
	paid   map[sale.PaymentID]sale.Payment
}

func (m *model) counters() sale.Counters {
	c := sale.Counters{Total: m.total, Remaining: m.total}
	for _, o := range m.orders {
		switch o.State {
		case sale.StateHeld:
			c.Held += int64(o.Quantity)
		case sale.StatePaid:
			c.Paid += int64(o.Quantity)
		}
	}
	c.Remaining -= c.Held + c.Paid
	return c
}

func (m *model) live(b sale.Buyer) (sale.Order, bool) {
	for _, o := range m.orders {
		if o.Buyer == b && o.State.Live() {
			return o, true
		}
	}
	return sale.Order{}, false
}

// decide is what deduct.lua must answer.
func (m *model) decide(c sale.Claim, late bool) sale.Decision {
	remaining := m.counters().Remaining
	known, isKnown := m.orders[c.Order]
	live, isLive := m.live(c.Buyer)
	switch {
	case isKnown:
		return sale.Decision{Outcome: sale.Replayed, Order: known}
	case late:
		return sale.Decision{Outcome: sale.Late}
	case m.closed:
		return sale.Decision{Outcome: sale.Closed}
	case isLive && live.Quantity == c.Quantity:
		return sale.Decision{Outcome: sale.Replayed, Order: live}
	case isLive:
		return sale.Decision{Outcome: sale.AlreadyOrdered, Order: live}
	case remaining == 0:
		return sale.Decision{Outcome: sale.SoldOut}
	case remaining < int64(c.Quantity):
		return sale.Decision{Outcome: sale.NotEnough, Remaining: remaining}
	}
	o := sale.Order{ID: c.Order, Buyer: c.Buyer, Quantity: c.Quantity, State: sale.StateHeld}
	m.orders[c.Order] = o
	return sale.Decision{Outcome: sale.Held, Order: o}
}

var modelSales atomic.Int64

// TestScriptsAgreeWithModel runs generated claims, late re-sends, cancels,
// expiries and changes of the sale against the model: P1, P2, P7 and P9.
func TestScriptsAgreeWithModel(t *testing.T) {
	store, client := newStore(t, server.Addr(), "n1")
	rapid.Check(t, func(t *rapid.T) {
		w := &world{store: store, client: client}
		w.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"":        w.check,
			"claims":  w.claims,
			"cancel":  w.cancel,
			"pay":     w.pay,
			"refund":  w.refund,
			"settle":  w.settle,
			"overdue": w.overdue,
			"expire":  w.expire,
			"restock": w.restock,
			"close":   w.close,
		})
	})
}

type world struct {
	store     *remotestock.Store
	client    redis.UniversalClient
	committer *remotestock.Committer
	id        sale.ID
	model     model
	sent      []sale.Claim // every claim ever sent, for re-sends
	stock     sale.Generation
	changes   int
}

func (w *world) open(t *rapid.T) {
	w.id = sale.ID(fmt.Sprintf("model-%d", modelSales.Add(1)))
	w.model = model{total: rapid.Int64Range(0, 12).Draw(t, "total"), orders: map[sale.OrderID]sale.Order{}, due: map[sale.OrderID]bool{}, paid: map[sale.PaymentID]sale.Payment{}}
	d := newSale(string(w.id), w.model.total)
	if _, err := w.store.Open(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	w.committer = w.store.Committer(w.id, watcher{}, remotestock.DefaultCommitConfig())
}

// claims sends a batch of new claims and of earlier ones again, some of them late.
func (w *world) claims(t *rapid.T) {
	n := rapid.IntRange(1, 6).Draw(t, "batch")
	batch := make([]sale.Claim, n)
	want := make([]sale.Decision, n)
	for i := range batch {
		if len(w.sent) > 0 && rapid.IntRange(0, 2).Draw(t, "again") == 0 {
			batch[i] = rapid.SampledFrom(w.sent).Draw(t, "claim")
		} else {
			buyer := rapid.SampledFrom([]string{"ann", "bob c", "cid", "dee", "éve"}).Draw(t, "buyer")
			batch[i] = claim(buyer, rapid.IntRange(1, 4).Draw(t, "quantity"))
			w.sent = append(w.sent, batch[i])
		}
		late := rapid.IntRange(0, 5).Draw(t, "late") == 0
		if late {
			batch[i].Deadline = 1
		}
		want[i] = w.model.decide(batch[i], late)
	}
	got, err := w.committer.DecideBatch(batch)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		// Times are Redis's own; check looks at them.
		got[i].Order.Created, got[i].Order.Expires = 0, 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("decisions (-model +redis):\n%s", diff)
	}
}

func (w *world) anyOrder(t *rapid.T) (sale.Order, bool) {
	ids := slices.Sorted(maps.Keys(w.model.orders))
	if len(ids) == 0 {
		return sale.Order{}, false
	}
	return w.model.orders[rapid.SampledFrom(ids).Draw(t, "order")], true
}

func (w *world) cancel(t *rapid.T) {
	o, ok := w.anyOrder(t)
	if !ok {
		return
	}
	buyer, want := o.Buyer, error(nil)
	switch {
	case rapid.IntRange(0, 3).Draw(t, "stranger") == 0:
		buyer, want = "mallory", sale.ErrNoOrder
	case o.State == sale.StateHeld:
		o.State = sale.StateCancelled
		w.model.orders[o.ID] = o
	case o.State != sale.StateCancelled:
		want = sale.ErrConflict
	}
	got, _, err := w.store.Cancel(context.Background(), w.id, 0, o.ID, buyer)
	if !errors.Is(err, want) || want == nil && (err != nil || got.State != sale.StateCancelled) {
		t.Fatalf("cancel of a %s order by %s: got %+v, %v, want %v", o.State, buyer, got, err, want)
	}
}

// pay sends a new payment or one again, of the right amount or not.
func (w *world) pay(t *rapid.T) {
	o, ok := w.anyOrder(t)
	if !ok {
		return
	}
	n := rapid.IntRange(1, 6).Draw(t, "payment")
	p := sale.Payment{
		ID: sale.PaymentID(fmt.Sprint("pay_", n)), Message: sale.MessageID(fmt.Sprint("msg_", n)), Order: o.ID,
		Amount: int64(o.Quantity) * newSale("x", 1).Price, Currency: "EUR", State: sale.PaymentApplied,
	}
	switch rapid.IntRange(0, 5).Draw(t, "fault") {
	case 0:
		p.Amount++
	case 1:
		p.Currency = "USD"
	case 2:
		p.Message = sale.MessageID(fmt.Sprint("msg_", n%6+1)) // another payment's
	}
	before, told := w.model.paid[p.ID]
	want, replayed := error(nil), false
	switch {
	case told && (before.Order != p.Order || before.Amount != p.Amount || before.Currency != p.Currency),
		w.messageOf(p.Message) != "" && w.messageOf(p.Message) != p.ID:
		want = sale.ErrConflict
	case told:
		p, replayed = before, true
	case o.State == sale.StatePaid:
		p.State, p.Reason = sale.PaymentDue, sale.ReasonDoubled
	case o.State != sale.StateHeld:
		p.State, p.Reason = sale.PaymentDue, sale.ReasonLate
	case p.Amount != int64(o.Quantity)*newSale("x", 1).Price || p.Currency != "EUR":
		p.State, p.Reason = sale.PaymentDue, sale.ReasonAmount
	default:
		o.State = sale.StatePaid
	}
	got, _, err := w.store.Pay(context.Background(), w.id, 0, p)
	if !errors.Is(err, want) {
		t.Fatalf("pay %+v: got %+v, %v, want %v", p, got, err, want)
	}
	if want != nil {
		return
	}
	w.model.orders[o.ID], w.model.paid[p.ID] = o, p
	got.Payment.At, got.Order.Created, got.Order.Expires = 0, 0, 0
	if diff := cmp.Diff(sale.Receipt{Order: o, Payment: p, Replayed: replayed}, got); diff != "" {
		t.Fatalf("pay (-model +redis):\n%s", diff)
	}
}

// messageOf is the payment that the message told of.
func (w *world) messageOf(m sale.MessageID) sale.PaymentID {
	for id, p := range w.model.paid {
		if p.Message == m {
			return id
		}
	}
	return ""
}

func (w *world) refund(t *rapid.T) {
	o, ok := w.anyOrder(t)
	if !ok {
		return
	}
	want, replayed := error(nil), o.State == sale.StateRefunded
	switch {
	case o.State == sale.StatePaid:
		o.State = sale.StateRefunded
		for id, p := range w.model.paid {
			if p.Order == o.ID && p.State == sale.PaymentApplied {
				p.State, p.Reason = sale.PaymentDue, sale.ReasonRefunded
				w.model.paid[id] = p
			}
		}
		w.model.orders[o.ID] = o
	case !replayed:
		want = sale.ErrConflict
	}
	got, err := w.store.Refund(context.Background(), w.id, o.ID)
	if !errors.Is(err, want) || got.Replayed != replayed || got.Order.State != o.State {
		t.Fatalf("refund of a %s order: got %+v, %v, want %v", o.State, got, err, want)
	}
	if want == nil && w.model.paid[got.Payment.ID].Reason != sale.ReasonRefunded {
		t.Fatalf("refund: got the payment %+v, want the one that had paid", got.Payment)
	}
}

func (w *world) settle(t *rapid.T) {
	id := sale.PaymentID(fmt.Sprint("pay_", rapid.IntRange(1, 6).Draw(t, "payment")))
	p, known := w.model.paid[id]
	var want error
	switch {
	case !known:
		want = sale.ErrNoPayment
	case p.State == sale.PaymentApplied:
		want = sale.ErrConflict
	default:
		p.State = sale.PaymentSettled
		w.model.paid[id] = p
	}
	got, err := w.store.Settle(context.Background(), w.id, id)
	if !errors.Is(err, want) || want == nil && got.State != sale.PaymentSettled {
		t.Fatalf("settle %s: got %+v, %v, want %v", id, got, err, want)
	}
}

// overdue makes a hold's deadline pass without waiting for it.
func (w *world) overdue(t *rapid.T) {
	if o, ok := w.anyOrder(t); ok && o.State == sale.StateHeld {
		w.model.due[o.ID] = true
		due := redis.Z{Score: 1, Member: string(o.ID)}
		if err := w.client.ZAdd(context.Background(), remotestock.Keys(w.id)[4], due).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) expire(t *rapid.T) {
	want := 0
	for id := range w.model.due {
		if o := w.model.orders[id]; o.State == sale.StateHeld {
			want++
			o.State = sale.StateExpired
			w.model.orders[id] = o
		}
	}
	clear(w.model.due)
	batch, got := rapid.IntRange(1, 3).Draw(t, "limit"), 0
	for more := true; more; {
		n, again, _, err := w.store.Expire(context.Background(), w.id, 0, batch)
		if err != nil || n > batch {
			t.Fatalf("got %d ended of %d at most, %v", n, batch, err)
		}
		got, more = got+n, again
	}
	if got != want {
		t.Fatalf("got %d holds ended, want %d", got, want)
	}
}

func (w *world) restock(t *rapid.T) {
	delta := rapid.Int64Range(-4, 4).Filter(func(n int64) bool { return n != 0 }).Draw(t, "delta")
	w.changes++
	_, err := w.store.Restock(context.Background(), w.id, delta, fmt.Sprint(w.changes))
	if refused := w.model.counters().Remaining+delta < 0; refused != errors.Is(err, sale.ErrConflict) {
		t.Fatalf("restock by %d: got %v, want refused %v", delta, err, refused)
	} else if !refused {
		w.model.total += delta
	}
}

func (w *world) close(t *rapid.T) {
	w.model.closed = rapid.Bool().Draw(t, "closed")
	if err := w.store.SetClosed(context.Background(), w.id, w.model.closed); err != nil {
		t.Fatal(err)
	}
}

// check compares everything in Redis with the model: the books, who has a live
// order, every record, the deadlines, and what the stream adds up to.
func (w *world) check(t *rapid.T) {
	ctx := context.Background()
	survey, err := w.store.Survey(ctx, w.id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.model.counters(), survey.Counters); diff != "" || !survey.Counters.Conserved() {
		t.Fatalf("books (-model +redis):\n%s", diff)
	}
	if survey.Reading.Stock < w.stock {
		t.Fatalf("stock generation fell from %d to %d", w.stock, survey.Reading.Stock)
	}
	w.stock = survey.Reading.Stock

	k := remotestock.Keys(w.id)
	records := w.client.HGetAll(ctx, k[3]).Val()
	live, deadlines := map[string]string{}, []string{}
	states := map[sale.OrderID]sale.State{}
	for id, record := range records {
		o, err := remotestock.ParseOrder(sale.OrderID(id), record)
		if err != nil {
			t.Fatal(err)
		}
		if o.Expires.Sub(o.Created) != newSale("x", 1).HoldFor {
			t.Fatalf("order %+v: held for %v", o, o.Expires.Sub(o.Created))
		}
		states[o.ID] = o.State
		if o.State.Live() {
			if other := live[string(o.Buyer)]; other != "" {
				t.Fatalf("buyer %s has two live orders, %s and %s", o.Buyer, other, id)
			}
			live[string(o.Buyer)] = id
		}
		if o.State == sale.StateHeld {
			deadlines = append(deadlines, id)
		}
	}
	want := map[sale.OrderID]sale.State{}
	for id, o := range w.model.orders {
		want[id] = o.State
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Fatalf("orders (-model +redis):\n%s", diff)
	}
	if diff := cmp.Diff(live, w.client.HGetAll(ctx, k[2]).Val()); diff != "" {
		t.Fatalf("buyers (-orders +redis):\n%s", diff)
	}
	slices.Sort(deadlines)
	kept := w.client.ZRange(ctx, k[4], 0, -1).Val()
	slices.Sort(kept)
	if diff := cmp.Diff(deadlines, kept); diff != "" && len(deadlines)+len(kept) > 0 {
		t.Fatalf("deadlines (-orders +redis):\n%s", diff)
	}
	snapshot, err := w.store.Snapshot(ctx, w.id)
	if err != nil {
		t.Fatal(err)
	}
	if faults := audit.Stock(snapshot); len(faults) > 0 {
		t.Fatalf("audit: %q", faults)
	}
	for id, p := range snapshot.Payments {
		p.At = 0
		snapshot.Payments[id] = p
	}
	if diff := cmp.Diff(w.model.paid, snapshot.Payments); diff != "" {
		t.Fatalf("payments (-model +redis):\n%s", diff)
	}
	w.checkStream(t, snapshot)
}

// checkStream folds the stream in the most naive way: it must tell of every
// order and every payment as they are, and move each along its arrows alone.
func (w *world) checkStream(t *rapid.T, s sale.Snapshot) {
	arrows := map[sale.State][]sale.State{
		"":             {sale.StateHeld},
		sale.StateHeld: {sale.StatePaid, sale.StateExpired, sale.StateCancelled},
		sale.StatePaid: {sale.StateRefunded},
	}
	orders, payments := map[sale.OrderID]sale.Order{}, map[sale.PaymentID]sale.PaymentState{}
	for _, e := range s.Stream {
		for _, o := range e.Orders {
			if before := orders[o.ID].State; !slices.Contains(arrows[before], o.State) {
				t.Fatalf("stream: order %s went from %q to %q", o.ID, before, o.State)
			}
			orders[o.ID] = o
		}
		for _, p := range e.Payments {
			payments[p.ID] = p.State
		}
	}
	if diff := cmp.Diff(s.Orders, orders); diff != "" {
		t.Fatalf("stream (-orders +stream):\n%s", diff)
	}
	for id, p := range w.model.paid {
		if payments[id] != p.State {
			t.Fatalf("stream: payment %s is %q, want %q", id, payments[id], p.State)
		}
	}
}
