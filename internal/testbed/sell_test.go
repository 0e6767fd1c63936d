package testbed_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

func TestSaleSellsOutThroughNginx(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 3, Allocators: 1})
	s.open(t, 5, time.Minute)
	first := s.buy(t, "buyer-0")
	if first.status != http.StatusCreated || first.header.Get("Location") == "" {
		t.Fatalf("got %+v, want 201 with a Location", first)
	}
	if again := s.buy(t, "buyer-0"); again.status != http.StatusOK || again.order != first.order || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same request again: got %+v, want order %s replayed", again, first.order)
	}
	for i := 1; i < 5; i++ {
		if got := s.buy(t, fmt.Sprintf("buyer-%d", i)); got.status != http.StatusCreated {
			t.Fatalf("ticket %d: got %+v, want 201", i, got)
		}
	}
	for i := 5; i < 9; i++ {
		if got := s.buy(t, fmt.Sprintf("buyer-%d", i)); got.code != "sold-out" {
			t.Fatalf("got %+v, want sold-out", got)
		}
	}
	if got := s.ask(t, http.MethodGet, "/v1/sales/demo/orders/mine", "buyer-0", ""); got.order != first.order {
		t.Errorf("mine: got %+v, want %s", got, first.order)
	}
	if got := s.ask(t, http.MethodGet, "/v1/sales/demo/orders/"+first.order, "buyer-1", ""); got.code != "order-unknown" {
		t.Errorf("another's order: got %+v, want order-unknown", got)
	}
	if sold := s.audit(t).Sold(); sold != 5 {
		t.Errorf("got %d sold, want 5", sold)
	}
}

// P5, L6: nobody plans, nobody polls for expiry and nobody moves a line on but the nodes themselves.
func TestReturnedTicketSellsWithEveryAllocatorDead(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 2, Allocators: 1})
	s.open(t, 3, 4*time.Second)
	s.openLine(t, adminapi.Definition{ID: "line", Total: 2, Admission: "line", LineRate: 10})
	for _, a := range s.Allocators {
		if err := a.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	held := map[string]string{}
	for i := range 3 {
		buyer := fmt.Sprintf("early-%d", i)
		got := s.buy(t, buyer)
		if got.status != http.StatusCreated {
			t.Fatalf("got %+v, want 201", got)
		}
		held[buyer] = got.order
	}
	bought := time.Now()
	if got := s.buy(t, "late"); got.code != "sold-out" {
		t.Fatalf("got %+v, want sold-out", got)
	}

	t.Run("after a cancel", func(t *testing.T) {
		if got := s.ask(t, http.MethodDelete, "/v1/sales/demo/orders/"+held["early-0"], "early-0", ""); got.status != http.StatusOK {
			t.Fatalf("cancel: got %+v, want 200", got)
		}
		took := await.Within(t, 3*time.Second, "the cancelled ticket sells", func() bool { return s.buy(t, "late").status == http.StatusCreated })
		t.Logf("sold again after %v", took)
	})
	t.Run("after holds expire", func(t *testing.T) {
		time.Sleep(time.Until(bought.Add(4 * time.Second))) // Redis time itself must pass
		took := await.Within(t, 3*time.Second, "an expired ticket sells", func() bool { return s.buy(t, "later").status == http.StatusCreated })
		t.Logf("sold again after %v", took)
	})
	s.audit(t)
	t.Run("in turn", func(t *testing.T) {
		first, second := s.join(t, "line", "first", "", http.StatusCreated), s.join(t, "line", "second", "", http.StatusCreated)
		await.Until(t, "the first to buy in turn", func() bool { return s.buyInTurn(t, "line", "first", first.Token).status == http.StatusCreated })
		await.Until(t, "the second to buy in turn", func() bool { return s.buyInTurn(t, "line", "second", second.Token).status == http.StatusCreated })
		if sold := s.auditOf(t, "line").Sold(); sold != 2 {
			t.Errorf("got %d sold, want 2", sold)
		}
	})
}

// The edge answers for the nodes, and only "sold out".
func TestNginxAnswersSoldOutItself(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 2, Allocators: 1})
	s.open(t, 1, time.Minute)
	if got := s.buy(t, "first"); got.status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", got)
	}
	before := s.count(t, `onsale_buyerapi_answers_total{code="sold-out",endpoint="place-order"}`)
	const asked = 200
	for i := range asked {
		if got := s.buy(t, fmt.Sprintf("late-%d", i)); got.code != "sold-out" {
			t.Fatalf("got %+v, want sold-out", got)
		}
	}
	if byNodes := s.count(t, `onsale_buyerapi_answers_total{code="sold-out",endpoint="place-order"}`) - before; byNodes > asked/2 {
		t.Errorf("nodes answered %d of %d themselves, want few: is nginx's cache folder open to its workers?", byNodes, asked)
	}
}
