package testbed_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
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
	await.Within(t, 10*time.Second, "the ledger has everything of "+id, func() bool {
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
	return await.Within(t, 20*time.Second, id+" sells again", func() bool {
		last = s.buyOf(t, id, buyer)
		return last.status == http.StatusCreated || last.status == http.StatusOK
	})
}

// reconciled waits until the sale has begun a new epoch and the ledger has recorded it.
func (s *lossy) reconciled(t *testing.T, id string) {
	t.Helper()
	await.Within(t, 20*time.Second, id+" is reconciled", func() bool {
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
