package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"onsale/internal/ledger/ledgertest"
	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// lossy is a sale whose records lose data at any moment, and what was acknowledged of it.
type lossy struct {
	*site
	held    map[sale.OrderID]reconcile.Hold // every hold that a buyer was granted
	saved   []*kept
	backups []func()
	serial  int
}

var buyers = []string{"ada", "bob", "cy"}

// sells reports whether Redis grants a hold now.
func (l *lossy) sells() bool {
	k := l.save(l.id)
	return k != nil && k.Lost() == "" && k.Read() > 0
}

func (l *lossy) buy(t *rapid.T) {
	buyer := sale.Buyer(rapid.SampledFrom(buyers).Draw(t, "buyer"))
	if !l.sells() {
		return
	}
	o, err := l.save(l.id).OrderOf(buyer)
	switch {
	case err != nil:
		if d := l.claim(l.id, string(buyer)); d.Outcome == sale.Held {
			l.memory.remember(l.id, d.Order)
			l.held[d.Order.ID] = l.memory.holds[len(l.memory.holds)-1]
		}
	case o.State == sale.StatePaid:
		l.refund(l.id, o)
	case rapid.Bool().Draw(t, "pays"):
		l.serial++
		l.pay(l.id, o, fmt.Sprint("pay_", l.serial))
	case rapid.Bool().Draw(t, "is too late"):
		l.expire(l.id, o)
	default:
		l.cancel(l.id, o)
	}
}

func (l *lossy) more(*rapid.T) {
	if l.sells() {
		l.serial++
		l.restock(l.id, fmt.Sprint("key-", l.serial), 1)
	}
}

func (l *lossy) read(t *rapid.T) {
	err := l.record(t.Context())
	if err != nil && !errors.Is(err, sale.ErrLost) && !errors.Is(err, sale.ErrNoSale) && !errors.Is(err, ErrRefused) {
		t.Fatalf("reader: %v", err)
	}
	if k := l.save(l.id); errors.Is(err, sale.ErrLost) && k != nil {
		if err := l.Shut(t.Context(), l.id, err.Error()); err != nil {
			t.Fatal(err)
		}
	}
}

// lose loses some of one record.
func (l *lossy) lose(t *rapid.T) {
	switch rapid.SampledFrom([]string{"Redis empty", "Redis older", "events", "nodes", "database"}).Draw(t, "loss") {
	case "Redis empty":
		l.load(l.id, nil)
	case "Redis older":
		l.load(l.id, rapid.SampledFrom(l.saved).Draw(t, "to"))
	case "events":
		l.with(func() {
			if k := l.kept[l.id]; k != nil && len(k.stream()) > 0 {
				k.tear(rapid.SampledFrom(k.stream()).Draw(t, "event"))
			}
		})
	case "nodes":
		l.memory.holds, l.memory.seen = nil, nil
	case "database":
		rapid.SampledFrom(l.backups).Draw(t, "to")()
	}
}

func (l *lossy) back(t *rapid.T) {
	if k := l.save(l.id); k != nil {
		l.saved = append(l.saved, k)
	}
	c, err := l.store.Chain(t.Context(), l.id)
	if errors.Is(err, sale.ErrNoSale) {
		return
	}
	records := book(t, l.store, l.id).Records
	l.backups = append(l.backups, func() { l.loadLedger(t, records, c) })
}

// decided settles whatever may have to be decided.
var decided = Reconciliation{Force: true, Decisions: reconcile.Decisions{
	TwoOrders: reconcile.KeepFirst, Oversold: reconcile.RefundLater, Lives: reconcile.MergeLives,
}}

// known are the orders and payments that any record has, and the holds that nodes have.
func (l *lossy) known(t *rapid.T) (orders map[sale.OrderID]bool, payments map[sale.PaymentID]bool) {
	orders, payments = map[sale.OrderID]bool{}, map[sale.PaymentID]bool{}
	take := func(r sale.Records) {
		for id := range r.Orders {
			orders[id] = true
		}
		for id := range r.Payments {
			payments[id] = true
		}
	}
	if k := l.save(l.id); k != nil {
		take(k.Records())
	}
	if b, err := l.store.Book(t.Context(), l.id); err == nil {
		take(b.Records)
	} else if !errors.Is(err, sale.ErrNoSale) {
		t.Fatal(err)
	}
	for _, h := range l.memory.holds {
		orders[h.Order.ID] = true
	}
	return orders, payments
}

// unite reconciles, after it has crashed some times anywhere, and checks what came of it.
func (l *lossy) unite(t *rapid.T) {
	orders, payments := l.known(t)
	if _, err := l.store.Chain(t.Context(), l.id); errors.Is(err, sale.ErrNoSale) && l.save(l.id) == nil {
		return // both have lost even its terms
	}
	for range rapid.IntRange(0, 2).Draw(t, "crashes") {
		l.crashing(t, rapid.SampledFrom(crashes).Draw(t, "crash"), decided)
	}
	epoch := l.epoch(t)
	l.token++
	o := decided
	o.Token = l.token
	plan, err := l.reconciler().Run(t.Context(), l.id, o)
	if err != nil {
		t.Fatalf("reconcile: %v\n%s", err, plan)
	}
	if err := l.record(t.Context()); err != nil {
		t.Fatalf("reader after the reconciliation: %v\n%s", err, plan)
	}
	l.wantReading(t)
	k, records := l.save(l.id), book(t, l.store, l.id).Records // some ended orders only the ledger shows
	l.wantSound(t, records, plan)
	for id := range orders {
		if _, is := records.Orders[id]; !is {
			t.Fatalf("order %s was in a record and is in none\n%s", id, plan)
		}
	}
	for id := range payments {
		if _, is := records.Payments[id]; !is {
			t.Fatalf("payment %s was in a record and is in none\n%s", id, plan)
		}
	}
	for id, h := range l.held {
		_, is := records.Orders[id]
		if !is && h.Mark.Epoch == epoch && slices.Contains(l.memory.seen, h.Mark) && len(plan.Gaps) == 0 {
			t.Fatalf("order %s of event %v is nowhere, and no gap is reported\n%s", id, h.Mark, plan)
		}
	}
	l.memory.holds, l.memory.seen = nil, []sale.Mark{k.Chain().Mark}
}

// epoch is the highest that a record is in.
func (l *lossy) epoch(t *rapid.T) (epoch int64) {
	if k := l.save(l.id); k != nil {
		epoch = k.Chain().Epoch
	}
	c, err := l.store.Chain(context.Background(), l.id)
	if err != nil && !errors.Is(err, sale.ErrNoSale) {
		t.Fatal(err)
	}
	return max(epoch, c.Epoch)
}

// wantSound: nothing is sold twice, and all money is applied or due.
func (l *lossy) wantSound(t *rapid.T, r sale.Records, plan reconcile.Plan) {
	if c := r.Counters(); !c.Conserved() {
		t.Fatalf("got %+v, want no more sold than there is\n%s", c, plan)
	}
	live, payers := map[sale.Buyer]int{}, map[sale.OrderID]int{}
	for _, o := range r.Orders {
		if o.State.Live() {
			live[o.Buyer]++
		}
	}
	for _, p := range r.Payments {
		if p.State == sale.PaymentApplied {
			payers[p.Order]++
		}
	}
	for buyer, n := range live {
		if n > 1 {
			t.Fatalf("got %d live orders of %s, want one\n%s", n, buyer, plan)
		}
	}
	for id, n := range payers {
		if n > 1 || r.Orders[id].State != sale.StatePaid {
			t.Fatalf("got %d payments applied to order %s, which is %s\n%s", n, id, r.Orders[id].State, plan)
		}
	}
	unpaid := map[sale.OrderID]bool{}
	for _, c := range plan.Cases {
		for _, id := range c.Orders {
			unpaid[id] = unpaid[id] || c.Kind == reconcile.KindUnpaid
		}
	}
	for id, o := range r.Orders {
		if o.State == sale.StatePaid && payers[id] == 0 && !unpaid[id] {
			t.Fatalf("order %s is paid by nothing, and that is not reported\n%s", id, plan)
		}
	}
}

// TestWhateverIsLostTheRestIsUnited: Redis goes back and on, or is empty, streams lose events,
// the database goes back, nodes forget, and reconciliations crash anywhere.
func TestWhateverIsLostTheRestIsUnited(t *testing.T) {
	store := openStore(t, ledgertest.Server.URL())
	rapid.Check(t, func(t *rapid.T) {
		l := &lossy{
			site: &site{redis: newRedis(), id: newID(), store: store, token: 1},
			held: map[sale.OrderID]reconcile.Hold{},
		}
		l.memory = &memory{r: l.redis}
		l.openAs(l.id, 5)
		l.backups = append(l.backups, func() { l.loadLedger(t, sale.Records{}, sale.Chain{}) })
		l.read(t)
		l.back(t)
		steps := map[string]func(*rapid.T){"buy": l.buy, "restock": l.more, "read": l.read, "back up": l.back, "lose": l.lose, "unite": l.unite}
		names := []string{"buy", "buy", "buy", "buy", "read", "read", "restock", "back up", "lose", "unite"}
		for range rapid.IntRange(0, 25).Draw(t, "length") {
			steps[rapid.SampledFrom(names).Draw(t, "step")](t)
		}
		l.unite(t)
	})
}
