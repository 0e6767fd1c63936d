package testbed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// lossy is a site on which sales lose data, one after the other.
type lossy struct {
	*site
	redis redis.UniversalClient
}

func startLossy(t *testing.T) *lossy {
	t.Helper()
	s := start(t, testbed.Options{Nodes: 2, Allocators: 1, Ledgers: 1})
	client, err := remotestock.Dial(s.StoreConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &lossy{s, client}
}

func definition(id string, total int64) adminapi.Definition {
	return adminapi.Definition{ID: id, Title: "Concert", Price: 4200, Currency: "EUR", Total: total, Limit: 4, HoldSeconds: 600}
}

func (s *lossy) openSale(t *testing.T, id string, total int64) {
	t.Helper()
	if err := s.Open(s.ctx, definition(id, total)); err != nil {
		t.Fatal(err)
	}
}

func (s *lossy) buyOf(t *testing.T, id, buyer string) answer {
	t.Helper()
	return s.ask(t, http.MethodPost, "/v1/sales/"+id+"/orders", buyer, `{"quantity":1}`)
}

// sell has buyers buy one ticket each, and returns their orders.
func (s *lossy) sell(t *testing.T, id, prefix string, count int) map[string]string {
	t.Helper()
	orders := map[string]string{}
	for i := range count {
		buyer := fmt.Sprintf("%s%d", prefix, i)
		got := s.buyOf(t, id, buyer)
		if got.status != http.StatusCreated {
			t.Fatalf("%s of %s: got %+v, want 201", buyer, id, got)
		}
		orders[buyer] = got.order
	}
	return orders
}

// committed waits until the ledger has everything.
func (s *lossy) committed(t *testing.T, id string) {
	t.Helper()
	eventually(t, 10*time.Second, "the ledger has everything of "+id, func() bool {
		waiting, _, _, err := s.store.Backlog(s.ctx, sale.ID(id))
		return err == nil && waiting == 0
	})
}

// keep copies all keys of the sale as they are now; the function that it returns puts them
// back, as a Redis does that comes back older.
func (s *lossy) keep(t *testing.T, id string) (restore func()) {
	t.Helper()
	dumps := map[string]string{}
	for _, key := range remotestock.Keys(sale.ID(id)) {
		if dump, err := s.redis.Dump(s.ctx, key).Result(); err == nil {
			dumps[key] = dump
		}
	}
	return func() {
		t.Helper()
		_, err := s.redis.TxPipelined(s.ctx, func(p redis.Pipeliner) error {
			p.Del(s.ctx, remotestock.Keys(sale.ID(id))...)
			for key, dump := range dumps {
				p.Restore(s.ctx, key, 0, dump)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// payFor sends the provider's message that an order was paid, which is always answered 200.
func (s *lossy) payFor(t *testing.T, id, order string, amount int64) {
	t.Helper()
	if status, text, _ := s.webhook(t, s.messageOf(id, order, amount, s.Payments)); status != http.StatusOK {
		t.Fatalf("got %d %s, want 200", status, text)
	}
}

// sellsAgain waits until the sale has been reconciled and a new buyer gets a ticket.
func (s *lossy) sellsAgain(t *testing.T, id, buyer string) (took time.Duration) {
	t.Helper()
	var last answer
	defer func() {
		if t.Failed() {
			t.Logf("last answer %+v; ledger:\n%s", last, s.Ledgers[0].Tail())
		}
	}()
	return eventually(t, 20*time.Second, id+" sells again", func() bool {
		last = s.buyOf(t, id, buyer)
		return last.status == http.StatusCreated || last.status == http.StatusOK
	})
}

// reconciled waits until the sale has begun a new epoch and the ledger has recorded it.
func (s *lossy) reconciled(t *testing.T, id string) {
	t.Helper()
	eventually(t, 20*time.Second, id+" is reconciled", func() bool {
		p, err := s.store.Page(s.ctx, sale.ID(id), "", 0)
		return err == nil && p.Lost == "" && p.Chain.Epoch > 1 && p.Read == p.Chain.Seq
	})
}

// wantAll fails where an acknowledged order is not live in both records, or the records are
// not clean.
func (s *lossy) wantAll(t *testing.T, id string, orders ...map[string]string) operate.Audited {
	t.Helper()
	s.committed(t, id)
	a, err := operate.Audit(s.ctx, s.Stores(), sale.ID(id), 0, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Faults {
		t.Error("audit: " + f)
	}
	for _, list := range orders {
		for buyer, order := range list {
			o, known := a.Orders[sale.OrderID(order)]
			if !known || !o.State.Live() || o.Buyer != sale.Buyer(buyer) {
				t.Errorf("%s's acknowledged order %s: got %+v, want it live", buyer, order, o)
			}
		}
	}
	if sold := a.Sold(); sold > a.Counters.Total {
		t.Errorf("got %d of %d sold", sold, a.Counters.Total)
	}
	return a
}

// One site for all: each loss is another sale's.
func TestLosses(t *testing.T) {
	t.Parallel()
	s := startLossy(t)
	t.Run("a paid order whose events were lost is not deleted (A1)", func(t *testing.T) { aPaidOrderWhoseEventsWereLost(t, s) })
	t.Run("a sale that Redis lost is not opened twice (A2)", func(t *testing.T) { aSaleIsNotOpenedTwice(t, s) })
	t.Run("a Redis that comes back older is noticed and brought up to date (A3)", func(t *testing.T) { anOlderRedis(t, s) })
	t.Run("holds that Redis alone had come from the nodes' memory (A6)", func(t *testing.T) { holdsFromMemory(t, s) })
	t.Run("a payment without an order is recorded (A7)", func(t *testing.T) { aPaymentWithoutAnOrder(t, s) })
	t.Run("free orders stay paid, also those that nodes alone remember", func(t *testing.T) { freeOrders(t, s) })
	t.Run("a database that lost a sale gets it from Redis", func(t *testing.T) { anEmptyLedger(t, s) })
}

func aPaidOrderWhoseEventsWereLost(t *testing.T, s *lossy) {
	s.openSale(t, "a1", 1)
	s.committed(t, "a1")
	if err := s.Ledgers[0].Pause(); err != nil {
		t.Fatal(err)
	}
	orders := s.sell(t, "a1", "ann", 1)
	s.payFor(t, "a1", orders["ann0"], 4200)
	if err := s.redis.XTrimMaxLen(s.ctx, "{a1}:events", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ledgers[0].Resume(); err != nil {
		t.Fatal(err)
	}
	s.reconciled(t, "a1")
	eventually(t, 20*time.Second, "the sale answers again", func() bool { return s.buyOf(t, "a1", "bob").code == "sold-out" })
	a := s.wantAll(t, "a1", orders)
	if o := a.Book.Orders[sale.OrderID(orders["ann0"])]; o.State != sale.StatePaid || len(a.Book.Payments) != 1 {
		t.Errorf("ledger: got %+v and %d payments, want it paid by one", o, len(a.Book.Payments))
	}
	if got := s.ask(t, http.MethodGet, "/v1/sales/a1/orders/mine", "ann0", ""); got.status != http.StatusOK || got.order != orders["ann0"] {
		t.Errorf("mine: got %+v, want the paid order", got)
	}
}

func aSaleIsNotOpenedTwice(t *testing.T, s *lossy) {
	s.openSale(t, "a2", 100)
	orders := s.sell(t, "a2", "buyer", 60)
	s.committed(t, "a2")
	if err := s.redis.Del(s.ctx, append(remotestock.Keys("a2"), "onsale:lease:ledger:a2")...).Err(); err != nil {
		t.Fatal(err)
	}
	s.redis.SRem(s.ctx, "onsale:sales", "a2")
	body, err := json.Marshal(definition("a2", 100))
	if err != nil {
		t.Fatal(err)
	}
	// The ledger may have brought the sale back before: then it is opened already, with what it sold.
	if answer, err := s.AdminCall(s.ctx, http.MethodPost, "/admin/v1/sales", body); err == nil && !strings.Contains(string(answer), `"held": 60`) {
		t.Errorf("opened again: got %s, want it refused", answer)
	} else if err != nil && !strings.Contains(err.Error(), "409") && !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v, want a conflict", err)
	}
	s.sellsAgain(t, "a2", "late")
	sold := 0
	for i := range 60 {
		if s.buyOf(t, "a2", fmt.Sprintf("new%d", i)).status == http.StatusCreated {
			sold++
		}
	}
	if sold != 39 {
		t.Errorf("got %d more sold after the first, want 39: 60 are held", sold)
	}
	s.wantAll(t, "a2", orders)
}

func anOlderRedis(t *testing.T, s *lossy) {
	s.openSale(t, "a3", 20)
	orders := s.sell(t, "a3", "early", 5)
	s.committed(t, "a3")
	restore := s.keep(t, "a3")
	more := s.sell(t, "a3", "ann", 5)
	s.committed(t, "a3")
	restore()
	shut := eventually(t, 2*time.Second, "the loss is noticed", func() bool {
		v, err := s.store.Page(s.ctx, "a3", "", 0)
		return err == nil && (v.Lost != "" || v.Chain.Epoch > 1)
	})
	took := s.sellsAgain(t, "a3", "bob")
	t.Logf("noticed after %v, selling again %v later", shut, took)
	sold := 0
	for i := range 20 {
		if s.buyOf(t, "a3", fmt.Sprintf("cid%d", i)).status == http.StatusCreated {
			sold++
		}
	}
	a := s.wantAll(t, "a3", orders, more)
	if sold != 9 || a.Sold() != 20 {
		t.Errorf("got %d sold to the rest and %d in all, want 9 and 20", sold, a.Sold())
	}
}

func holdsFromMemory(t *testing.T, s *lossy) {
	s.openSale(t, "a6", 30)
	orders := s.sell(t, "a6", "early", 3)
	s.committed(t, "a6")
	if err := s.Ledgers[0].Pause(); err != nil {
		t.Fatal(err)
	}
	more := s.sell(t, "a6", "ann", 10)
	if err := s.redis.FlushAll(s.ctx).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ledgers[0].Resume(); err != nil {
		t.Fatal(err)
	}
	took := s.sellsAgain(t, "a6", "bob")
	t.Logf("selling again after %v", took)
	if a := s.wantAll(t, "a6", orders, more); a.Sold() != 14 {
		t.Errorf("got %d sold, want 14", a.Sold())
	}
}

func aPaymentWithoutAnOrder(t *testing.T, s *lossy) {
	s.openSale(t, "a7", 3)
	s.payFor(t, "a7", "01890a5d-ac96-774b-bcce-b302099a8057", 4200)
	list, err := s.AdminCall(s.ctx, http.MethodGet, "/admin/v1/sales/a7/refunds", nil)
	if err != nil || !strings.Contains(string(list), "01890a5d-ac96-774b-bcce-b302099a8057") || !strings.Contains(string(list), `"orphan"`) {
		t.Errorf("refunds: got %s, %v, want the payment as an orphan", list, err)
	}
	s.committed(t, "a7")
	s.wantAll(t, "a7")
	alarms := gauge(s.Nodes[0], "onsale_buyerapi_orphan_payments_total") + gauge(s.Nodes[1], "onsale_buyerapi_orphan_payments_total")
	if alarms != 1 {
		t.Errorf("metric: got %v, want 1", alarms)
	}
}

func anEmptyLedger(t *testing.T, s *lossy) {
	s.openSale(t, "db", 10)
	orders := s.sell(t, "db", "ann", 4)
	s.committed(t, "db")
	db, err := pgx.Connect(s.ctx, s.Postgres.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	for _, table := range []string{"orders WHERE sale = 'db'", "sales WHERE id = 'db'", "readers WHERE sale = 'db'"} {
		if _, err := db.Exec(s.ctx, "DELETE FROM "+table); err != nil {
			t.Fatal(err)
		}
	}
	s.sellsAgain(t, "db", "bob")
	eventually(t, 20*time.Second, "the ledger has the sale again", func() bool {
		a, err := operate.Audit(s.ctx, s.Stores(), "db", 0, zap.NewNop())
		return err == nil && a.Book != nil && len(a.Book.Orders) >= 5
	})
	s.wantAll(t, "db", orders)
}
