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
	"go.uber.org/zap"

	"onsale/internal/operate"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

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
	await.Within(t, 20*time.Second, "the sale answers again", func() bool { return s.buyOf(t, "a1", "bob").code == "sold-out" })
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
	shut := await.Within(t, 2*time.Second, "the loss is noticed", func() bool {
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
	await.Within(t, 20*time.Second, "the ledger has the sale again", func() bool {
		a, err := operate.Audit(s.ctx, s.Stores(), "db", 0, zap.NewNop())
		return err == nil && a.Book != nil && len(a.Book.Orders) >= 5
	})
	s.wantAll(t, "db", orders)
}
