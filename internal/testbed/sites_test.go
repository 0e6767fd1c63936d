package testbed_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/keyspace"
	"onsale/internal/operate"
	"onsale/internal/payment"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

// startTwo starts a site, and a second one in the same Redis as a user who may touch the keys
// of the prefix "shop" alone. They share the keys that sign tokens and payments, so that
// nothing but the keys in Redis keeps their orders apart.
func startTwo(t *testing.T) (one, two *lossy) {
	t.Helper()
	issuer, provider := testbed.NewIssuer(), payment.NewSecret()
	o := testbed.Options{Nodes: 1, Allocators: 1, Ledgers: 1, Issuer: issuer, Payments: provider}
	one = dialed(t, start(t, o))
	prefix := keyspace.Prefix("shop")
	rules := []any{"acl", "setuser", "shop", "on", ">secret"}
	for _, rule := range remotestock.Rights(prefix) {
		rules = append(rules, rule)
	}
	if err := one.redis.Do(one.ctx, rules...).Err(); err != nil {
		t.Fatal(err)
	}
	o.Share = &testbed.Share{With: one.Site, Site: "shop", Prefix: prefix, Username: "shop", Password: "secret"}
	return one, dialed(t, start(t, o))
}

func dialed(t *testing.T, s *site) *lossy {
	t.Helper()
	client, err := remotestock.Dial(s.StoreConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &lossy{s, client}
}

// wantSales fails the test unless the site has these sales, in Redis or in its ledger.
func (s *lossy) wantSales(t *testing.T, want ...sale.ID) {
	t.Helper()
	got, err := operate.Sales(s.ctx, s.Stores(), zap.NewNop())
	if slices.Sort(got); err != nil || !slices.Equal(got, want) {
		t.Errorf("got the sales %q (%v), want %q", got, err, want)
	}
}

// A second site in the same Redis listed the first one's sales, sold its tickets, and read and
// cancelled its orders.
func TestTwoSitesInOneRedisShareNothing(t *testing.T) {
	t.Parallel()
	one, two := startTwo(t)
	one.openSale(t, "demo", 10)
	two.openSale(t, "demo", 5)
	two.openSale(t, "second", 5)
	one.wantSales(t, "demo")
	two.wantSales(t, "demo", "second")

	mine := one.sell(t, "demo", "ann", 1)["ann0"]
	if other := two.sell(t, "demo", "ann", 1)["ann0"]; other == mine {
		t.Errorf("got the order %s of the other site", other)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if got := two.ask(t, method, "/v1/sales/demo/orders/"+mine, "ann0", ""); got.status != http.StatusNotFound {
			t.Errorf("%s of the other site's order: got %+v, want 404", method, got)
		}
	}
	if _, err := two.AdminCall(two.ctx, http.MethodGet, "/admin/v1/sales/demo/orders/"+mine, nil); err == nil {
		t.Error("an operator read the other site's order")
	}
	two.payFor(t, "nowhere", mine, 4200)
	for name, c := range map[string]struct {
		*lossy
		want int
	}{"one": {one, 0}, "two": {two, 1}} {
		page, err := c.store.Orphans(c.ctx, sale.PaymentDue, "", 10)
		if err != nil || len(page.Orphans) != c.want {
			t.Errorf("site %s: got the orphans %v (%v), want %d", name, page.Orphans, err, c.want)
		}
	}

	// The second site sells out, is reconciled and archived.
	two.sell(t, "demo", "buyer", 4)
	two.committed(t, "demo")
	plan, err := operate.Reconcile(two.ctx, two.Stores(), app.AdminFlags{TokenFile: filepath.Join(two.Dir, "admin-token")}, "demo",
		operate.ReconcileOptions{Force: true, Wait: 20 * time.Second}, func(string) {}, zap.NewNop())
	if err != nil || plan.Epoch != 2 {
		t.Fatalf("reconcile: got epoch %d, %v, want 2", plan.Epoch, err)
	}
	two.reconciled(t, "demo")
	two.wantAll(t, "demo")
	if _, err := two.AdminCall(two.ctx, http.MethodPost, "/admin/v1/sales/second/close", nil); err != nil {
		t.Fatal(err)
	}
	var archived error
	await.Within(t, 20*time.Second, "the sale is archived", func() bool {
		archived = operate.Archive(two.ctx, two.Stores(), "second", zap.NewNop())
		return !errors.Is(archived, sale.ErrConflict) // the ledger may not have recorded the closing yet
	})
	if archived != nil {
		t.Fatal(archived)
	}

	one.committed(t, "demo")
	found := one.wantAll(t, "demo", map[string]string{"ann0": mine})
	if found.Counters.Held != 1 || found.Counters.Total != 10 || found.Chain.Mark.Epoch != 1 {
		t.Errorf("got %+v in epoch %d, want one hold of ten in the first", found.Counters, found.Chain.Mark.Epoch)
	}
	one.sell(t, "demo", "bob", 1)
	one.wantKeys(t)
	one.wantNothingDenied(t)
}

// wantNothingDenied fails the test where Redis refused a command, a key or a password to a program of the second site.
func (s *lossy) wantNothingDenied(t *testing.T) {
	t.Helper()
	denied, err := s.redis.ACLLog(s.ctx, 100).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range denied {
		t.Errorf("Redis refused %s %q, %s, to %s, %d times", d.Reason, d.Object, d.Context, d.Username, d.Count)
	}
}

// wantKeys fails the test where a key is of neither site.
func (s *lossy) wantKeys(t *testing.T) {
	t.Helper()
	count := map[string]int{}
	for keys := s.redis.Scan(s.ctx, 0, "", 1000).Iterator(); keys.Next(s.ctx); {
		switch key := keys.Val(); {
		case strings.HasPrefix(key, "{"), strings.HasPrefix(key, "onsale:"):
			count["one"]++
		case strings.HasPrefix(key, "shop:"):
			count["two"]++
		default:
			t.Errorf("got the key %q, want it of one of the sites", key)
		}
	}
	if count["one"] == 0 || count["two"] == 0 {
		t.Errorf("got %v keys, want some of each site", count)
	}
}

// free is a free address on loopback.
func free(t *testing.T) string {
	t.Helper()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return process.Loopback(port)
}

// Programs of another site are refused before they change anything, and so are those that
// were given another site's database.
func TestProgramsOfAnotherSiteAreRefused(t *testing.T) {
	t.Parallel()
	one, two := startTwo(t)
	one.openSale(t, "demo", 10)
	order := one.sell(t, "demo", "ann", 1)
	one.committed(t, "demo")
	empty := strings.Replace(one.Postgres.URL(), "/onsale?", "/postgres?", 1)
	foreign := func(name string, m *testbed.Member, want string, flags ...string) {
		t.Helper()
		other := *m
		other.Name += "-" + name
		if err := other.StartWith(flags...); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { other.Kill() })
		await.Within(t, 30*time.Second, name+" ends", func() bool { return !other.Running() })
		if log := other.Tail(); !strings.Contains(log, want) {
			t.Errorf("%s: got %s, want it to name %q", name, log, want)
		}
	}
	// Of the same names, so that they are refused before these are asked for.
	foreign("node", one.Nodes[0], `it is of the site "onsale"`, "--site", "other", "--admin", "127.0.0.1:0", "--listen", free(t), "--gossip-bind", free(t))
	foreign("allocator", one.Allocators[0], `it is of the site "onsale"`, "--site", "other", "--admin", "127.0.0.1:0", "--gossip-bind", free(t))
	foreign("ledger", one.Ledgers[0], `it is of the site "onsale"`, "--site", "other", "--admin", "127.0.0.1:0")
	foreign("ledger-with-the-others-database", one.Ledgers[0], `of the site "shop"`, "ONSALE_DATABASE_URL="+two.Postgres.URL(), "--admin", "127.0.0.1:0")
	foreign("ledger-with-an-empty-database", one.Ledgers[0], "this one's database is empty", "ONSALE_DATABASE_URL="+empty, "--admin", "127.0.0.1:0")

	at := one.Stores()
	at.Site.Name = "shop"
	if _, err := operate.Audit(one.ctx, at, "demo", 0, zap.NewNop()); !errors.Is(err, remotestock.ErrSite) {
		t.Errorf("audit under another name: got %v, want %v", err, remotestock.ErrSite)
	}
	at = one.Stores()
	at.Database = two.Stores().Database
	if err := operate.Archive(one.ctx, at, "demo", zap.NewNop()); !errors.Is(err, remotestock.ErrSite) {
		t.Errorf("archive to another database: got %v, want %v", err, remotestock.ErrSite)
	}
	one.wantAll(t, "demo", order)

	// A database that was lost is replaced by an empty one, once no other ledger runs.
	if err := one.Ledgers[0].Stop(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := one.Ledgers[0].StartWith("ONSALE_DATABASE_URL=" + empty); err != nil {
		t.Fatal(err)
	}
	one.reconciled(t, "demo")
	at = one.Stores()
	at.Database.URL = empty
	found, err := operate.Audit(one.ctx, at, "demo", 0, zap.NewNop())
	if err != nil || len(found.Faults) > 0 || len(found.Book.Orders) != 1 {
		t.Errorf("got %v and %v, want one order without a fault", err, found.Faults)
	}
}
