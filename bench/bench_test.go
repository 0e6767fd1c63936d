package main

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/cluster"
	"onsale/internal/sale"
)

// TestMain lets the test binary be the load processes too: the bench starts
// itself for them.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "load" || os.Args[1] == "bare" || os.Args[1] == "hammer") {
		main()
		return
	}
	os.Exit(withBinaries(m))
}

// binaries has node and allocator, built once for all tests.
var binaries string

func withBinaries(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "onsale-bin-"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(binaries)
	if err := cluster.Build(context.Background(), binaries); err != nil {
		panic(err)
	}
	return m.Run()
}

// headlineResult runs a small headline and returns its result.
func headlineResult(t *testing.T, args ...string) result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out.json")
	if err := run(context.Background(), append([]string{"headline", "--json", file, "--binaries", binaries}, args...)); err != nil {
		t.Error(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	if r.Sold != r.Tickets || r.Claims < r.Sold || r.DeductCalls == 0 || r.Requests == 0 {
		t.Errorf("got %d of %d sold by %d claims in %d calls", r.Sold, r.Tickets, r.Claims, r.DeductCalls)
	}
	return r
}

func TestHeadlineWithKilledNode(t *testing.T) {
	r := headlineResult(t, "--buyers", "8000", "--tickets", "3000", "--nodes", "3", "--kill", "1", "--connections", "64")
	if len(r.Events) != 1 || !strings.HasPrefix(r.Events[0].What, "killed n") {
		t.Errorf("got events %v, want one killed node", r.Events)
	}
}

func TestHeadlineWithEveryAllocatorDead(t *testing.T) {
	headlineResult(t, "--buyers", "8000", "--tickets", "3000", "--nodes", "3", "--kill", "1", "--connections", "64", "--kill-allocators")
}

func TestHeadlineWithRedisRestarted(t *testing.T) {
	r := headlineResult(t, "--buyers", "8000", "--tickets", "3000", "--nodes", "3", "--kill", "0", "--connections", "64", "--restart-redis")
	if r.HTTP503["store-unavailable"] == 0 {
		t.Error("nobody noticed that redis was away")
	}
}

func TestHeadlineWithPausedNode(t *testing.T) {
	headlineResult(t, "--buyers", "13000", "--tickets", "12000", "--nodes", "3", "--kill", "0", "--connections", "64", "--rate", "1200", "--pause", "5s")
}

func TestImpossibleFaultsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"--nodes", "3", "--kill", "3"}, {"--kill", "-1"}, {"--pause", "1s", "--kill-allocators"}} {
		if err := run(context.Background(), append([]string{"headline"}, args...)); err == nil {
			t.Errorf("%v: got no error", args)
		}
	}
}

// The judge must catch every promise that it judges.
func TestJudge(t *testing.T) {
	good := func() result {
		return result{Requests: 100_000, HTTP503: map[string]int64{"busy": 10}, ClaimsRefused: 5, RefusedBound: 5}
	}
	r := good()
	if r.judge(false); len(r.Faults) != 0 {
		t.Fatalf("a good run: got %v", r.Faults)
	}
	for name, breakIt := range map[string]func(*result){
		"oversold":         func(r *result) { r.Oversold = 1 },
		"unsold":           func(r *result) { r.Unsold = 1 },
		"duplicate_orders": func(r *result) { r.DuplicateOrders = 1 },
		"lost_acks":        func(r *result) { r.LostAcks = 1 },
		"false_sold_out":   func(r *result) { r.FalseSoldOut = 1 },
		"http_5xx_other":   func(r *result) { r.HTTP5xxOther = 1 },
		"gave_up":          func(r *result) { r.GaveUp = 1 },
		"busy":             func(r *result) { r.HTTP503["busy"] = 11 },
		"Redis being away": func(r *result) { r.HTTP503["store-unavailable"] = 1 },
		"claims_refused":   func(r *result) { r.ClaimsRefused = 6 },
		"the ledger":       func(r *result) { r.LedgerSeconds = 5.1 },
	} {
		r := good()
		breakIt(&r)
		if r.judge(false); len(r.Faults) != 1 || !strings.Contains(r.Faults[0], name) {
			t.Errorf("%s: got %v", name, r.Faults)
		}
	}
}

func TestFalselySoldOut(t *testing.T) {
	levels := []level{{At: 1000, Remaining: 5}, {At: 2000, Remaining: 0}, {At: 2500, Remaining: 1}, {At: 9000, Remaining: 0}}
	for name, test := range map[string]struct {
		sent, received int64
		want           int64
	}{
		"while it is sold out":            {2100, 2110, 0},
		"received as it sells out":        {1900, 2000, 0},
		"before anything was sold out":    {1500, 1999, 7},
		"just within three seconds after": {5500, 5510, 0},
		"past three seconds after":        {5501, 5510, 7},
		"sold out to the end":             {50_000, 50_010, 0},
		"before the sale":                 {10, 20, 7},
	} {
		t.Run(name, func(t *testing.T) {
			if got := falselySoldOut(levels, []soldOut{{test.sent, test.received, 7}}); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestLostAndDuplicates(t *testing.T) {
	held := func(id, buyer string) sale.Order {
		return sale.Order{ID: sale.OrderID(id), Buyer: sale.Buyer(buyer), Quantity: 1, State: sale.StateHeld}
	}
	orders := map[sale.OrderID]sale.Order{"1": held("1", "ann"), "2": held("2", "ann"), "3": held("3", "bob"), "4": held("4", "cid")}
	kept := maps.Clone(orders)
	delete(kept, "4")
	a := cluster.Audited{
		Snapshot: sale.Snapshot{Records: sale.Records{Orders: orders}},
		Book:     &sale.Book{Records: sale.Records{Orders: kept}},
	}
	if got := duplicates(a); got != 1 {
		t.Errorf("duplicates: got %d, want 1", got)
	}
	s := &seen{Acks: []ack{{"ann", "1"}, {"dee", "3"}, {"cid", "4"}, {"eve", "9"}}}
	if got := lost(a, s); got != 3 {
		t.Errorf("lost: got %d, want 3: another's order, one not in the ledger, and none at all", got)
	}
}
