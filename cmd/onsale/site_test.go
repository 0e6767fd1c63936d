package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// records is a real site with a ledger, for commands that look at what it keeps.
type records struct {
	*testbed.Site
	ctx     context.Context
	redis   redis.UniversalClient
	store   *remotestock.Store
	secrets string // file of the payment provider's
	stores  string // file of settings that name Redis and the ledger
}

func startRecords(t *testing.T) *records {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience) // it is shared by some dozens of cases
	c, err := testbed.Start(ctx, testbed.Options{Nodes: 1, Allocators: 1, Ledgers: 1, NodeArgs: []string{"--drain-delay", "0s"}, LedgerArgs: []string{"--no-auto-reconcile"}})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	config := remotestock.DefaultConfig(c.Redis.Addr())
	config.Call = patience
	client, err := remotestock.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	r := &records{
		Site: c, ctx: ctx, redis: client, secrets: filepath.Join(t.TempDir(), "secret"),
		store: remotestock.New(client, "test", config, remotestock.Hooks{}, zap.NewNop()),
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		client.Close()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	r.stores = filepath.Join(c.Dir, "onsale.yaml")
	err = os.WriteFile(r.stores, storesFile(c.Stores()), 0o600)
	if err := errors.Join(err, c.Payments.Save(r.secrets)); err != nil {
		t.Fatal(err)
	}
	return r
}

// sell opens a sale of so many tickets at 1.00 EUR.
func (r *records) sell(t *testing.T, id string, tickets int64) {
	t.Helper()
	d := adminapi.Definition{ID: id, Title: "Sale of " + id, Subtitle: "An evening", Currency: "EUR", Price: 100, Total: tickets, Limit: 4}
	if err := r.Open(r.ctx, d); err != nil {
		t.Fatal(err)
	}
}

// ask sends a buyer's request.
func (r *records) ask(t *testing.T, method, path, buyer, body string) (status int, text string) {
	t.Helper()
	return ask(r.ctx, t, r.Site, method, path, buyer, body)
}

// ask sends a buyer's request to a site.
func ask(ctx context.Context, t *testing.T, s *testbed.Site, method, path, buyer, body string) (status int, text string) {
	t.Helper()
	token, err := s.Issuer.Token(buyer, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.Front()+"/v1/sales/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header["Idempotency-Key"] = nil // net/http may send it again: Nginx closes idle connections when it reloads
	answer, text, err := answered(http.DefaultClient, request)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, text
}

func (r *records) buy(t *testing.T, id, buyer string, quantity int) (status int, text string) {
	t.Helper()
	return r.ask(t, http.MethodPost, id+"/orders", buyer, fmt.Sprintf(`{"quantity":%d}`, quantity))
}

// hold buys, and returns the order's id.
func (r *records) hold(t *testing.T, id, buyer string, quantity int) string {
	t.Helper()
	status, text := r.buy(t, id, buyer, quantity)
	if status != http.StatusCreated {
		t.Fatalf("%s buys: got %d %s, want 201", buyer, status, text)
	}
	return idOf(t, text)
}

// pay runs the command for an order of so many tickets.
func (r *records) pay(t *testing.T, id, order string, quantity int, more ...string) (string, error) {
	t.Helper()
	return finished(t, append([]string{"pay", order, "--sale", id, "--quantity", fmt.Sprint(quantity), "--front", r.Front(), "--secrets", r.secrets}, more...)...)
}

// mustPay wants the order paid.
func (r *records) mustPay(t *testing.T, id, order string, quantity int, more ...string) {
	t.Helper()
	if out, err := r.pay(t, id, order, quantity, more...); err != nil {
		t.Fatalf("got %v and %s, want it paid", err, out)
	}
}

// admin calls the admin API, whose answer may be taken apart.
func (r *records) admin(t *testing.T, path, body string, v any) {
	t.Helper()
	raw, err := r.AdminCall(r.ctx, http.MethodPost, "/admin/v1/sales/"+path, []byte(body), "Idempotency-Key", "key-1")
	if err == nil && v != nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// flags name the stores, as audit and reconcile want them.
func (r *records) flags(args ...string) []string {
	return append(args, "--config", r.stores)
}

// settled is what Redis holds of the sale once the ledger has all of it.
func (r *records) settled(t *testing.T, id sale.ID) sale.Snapshot {
	t.Helper()
	for {
		s, err := r.store.Snapshot(r.ctx, id)
		if err != nil {
			t.Fatalf("sale %s: %v", id, err)
		}
		if len(s.Stream) == 0 {
			return s
		}
		<-time.After(10 * time.Millisecond)
	}
}

// sql runs a statement in the ledger's database. That any program may write there is what
// the audit is for.
func (r *records) sql(t *testing.T, statement string) {
	t.Helper()
	bin, err := process.FindPostgres()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(r.ctx, filepath.Join(bin, "psql"), r.Postgres.URL(), "-v", "ON_ERROR_STOP=1", "-c", statement).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", statement, err, out)
	}
}

// until has a buyer ask for a ticket until the answer is the one wanted.
func (r *records) until(t *testing.T, id, buyer, what string, wanted func(status int) bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); ; <-time.After(20 * time.Millisecond) {
		status, text := r.buy(t, id, buyer, 1)
		if wanted(status) {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("not within 10 s: %s; the last answer is %d %s", what, status, text)
		}
	}
}
