package testbed_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/lease"
	"onsale/internal/operate"
	"onsale/internal/remotestock"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

func startEmbedded(t *testing.T, o testbed.EmbeddedOptions) *testbed.Embedded {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := testbed.StartEmbedded(ctx, o, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// The embedded Redis has its own Lua and its own clock: every script that a
// buyer can cause must run there, and holds must end by themselves.
func TestEmbeddedSiteSellsReturnedTickets(t *testing.T) {
	t.Parallel()
	e := startEmbedded(t, testbed.EmbeddedOptions{Nodes: 2})
	definition := adminapi.Definition{ID: "demo", Title: "Demo", Currency: "EUR", Price: 4200, Total: 1, HoldSeconds: 1}
	if err := e.Open(t.Context(), definition); err != nil {
		t.Fatal(err)
	}
	buyers := &site{Site: &testbed.Site{Issuer: e.Issuer}, ctx: t.Context()}
	sale := func(node int) string { return "http://" + e.Nodes[node].Listen + "/v1/sales/demo/orders" }
	order := func(node int, buyer string) answer {
		return buyers.ask(t, http.MethodPost, sale(node), buyer, `{"quantity":1}`)
	}

	first := order(0, "a")
	if first.status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", first)
	}
	if got := order(1, "b"); got.code != "sold-out" {
		t.Errorf("got %+v, want sold-out", got)
	}
	if got := buyers.ask(t, http.MethodDelete, sale(1)+"/"+first.order, "a", ""); got.status != http.StatusOK {
		t.Errorf("cancel: got %+v, want 200", got)
	}
	await.Within(t, 20*time.Second, "the cancelled ticket is sold", func() bool { return order(1, "b").status == http.StatusCreated })
	await.Within(t, 20*time.Second, "the overdue ticket is sold", func() bool { return order(0, "c").status == http.StatusCreated })

	if err := e.Drain(); err != nil {
		t.Error(err)
	}
	audit, err := operate.Audit(t.Context(), operate.StoreFlags{Redis: e.Redis()}, "demo", 0, zap.NewNop())
	if err != nil || len(audit.Faults) > 0 || len(audit.Orders) != 3 {
		t.Errorf("got %d orders, faults %q, %v, want 3 and none", len(audit.Orders), audit.Faults, err)
	}
}

// Window, price, limit and title of a sale were for ever.
func TestASaleIsChangedWhileItSells(t *testing.T) {
	t.Parallel()
	e := startEmbedded(t, testbed.EmbeddedOptions{Nodes: 2})
	if err := e.Open(t.Context(), adminapi.Definition{ID: "demo", Title: "Demo", Currency: "EUR", Price: 100, Total: 10}); err != nil {
		t.Fatal(err)
	}
	buyers := &site{Site: &testbed.Site{Issuer: e.Issuer}, ctx: t.Context()}
	order := func(node int, buyer string, quantity int) answer {
		return buyers.ask(t, http.MethodPost, "http://"+e.Nodes[node].Listen+"/v1/sales/demo/orders", buyer, fmt.Sprintf(`{"quantity":%d}`, quantity))
	}
	change := func(body string, status int) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPatch, "http://"+e.Allocator.Admin+"/admin/v1/sales/demo", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+e.AdminToken)
		a, text, err := answered(r)
		if err != nil {
			t.Fatal(err)
		}
		if a.StatusCode != status {
			t.Fatalf("%s: got %s %s, want %d", body, a.Status, text, status)
		}
	}
	if got := order(0, "a", 3); got.code != "quantity-limit" {
		t.Fatalf("got %+v, want quantity-limit", got)
	}
	change(`{"title":"Postponed","price":250,"limit":3}`, http.StatusOK)
	for node := range e.Nodes {
		await.Within(t, 20*time.Second, "the node knows the higher limit", func() bool {
			return order(node, fmt.Sprint("buyer-", node), 3).status == http.StatusCreated
		})
	}
	change(`{"price":300}`, http.StatusConflict)
	change(`{"limit":2}`, http.StatusConflict)
	change(`{"total":20}`, http.StatusUnprocessableEntity)
	change(`{"closes_at":"2020-01-01T00:00:00Z"}`, http.StatusOK)
	if got := order(0, "late", 1); got.code != "closed" {
		t.Errorf("after it was closed: got %+v, want closed", got)
	}
}

func TestEmbeddedSiteKeepsNamesApart(t *testing.T) {
	t.Parallel()
	e := startEmbedded(t, testbed.EmbeddedOptions{Nodes: 1})
	client, err := remotestock.Dial(remotestock.DefaultConfig(e.Redis().Addrs[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	acquire := func(name string) error {
		return lease.NewName(client, "", name, "127.0.0.1:1", zap.NewNop()).Acquire(t.Context())
	}

	t.Run("and lists them with their addresses", func(t *testing.T) {
		got, err := lease.Nodes(client, "").Members(t.Context())
		if want := map[string]string{e.Nodes[0].Name: e.Nodes[0].Admin + " " + e.Nodes[0].Listen}; err != nil || !maps.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	})
	t.Run("that of a node that lives is refused", func(t *testing.T) {
		if err := acquire(e.Nodes[0].Name); !errors.Is(err, lease.ErrNameTaken) {
			t.Errorf("got %v, want %v", err, lease.ErrNameTaken)
		}
	})
	t.Run("that of a node that died is free when its lease has ended", func(t *testing.T) {
		if err := errors.Join(acquire("dead"), acquire("dead")); err != nil {
			t.Errorf("got %v, want no error", err)
		}
	})
	t.Run("and who loses its own ends the cluster", func(t *testing.T) {
		key := "onsale:lease:node:" + e.Nodes[0].Name
		if err := client.HSet(t.Context(), key, "holder", "another", "until", time.Now().Add(time.Minute).UnixMilli()).Err(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-e.Done():
		case <-time.After(20 * time.Second):
			t.Fatal("got a cluster that goes on, want its end")
		}
		if err := e.Drain(); !errors.Is(err, lease.ErrNameLost) {
			t.Errorf("got %v, want %v", err, lease.ErrNameLost)
		}
	})
}

func TestEmbeddedSiteThatCanNotStartReportsWhy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e, err := testbed.StartEmbedded(ctx, testbed.EmbeddedOptions{Nodes: 1}, zap.NewNop()); e != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v, want nil, %v", e, err, context.Canceled)
	}
}
