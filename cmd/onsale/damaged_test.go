package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// damaged is a site whose ledger reconciles nothing by itself.
type damaged struct {
	*testbed.Site
	ctx   context.Context
	store *remotestock.Store
	redis redis.UniversalClient
	db    *pgx.Conn
}

func startDamaged(t *testing.T) *damaged {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	c, err := testbed.Start(ctx, testbed.Options{
		Nodes: 2, Allocators: 1, Ledgers: 1, NodeArgs: []string{"--drain-delay", "0s"}, LedgerArgs: []string{"--no-auto-reconcile"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the ledger's log:\n%s", c.Ledgers[0].Tail())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	config := c.StoreConfig()
	client, err := remotestock.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	db, err := pgx.Connect(ctx, c.Postgres.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	t.Setenv("ONSALE_REDIS_ADDR", c.Redis.Addr())
	t.Setenv("ONSALE_DATABASE_URL", c.Postgres.URL())
	t.Setenv("ONSALE_ADMIN_TOKEN_FILE", filepath.Join(c.Dir, "admin-token"))
	return &damaged{c, ctx, remotestock.New(client, "test", config, remotestock.Hooks{}, zap.NewNop()), client, db}
}

func (d *damaged) open(t *testing.T, id string, total int64) {
	t.Helper()
	err := d.Open(d.ctx, adminapi.Definition{ID: id, Title: "Concert", Price: 100, Currency: "EUR", Total: total, HoldSeconds: 600})
	if err != nil {
		t.Fatal(err)
	}
}

// buy has a buyer buy, and returns the order, or "" where the answer is no order.
func (d *damaged) buy(t *testing.T, id, buyer string) (order string) {
	t.Helper()
	status, text := ask(d.ctx, t, d.Site, http.MethodPost, id+"/orders", buyer, `{"quantity":1}`)
	var doc struct{ ID string }
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if status/100 != 2 {
		return ""
	}
	return doc.ID
}

func (d *damaged) sell(t *testing.T, id, prefix string, count int, into map[string]string) {
	t.Helper()
	for i := range count {
		buyer := fmt.Sprint(prefix, i)
		if into[buyer] = d.buy(t, id, buyer); into[buyer] == "" {
			t.Fatalf("%s of %s: got no order", buyer, id)
		}
	}
}

func (d *damaged) committed(t *testing.T, id string) {
	t.Helper()
	await.Until(t, "the ledger has all of "+id, func() bool {
		p, err := d.store.Page(d.ctx, sale.ID(id), "", 0)
		return err == nil && p.Waiting == 0 && p.Read == p.Chain.Seq
	})
}

// keys copies the sale's keys; the function puts them back.
func (d *damaged) keys(t *testing.T, id string) (restore func()) {
	t.Helper()
	dumps := map[string]string{}
	for _, key := range remotestock.Keys(sale.ID(id)) {
		if dump, err := d.redis.Dump(d.ctx, key).Result(); err == nil {
			dumps[key] = dump
		}
	}
	return func() {
		t.Helper()
		d.lose(t, id)
		for key, dump := range dumps {
			if err := d.redis.Restore(d.ctx, key, 0, dump).Err(); err != nil {
				t.Fatal(err)
			}
		}
		d.redis.SAdd(d.ctx, "onsale:sales", id)
	}
}

func (d *damaged) lose(t *testing.T, id string) {
	t.Helper()
	if err := errorsOf(d.redis.Del(d.ctx, remotestock.Keys(sale.ID(id))...).Err(), d.redis.SRem(d.ctx, "onsale:sales", id).Err()); err != nil {
		t.Fatal(err)
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *damaged) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := d.db.Exec(d.ctx, s); err != nil {
			t.Fatal(err)
		}
	}
}

// rows keeps what the ledger has of a sale; the function puts it back, as a backup does.
func (d *damaged) rows(t *testing.T, id string) (restore func()) {
	t.Helper()
	tables := map[string]string{"sales": "id", "restocks": "sale", "orders": "sale", "payments": "sale"}
	for table, column := range tables {
		d.exec(t, fmt.Sprintf("CREATE TEMP TABLE kept_%s_%s AS SELECT * FROM %s WHERE %s = '%s'", table, id, table, column, id))
	}
	return func() {
		t.Helper()
		for _, table := range []string{"payments", "orders", "restocks", "sales"} {
			d.exec(t, fmt.Sprintf("DELETE FROM %s WHERE %s = '%s'", table, tables[table], id))
		}
		for _, table := range []string{"sales", "restocks", "orders", "payments"} {
			d.exec(t, fmt.Sprintf("INSERT INTO %s SELECT * FROM kept_%s_%s", table, table, id))
		}
	}
}

func (d *damaged) pauseLedger(t *testing.T) (resume func()) {
	t.Helper()
	if err := d.Ledgers[0].Pause(); err != nil {
		t.Fatal(err)
	}
	resumed := false
	resume = func() {
		t.Helper()
		if resumed {
			return
		}
		resumed = true
		if err := d.Ledgers[0].Resume(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(resume) // a section that failed must not keep the others from the ledger
	return resume
}

// writeFormer writes a sale as versions before the chain of events did.
func (d *damaged) writeFormer(t *testing.T, v sale.Snapshot) {
	t.Helper()
	key := "{" + string(v.Sale.ID) + "}"
	definition := v.Sale
	definition.Total = v.Opened
	fields := []any{
		"total", v.Counters.Total, "remaining", v.Counters.Remaining, "held", v.Counters.Held, "paid", v.Counters.Paid,
		"stock", int64(v.At), "plan", 0, "fence", 0, "closed", 0,
	}
	for _, text := range definition.Encode() {
		fields = append(fields, text)
	}
	errs := []error{d.redis.HSet(d.ctx, key, fields...).Err(), d.redis.SAdd(d.ctx, "onsale:sales", string(v.Sale.ID)).Err()}
	for id, o := range v.Orders {
		errs = append(errs,
			d.redis.HSet(d.ctx, key+":orders", string(id), fmt.Sprintf("%s %d %d %d %s", o.State, o.Quantity, o.Created, o.Expires, o.Buyer)).Err(),
			d.redis.HSet(d.ctx, key+":buyers", string(o.Buyer), string(id)).Err(),
			d.redis.ZAdd(d.ctx, key+":deadlines", redis.Z{Score: float64(o.Expires), Member: string(id)}).Err())
	}
	if err := errorsOf(errs...); err != nil {
		t.Fatal(err)
	}
}
