package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// lively opens a sale of twelve tickets, has six buyers' orders come to every state that
// needs no time, and adds two tickets: then seven are left. It returns the orders by buyer.
func lively(t *testing.T, r *records, id string) map[string]string {
	t.Helper()
	r.sell(t, id, 12)
	held := map[string]string{}
	for i, buyer := range []string{"ann", "bob", "cid", "dan", "eve", "fay"} {
		held[buyer] = r.hold(t, id, buyer, 1+i%2)
	}
	if status, text := r.ask(t, http.MethodDelete, id+"/orders/"+held["cid"], "cid", ""); status != http.StatusOK {
		t.Fatalf("got %d %s, want the hold cancelled", status, text)
	}
	if _, err := r.pay(t, id, held["cid"], 1); err == nil { // too late
		t.Fatal("got a cancelled order paid")
	}
	r.mustPay(t, id, held["dan"], 2, "--payment", "pay_dan")
	if _, err := r.pay(t, id, held["dan"], 2, "--payment", "pay_dan_2"); err == nil {
		t.Fatal("got an order paid twice")
	}
	r.mustPay(t, id, held["eve"], 1, "--payment", "pay_eve")
	r.admin(t, id+"/orders/"+held["eve"]+"/refund", "", nil)
	r.admin(t, id+"/refunds/pay_dan_2", `{"state":"settled"}`, nil)
	r.admin(t, id+"/restock", `{"delta":2}`, nil)
	return held
}

func TestTheLedgerOfASite(t *testing.T) {
	r := startRecords(t)
	held := lively(t, r, "demo")
	r.sell(t, "other", 3)
	other := r.hold(t, "other", "ann", 2)
	r.settled(t, "demo")
	r.settled(t, "other")

	t.Run("an audit without a sale compares all with the ledger", func(t *testing.T) {
		out, err := finished(t, r.flags("audit")...)
		if err != nil {
			t.Error(err)
		}
		for _, row := range []string{
			`demo\W+redis\W+14\W+7\W+5\W+2\W+6\W+4\W+2`, `demo\W+ledger\W+14\W+7\W+5\W+2\W+6\W+4\W+2`, `demo\W+flight\W+0\W+0\W+0`,
			`other\W+redis\W+3\W+1\W+2\W+0\W+1\W+0\W+0`, `other\W+ledger\W+3\W+1\W+2\W+0\W+1\W+0\W+0`,
		} {
			if !regexp.MustCompile(`\b` + row + `\b`).MatchString(out) {
				t.Errorf("got:\n%s\nwant a row that matches %s", out, row)
			}
		}
	})
	t.Run("exported as CSV", func(t *testing.T) { testExport(t, r, held) })
	t.Run("reported on", func(t *testing.T) { testReport(t, r) })
	t.Run("operated by verbs", func(t *testing.T) { testOperating(t, r) })
	t.Run("an audit without the database looks at Redis alone", func(t *testing.T) {
		out, err := finished(t, "audit", "demo", "--redis-addr", r.Redis.Addr())
		if err != nil || strings.Contains(out, "ledger") {
			t.Errorf("got %v and:\n%s\nwant no ledger and no fault", err, out)
		}
	})
	t.Run("an audit with a database that is away fails", func(t *testing.T) {
		_, err := finished(t, "audit", "demo", "--redis-addr", r.Redis.Addr(), "--database-url", "postgres://onsale@127.0.0.1:1/onsale")
		if err == nil || !strings.Contains(err.Error(), "ledger") {
			t.Errorf("got error %v, want one about the ledger", err)
		}
	})
	t.Run("reconcile needs the database of a site with a ledger", func(t *testing.T) {
		_, err := finished(t, "reconcile", "demo", "--redis-addr", r.Redis.Addr())
		if err == nil || !strings.Contains(err.Error(), "ONSALE_DATABASE_URL") || !strings.Contains(err.Error(), "--database-url") {
			t.Errorf("got error %v, want one with ONSALE_DATABASE_URL and --database-url", err)
		}
	})
	t.Run("reconcile refuses what it can't read", func(t *testing.T) {
		for want, args := range map[string][]string{
			"sale id": {"Not A Sale"}, "two-orders": {"demo", "--two-orders", "keep-both"}, "oversold": {"demo", "--oversold", "shrug"},
			"lives": {"demo", "--lives", "nine"}, "admin token": {"demo", "--admin-token-file", "/nowhere"}, "restock": {"demo", "--restock", "key=many"},
		} {
			if _, err := finished(t, r.flags(append([]string{"reconcile"}, args...)...)...); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got error %v, want one about the %s", args, err, want)
			}
		}
	})
	t.Run("reconcile fails if it knows no such sale", func(t *testing.T) {
		if _, err := r.reconcile(t, "dmeo"); !errors.Is(err, sale.ErrNoSale) {
			t.Errorf("got error %v, want %v", err, sale.ErrNoSale)
		}
	})
	t.Run("reconcile leaves a sale alone that has lost nothing, and it sells on", func(t *testing.T) {
		before := r.settled(t, "demo")
		if out, err := r.reconcile(t, "demo"); err != nil || !regexp.MustCompile(`FAULTS\W+0\b`).MatchString(out) {
			t.Errorf("got %v and:\n%s\nwant no fault", err, out)
		}
		if diff := cmp.Diff(kept(before), kept(r.settled(t, "demo"))); diff != "" {
			t.Errorf("the sale has changed (-before +after):\n%s", diff)
		}
	})

	r.admin(t, "demo/close", "", nil)
	before := r.settled(t, "demo")
	if err := r.redis.FlushAll(r.ctx).Err(); err != nil {
		t.Fatal(err)
	}
	t.Run("an audit of what Redis lost leads to reconcile", func(t *testing.T) {
		for _, args := range [][]string{{"audit", "demo"}, {"audit"}} {
			_, err := finished(t, r.flags(args...)...)
			if !errors.Is(err, sale.ErrNoSale) || !strings.Contains(err.Error(), "audit of demo: the ledger has the sale and Redis has lost it, run onsale reconcile demo") {
				t.Errorf("%v: got error %v, want %v and that demo is to be reconciled", args, err, sale.ErrNoSale)
			}
		}
	})
	// What the plan contains, as text and as JSON.
	plan := `(?m)^sale demo: records ledger-alone; next epoch 2; of 14 tickets 5 held, 2 paid, 7 remain; 6 orders, 4 payments\n` +
		`Redis lacks 4 orders and 4 payments; the ledger lacks 0 and 0$`
	t.Run("a dry run shows the plan, and changes nothing", func(t *testing.T) {
		out, err := r.reconcile(t, "demo", "--dry-run")
		if err != nil || !regexp.MustCompile(plan).MatchString(out) {
			t.Errorf("got %v and:\n%s\nwant what matches %s", err, out, plan)
		}
		if n, err := r.redis.Exists(r.ctx, remotestock.Keys("demo")...).Result(); err != nil || n != 0 {
			t.Errorf("got %d keys of the sale, %v, want none", n, err)
		}
	})
	t.Run("with --json the plan is JSON", func(t *testing.T) {
		out, err := r.reconcile(t, "demo", "--dry-run", "--json")
		var got struct {
			Relation string
			Epoch    int64
			Records  struct{ Orders map[string]any }
		}
		if jsonErr := json.Unmarshal([]byte(out), &got); err != nil || jsonErr != nil {
			t.Fatalf("got %v, %v and:\n%s", err, jsonErr, out)
		}
		if got.Relation != "ledger-alone" || got.Epoch != 2 || len(got.Records.Orders) != 6 {
			t.Errorf("got %+v, want six orders of the ledger alone, and epoch 2", got)
		}
	})
	t.Run("reconcile restores all that was lost", func(t *testing.T) {
		out, err := r.reconcile(t, "demo")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			plan, `\bdemo\W+redis\W+14\W+7\W+5\W+2\W+\d\W+4\W+2\b`, `\bdemo\W+ledger\W+14\W+7\W+5\W+2\W+6\W+4\W+2\b`, `FAULTS\W+0\b`,
		} {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("got:\n%s\nwant what matches %s", out, want)
			}
		}
		after := r.settled(t, "demo")
		if diff := cmp.Diff(kept(before), kept(after)); diff != "" {
			t.Errorf("restored (-lost +restored):\n%s", diff)
		}
		for id, o := range after.Orders { // or the holds would end while their payments were refused
			if o.State == sale.StateHeld && o.Expires < before.Orders[id].Expires {
				t.Errorf("got hold %s to end at %d, want no earlier than before, %d", id, o.Expires, before.Orders[id].Expires)
			}
		}
	})
	if err := r.AwaitSale(r.ctx, "demo"); err != nil {
		t.Fatal(err)
	}
	t.Run("what was restored", func(t *testing.T) { testRestored(t, r, held) })

	t.Run("a row that the ledger lost is a fault", func(t *testing.T) {
		r.sql(t, "DELETE FROM orders WHERE id = '"+held["ann"]+"'")
		out, err := finished(t, r.flags("audit", "demo")...)
		if want := "fault: order " + held["ann"] + " is paid in Redis, not in the ledger, and not in flight"; err == nil || !strings.Contains(out, want) {
			t.Fatalf("got %v and:\n%s\nwant an error and %q", err, out, want)
		}
		if !strings.Contains(err.Error(), "faults found: 1") {
			t.Errorf("got error %v, want one fault", err)
		}
	})
	// Nobody had closed it, so it sells on.
	t.Run("reconcile restores a sale that was on sale when it was lost", func(t *testing.T) {
		if out, err := r.reconcile(t, "other"); err != nil || !strings.Contains(out, "of 3 tickets 2 held, 0 paid, 1 remain") {
			t.Errorf("got %v and:\n%s\nwant 2 of 3 tickets held", err, out)
		}
		if got := r.settled(t, "other"); got.Buyers["ann"] != sale.OrderID(other) || got.Sale.Closed {
			t.Errorf("got %+v, want order %s of ann, on sale", got, other)
		}
		r.until(t, "other", "bob", "sells on", func(status int) bool { return status == http.StatusCreated })
		t.Run("and takes payments that buy nothing", func(t *testing.T) { testOrphans(t, r) })
		r.settled(t, "other")
		if out, err := finished(t, r.flags("audit", "other")...); err != nil {
			t.Errorf("got %v and:\n%s\nwant no fault", err, out)
		}
	})
}

// reconcile runs the command with all that it needs.
func (r *records) reconcile(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return finished(t, r.flags(append([]string{"reconcile", "--admin-token-file", filepath.Join(r.Dir, "admin-token")}, args...)...)...)
}

// kept is what a reconciliation has to bring back: everything but the moment, the chain,
// what waits for the ledger, ended orders, which the ledger has, and when holds end.
func kept(s sale.Snapshot) sale.Snapshot {
	s.At, s.Stream, s.Chain, s.Links, s.Read, s.Deadlines = 0, nil, sale.Chain{}, "", 0, nil
	s.Orders = maps.Clone(s.Orders)
	maps.DeleteFunc(s.Orders, func(_ sale.OrderID, o sale.Order) bool { return !o.State.Live() })
	for id, o := range s.Orders {
		o.Expires = 0
		s.Orders[id] = o
	}
	return s
}

// testRestored does with a restored sale all that can be done with one that was never
// lost. Of its 14 tickets 7 are left.
func testRestored(t *testing.T, r *records, held map[string]string) {
	t.Run("can be paid", func(t *testing.T) {
		r.mustPay(t, "demo", held["ann"], 1, "--payment", "pay_ann")
	})
	t.Run("can be cancelled by its owner", func(t *testing.T) {
		if status, text := r.ask(t, http.MethodDelete, "demo/orders/"+held["bob"], "bob", ""); status != http.StatusOK || !strings.Contains(text, `"cancelled"`) {
			t.Errorf("got %d %s, want 200 cancelled", status, text)
		}
	})
	t.Run("remembers its payments", func(t *testing.T) {
		if out, err := r.pay(t, "demo", held["dan"], 2, "--payment", "pay_dan"); err != nil || readReceipt(t, out).Outcome != "paid" {
			t.Errorf("the same payment again: got %v and %s, want paid", err, out)
		}
		out, err := r.pay(t, "demo", held["dan"], 2, "--payment", "pay_dan_3")
		if got := readReceipt(t, out); err == nil || got.Outcome != "refund-due" || got.Reason != "doubled" {
			t.Errorf("another payment: got %v and %s, want refund-due, doubled", err, out)
		}
	})
	t.Run("is closed until it is reopened", func(t *testing.T) {
		if status, text := r.buy(t, "demo", "gil", 1); status != http.StatusGone {
			t.Errorf("got %d %s, want 410", status, text)
		}
	})
	var status struct{ Remaining int }
	r.admin(t, "demo/reopen", "", &status)
	if status.Remaining != 9 {
		t.Errorf("got %d remaining, want 9", status.Remaining)
	}
	r.until(t, "demo", "gil", "sells again", func(status int) bool { return status == http.StatusCreated })
	t.Run("knows who has bought", func(t *testing.T) {
		for _, buyer := range []string{"ann", "dan", "fay"} {
			quantity := map[string]int{"ann": 1, "dan": 2, "fay": 2}[buyer]
			if status, text := r.buy(t, "demo", buyer, quantity); status != http.StatusOK || idOf(t, text) != held[buyer] {
				t.Errorf("%s: got %d %s, want 200 and order %s", buyer, status, text, held[buyer])
			}
		}
	})
	t.Run("sells the rest, and not one more", func(t *testing.T) {
		sold := 0
		for i := range 12 {
			// Who cancelled, or has the money back, may buy again.
			buyer := []string{"bob", "eve", fmt.Sprint("new-", i)}[min(i, 2)]
			switch status, text := r.buy(t, "demo", buyer, 1); {
			case status == http.StatusCreated:
				sold++
			case status != http.StatusConflict || !strings.Contains(text, "sold-out"):
				t.Errorf("%s: got %d %s, want 201, or 409 sold-out", buyer, status, text)
			}
		}
		if sold != 8 {
			t.Errorf("got %d tickets sold, want 8", sold)
		}
	})
	t.Run("knows which payment to send back", func(t *testing.T) {
		var order struct {
			State    string
			Payments []struct{ ID, State, Reason string }
		}
		r.admin(t, "demo/orders/"+held["dan"]+"/refund", "", &order)
		if p := order.Payments[0]; order.State != "refunded" || p.ID != "pay_dan" || p.State != "due" || p.Reason != "refunded" {
			t.Errorf("got %+v, want it refunded, and pay_dan due", order)
		}
	})
	t.Run("passes the audit", func(t *testing.T) {
		r.settled(t, "demo")
		out, err := finished(t, r.flags("audit", "demo")...)
		if want := `\bdemo\W+ledger\W+14\W+2\W+11\W+1\W+15\W+6\W+4\b`; err != nil || !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("got %v and:\n%s\nwant a row that matches %s", err, out, want)
		}
	})
}
