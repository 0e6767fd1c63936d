package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// walk is one section of docs/runbook/recovery.md: its title and the commands under it.
type walk struct {
	title    string
	commands [][]string
}

// walks reads the page. Only sections with commands are walks.
func walks(t *testing.T) map[string]walk {
	t.Helper()
	page, err := os.ReadFile("../../docs/runbook/recovery.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]walk{}
	for _, section := range strings.Split(string(page), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		w := walk{title: title}
		for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(body, -1) {
			for line := range strings.Lines(block[1]) {
				if words := strings.Fields(line); len(words) > 0 && words[0] == "onsale" {
					w.commands = append(w.commands, words[1:])
				}
			}
		}
		if len(w.commands) > 0 {
			found[title] = w
		}
	}
	return found
}

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
	token, err := d.Issuer.Token(buyer, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(d.ctx, http.MethodPost, d.Front()+"/v1/sales/"+id+"/orders", bytes.NewReader([]byte(`{"quantity":1}`)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header["Idempotency-Key"] = nil // http may send it again
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var doc struct{ ID string }
	if err := json.NewDecoder(got.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if got.StatusCode/100 != 2 {
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

func (d *damaged) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20s: %s; ledger:\n%s", what, d.Ledgers[0].Tail())
		}
	}
}

func (d *damaged) committed(t *testing.T, id string) {
	t.Helper()
	d.await(t, "the ledger has all of "+id, func() bool {
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

// damages are what is done before each section's commands. They sell, note every
// acknowledged order in orders, and damage a record.
var damages = map[string]func(t *testing.T, d *damaged, id string, orders map[string]string){
	"Redis came back empty": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		resume := d.pauseLedger(t)
		d.sell(t, id, "bob", 3, orders) // the nodes alone remember these
		d.lose(t, id)
		resume()
	},
	"Redis came back older": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		restore := d.keys(t, id)
		d.sell(t, id, "bob", 3, orders)
		d.committed(t, id)
		restore()
	},
	"Redis went back and sold on": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		resume := d.pauseLedger(t)
		restore := d.keys(t, id)
		d.sell(t, id, "bob", 3, orders)
		resume()
		d.committed(t, id)
		resume = d.pauseLedger(t)
		restore()
		// Nobody who has seen the first history asks: another program sells.
		other := remotestock.New(d.redis, "other", d.StoreConfig(), remotestock.Hooks{}, zap.NewNop())
		c := other.Committer(sale.ID(id), remotestock.NoWatcher, remotestock.DefaultCommitConfig())
		for i := range 2 {
			got, err := c.Decide(sale.Claim{
				Order: sale.OrderID(fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a80%02d", i)), Buyer: sale.Buyer(fmt.Sprint("bob", i)), Quantity: 1,
				Deadline: sale.Instant(time.Now().Add(5 * time.Second).UnixMilli()),
			})
			if err != nil || got.Outcome != sale.Held {
				t.Fatalf("got %v, %v, want a hold in the other history", got.Outcome, err)
			}
		}
		resume()
	},
	"Events were lost": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		resume := d.pauseLedger(t)
		d.sell(t, id, "bob", 3, orders)
		if err := d.redis.XTrimMaxLen(d.ctx, "{"+id+"}:events", 1).Err(); err != nil {
			t.Fatal(err)
		}
		resume()
	},
	"The database is empty": func(t *testing.T, d *damaged, id string, _ map[string]string) {
		d.exec(t, "DELETE FROM orders WHERE sale = '"+id+"'", "DELETE FROM sales WHERE id = '"+id+"'")
	},
	"The database is older": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		restore := d.rows(t, id)
		d.sell(t, id, "bob", 3, orders)
		d.committed(t, id)
		restore()
	},
	"Both are damaged": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		restore := d.rows(t, id)
		d.sell(t, id, "bob", 3, orders)
		d.committed(t, id)
		resume := d.pauseLedger(t)
		d.sell(t, id, "cid", 3, orders)
		d.lose(t, id)
		restore()
		resume()
	},
	"A failover without replicas to wait for": func(t *testing.T, d *damaged, id string, orders map[string]string) {
		resume := d.pauseLedger(t)
		restore := d.keys(t, id) // what the replica has
		d.sell(t, id, "bob", 3, orders)
		restore()
		resume()
	},
	"The sale was written by an earlier version": func(t *testing.T, d *damaged, id string, _ map[string]string) {
		v, err := d.store.Snapshot(d.ctx, sale.ID(id))
		if err != nil {
			t.Fatal(err)
		}
		// Today's programs have seen today's sale: as the runbook says, those of the earlier version
		// are stopped first, and the ones that start then know nothing of it.
		programs := slices.Concat(d.Nodes, d.Allocators, d.Ledgers)
		for _, p := range programs {
			if err := p.Stop(20 * time.Second); err != nil {
				t.Fatal(err)
			}
		}
		d.lose(t, id)
		d.writeFormer(t, v)
		d.store = remotestock.New(d.redis, "test", d.StoreConfig(), remotestock.Hooks{}, zap.NewNop())
		d.exec(t, "UPDATE sales SET life = '', epoch = 0, seq = 0, link = '' WHERE id = '"+id+"'")
		for _, p := range programs {
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.AwaitUpstream(d.ctx, len(d.Nodes)); err != nil {
			t.Fatal(err)
		}
	},
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

// Each section of the runbook is followed to the letter on a real site.
func TestTheRunbookRecovers(t *testing.T) {
	d := startDamaged(t)
	pages := walks(t)
	for title := range pages {
		if damages[title] == nil {
			t.Errorf("the section %q has commands, and no test does its damage", title)
		}
	}
	n := 0
	for title, damage := range damages {
		w, known := pages[title]
		if !known {
			t.Errorf("the runbook has no section %q", title)
			continue
		}
		n++
		id := fmt.Sprintf("walk-%d", n)
		t.Run(title, func(t *testing.T) { d.follow(t, w, id, damage) })
	}
}

func (d *damaged) follow(t *testing.T, w walk, id string, damage func(*testing.T, *damaged, string, map[string]string)) {
	orders := map[string]string{}
	d.open(t, strings.ReplaceAll(id, "-", ""), 20)
	id = strings.ReplaceAll(id, "-", "")
	d.sell(t, id, "ann", 4, orders)
	d.committed(t, id)
	damage(t, d, id, orders)
	d.await(t, "the loss is noticed", func() bool {
		p, err := d.store.Page(d.ctx, sale.ID(id), "", 0)
		return err != nil || p.Lost != ""
	})
	for _, words := range w.commands {
		args := make([]string, len(words))
		for i, word := range words {
			args[i] = strings.ReplaceAll(word, "concert", id)
		}
		var out, errs bytes.Buffer
		if err := run(d.ctx, args, &out, &errs); err != nil && !(args[0] == "audit" && len(args) == 0) {
			t.Fatalf("onsale %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
		}
	}
	d.committed(t, id)
	d.await(t, "the sale sells on", func() bool { return d.buy(t, id, "zoe") != "" })
	d.committed(t, id)
	a, err := operate.Audit(d.ctx, d.Stores(), sale.ID(id), 0, zap.NewNop())
	if err != nil || len(a.Faults) > 0 {
		t.Fatalf("audit: %q, %v", a.Faults, err)
	}
	for buyer, order := range orders {
		if got := a.Buyers[sale.Buyer(buyer)]; got != sale.OrderID(order) {
			t.Errorf("%s: got the live order %q, want the acknowledged %s", buyer, got, order)
		}
	}
}
