package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

var modelSales atomic.Int64

// TestScriptsAgreeWithModel runs generated claims, late re-sends, payments, cancels,
// expiries and changes of the sale against the model: P1, P2, P7 and P9. Redis loses
// what it has acknowledged and goes on from there; then the sale is shut, and sells on
// from records that were adopted.
func TestScriptsAgreeWithModel(t *testing.T) {
	t.Cleanup(remotestock.SettleAtOnce())
	config := remotestock.DefaultConfig(fastRedis(t))
	config.Call = 10 * time.Second
	_, client := hooked(t, config.Addrs[0], remotestock.Hooks{})
	rapid.Check(t, func(t *rapid.T) {
		config.Ledger = rapid.Bool().Draw(t, "ledger")
		w := &world{client: client, config: config}
		w.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"":         w.check,
			"claims":   func(t *rapid.T) { w.claims(t, w.store) },
			"claims 2": func(t *rapid.T) { w.claims(t, w.store) },
			"cancel":   w.cancel,
			"churn":    w.churn,
			"pay":      w.pay,
			"pay 2":    w.pay,
			"refund":   w.refund,
			"part":     w.part,
			"report":   w.report,
			"report 2": w.report,
			"settle":   w.settle,
			"list":     w.list,
			"overdue":  w.overdue,
			"expire":   w.expire,
			"refill":   w.refill,
			"restock":  w.restock,
			"close":    w.close,
			"change":   w.change,
			"commit":   w.commit,
			"remember": w.remember,
			"lose":     w.lose,
			// Who has seen nothing does not notice a loss: Redis goes on from there.
			"fork":  func(t *rapid.T) { w.claims(t, w.newStore()) },
			"shut":  w.shutByHand,
			"adopt": w.adopt,
		})
	})
}

type world struct {
	client redis.UniversalClient
	config remotestock.Config
	store  *remotestock.Store // it has taken the readings of all its replies
	id     sale.ID
	model  *model.Sale
	sent   []sale.Claim          // every claim ever sent, for re-sends
	due    map[sale.OrderID]bool // holds made overdue by the test
	kept   []instant
	ledger sale.Chain // what it has committed
	fences int
}

// instant is Redis and the model at one time.
type instant struct {
	keys  keysAt
	model *model.Sale
	due   map[sale.OrderID]bool
}

func (w *world) newStore() *remotestock.Store {
	return remotestock.New(w.client, "n1", w.config, remotestock.Hooks{}, zap.NewNop())
}

func (w *world) open(t *rapid.T) {
	ctx := context.Background()
	w.store, w.due = w.newStore(), map[sale.OrderID]bool{}
	w.id = sale.ID(fmt.Sprintf("model-%d", modelSales.Add(1)))
	d := newSale(string(w.id), rapid.Int64Range(0, 12).Draw(t, "total"))
	d.Lapses = rapid.IntRange(0, 2).Draw(t, "lapses")
	d.Price *= rapid.Int64Range(0, 1).Draw(t, "price")
	if _, err := w.store.Open(ctx, d); err != nil {
		t.Fatal(err)
	}
	p, err := w.store.Page(ctx, w.id, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	w.model = model.New(d, p.Chain.Life, w.config.Ledger)
	w.model.Now, w.model.Settles = p.At, -1
	w.ledger = sale.Chain{Life: p.Chain.Life, Mark: sale.Mark{Epoch: 1, Link: p.Chain.Life}}
	if rapid.Bool().Draw(t, "recorded") {
		w.commit(t)
	}
}

// see has the model compare itself with what the store has seen, as every script does.
func (w *world) see() { w.model.See(w.store.Seen(w.id)) }

// wantKind compares an error with that of the model by what it means.
func wantKind(t *rapid.T, what string, got, want error) {
	for _, kind := range []error{sale.ErrLost, sale.ErrConflict, sale.ErrNoOrder, sale.ErrNoPayment} {
		if errors.Is(got, kind) != errors.Is(want, kind) {
			t.Fatalf("%s: got %v, want %v", what, got, want)
		}
	}
	if (got == nil) != (want == nil) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// claims sends a batch of new claims and of earlier ones again, some of them late.
func (w *world) claims(t *rapid.T, s *remotestock.Store) {
	batch := make([]sale.Claim, rapid.IntRange(1, 6).Draw(t, "batch"))
	for i := range batch {
		if again := w.resendable(); len(again) > 0 && rapid.IntRange(0, 2).Draw(t, "again") == 0 {
			batch[i] = rapid.SampledFrom(again).Draw(t, "claim")
			continue
		}
		buyer := rapid.SampledFrom([]string{"ann", "bob c", "cid", "dee", "éve"}).Draw(t, "buyer")
		batch[i] = claim(buyer, rapid.IntRange(1, 4).Draw(t, "quantity"))
		w.sent = append(w.sent, batch[i])
	}
	late := rapid.IntRange(0, 7).Draw(t, "late") == 0
	if late { // one is, and for the script then all are
		batch = slices.Clone(batch)
		batch[rapid.IntRange(0, len(batch)-1).Draw(t, "which")].Deadline = 1
	}
	w.decide(t, s, batch)
}

func (w *world) decide(t *rapid.T, s *remotestock.Store, batch []sale.Claim) {
	seen := s.Seen(w.id)
	observed := watcher{observe: func(r sale.Reading) { w.model.Now = r.At }}
	got, err := s.Committer(w.id, observed, remotestock.DefaultCommitConfig()).DecideBatch(batch)
	w.model.See(seen)
	// On a slow machine the deadlines of earlier claims pass, too.
	late := slices.ContainsFunc(batch, func(c sale.Claim) bool { return c.Deadline < w.model.Now })
	want, err2 := w.model.Decide(batch, late)
	wantKind(t, "claims", err, err2)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("decisions (-model +redis):\n%s", diff)
	}
}

// resendable are claims that may be sent again: not those whose order has been removed,
// as that waits until they are late.
func (w *world) resendable() []sale.Claim {
	orders := w.model.Records().Orders
	return slices.DeleteFunc(slices.Clone(w.sent), func(c sale.Claim) bool {
		_, known := orders[c.Order]
		return !known
	})
}

func (w *world) anyOrder(t *rapid.T) (sale.Order, bool) {
	orders := w.model.Records().Orders
	if len(orders) == 0 {
		return sale.Order{}, false
	}
	return orders[rapid.SampledFrom(slices.Sorted(maps.Keys(orders))).Draw(t, "order")], true
}

func (w *world) cancel(t *rapid.T) {
	o, ok := w.anyOrder(t)
	if !ok {
		return
	}
	if rapid.IntRange(0, 3).Draw(t, "stranger") == 0 {
		o.Buyer = "mallory"
	}
	w.cancelBy(t, o.ID, o.Buyer)
}

// churn has one buyer hold and cancel again and again.
func (w *world) churn(t *rapid.T) {
	for range rapid.IntRange(1, 6).Draw(t, "times") {
		mine := claim("ann", 1)
		w.sent = append(w.sent, mine)
		w.decide(t, w.store, []sale.Claim{mine})
		w.check(t)
		w.cancelBy(t, mine.Order, mine.Buyer)
		w.check(t)
	}
}

func (w *world) cancelBy(t *rapid.T, order sale.OrderID, buyer sale.Buyer) {
	w.see()
	got, r, err := w.store.Cancel(context.Background(), w.id, 0, order, buyer)
	if err == nil {
		w.model.Now = r.At
	}
	want, err2 := w.model.Cancel(order, buyer)
	wantKind(t, "cancel", err, err2)
	if diff := cmp.Diff(want, got); err == nil && diff != "" {
		t.Fatalf("cancel (-model +redis):\n%s", diff)
	}
}

func (w *world) restock(t *rapid.T) {
	delta := rapid.Int64Range(-4, 4).Filter(func(n int64) bool { return n != 0 }).Draw(t, "delta")
	key := fmt.Sprint(rapid.IntRange(1, 20).Draw(t, "key"))
	w.see()
	got, err := w.store.Restock(context.Background(), w.id, delta, key)
	want, err2 := w.model.Restock(delta, key)
	wantKind(t, "restock", err, err2)
	if got != want {
		t.Fatalf("restock by %d: got total %d, want %d", delta, got, want)
	}
}

// change gives the sale other terms, of which some must not change.
func (w *world) change(t *rapid.T) {
	is := w.model.Records().Sale
	is.Total = w.model.Records().Opened
	switch rapid.IntRange(0, 4).Draw(t, "term") {
	case 0:
		is.Title = rapid.SampledFrom([]string{"Concert", "Postponed"}).Draw(t, "title")
	case 1:
		is.Price = rapid.SampledFrom([]int64{0, 1, is.Price}).Draw(t, "price")
	case 2:
		is.Limit = rapid.IntRange(4, 6).Draw(t, "limit")
	case 3:
		is.Lapses = rapid.IntRange(0, 3).Draw(t, "lapses")
	case 4:
		is.Opens = sale.Instant(rapid.IntRange(0, 1).Draw(t, "opens"))
	}
	w.see()
	err := w.store.Change(context.Background(), w.id, func(d *sale.Sale) error { *d = is; return nil })
	wantKind(t, "change", err, w.model.Change(is))
}

func (w *world) close(t *rapid.T) {
	closed := rapid.IntRange(0, 3).Draw(t, "closed") == 0
	w.see()
	wantKind(t, "close", w.store.SetClosed(context.Background(), w.id, closed), w.model.SetClosed(closed))
}
