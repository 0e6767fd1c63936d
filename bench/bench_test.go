package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/testbed"
)

// TestMain lets the test binary be the load processes too: the bench starts
// itself for them.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"bare", "generate", "serve", "idlers", "auditing", "flooded", "slowly", "node"}, os.Args[1]) {
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
	if err := testbed.Build(context.Background(), binaries); err != nil {
		panic(err)
	}
	return m.Run()
}

// headlined runs a small headline and returns its result.
func headlined(t *testing.T, args ...string) headlineResult {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out.json")
	if err := run(context.Background(), append([]string{"headline", "--json", file, "--binaries", binaries}, args...)); err != nil {
		t.Error(err)
	}
	var r headlineResult
	readResult(t, file, &r)
	// More than 5 is a fault, and an error of the run.
	if r.LedgerSeconds <= 0 || r.LedgerSeconds > 5 {
		t.Errorf("got the ledger done after %v s, want more than 0 and at most 5", r.LedgerSeconds)
	}
	if r.Sold != r.Tickets || r.Claims < r.Sold || r.DeductCalls == 0 || r.Requests == 0 {
		t.Errorf("got %d of %d sold by %d claims in %d calls", r.Sold, r.Tickets, r.Claims, r.DeductCalls)
	}
	return r
}

func TestHeadlineWithKilledNode(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	r := headlined(t, "--buyers", "8000", "--tickets", "3000", "--nodes", "3", "--kill", "1", "--connections", "64", "--html", page)
	if len(r.Events) != 1 || !strings.HasPrefix(r.Events[0].What, "killed n") {
		t.Fatalf("got events %v, want one killed node", r.Events)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Stock left on each node", r.Events[0].What, "Latency of “sold”", "Processor time", "Audit: oversold 0, unsold 0, duplicate orders 0"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page does not show %q", want)
		}
	}
}

func TestHeadlineWithEveryAllocatorDead(t *testing.T) {
	headlined(t, "--buyers", "8000", "--tickets", "3000", "--nodes", "3", "--kill", "1", "--connections", "64", "--kill-allocators")
}

func TestHeadlineWithRedisRestarted(t *testing.T) {
	r := headlined(t, "--buyers", "8000", "--tickets", "3000", "--nodes", "3", "--kill", "0", "--connections", "64", "--restart-redis")
	if r.HTTP503["store-unavailable"] == 0 {
		t.Error("nobody noticed that redis was away")
	}
}

func TestHeadlineWithPausedNode(t *testing.T) {
	headlined(t, "--buyers", "13000", "--tickets", "12000", "--nodes", "3", "--kill", "0", "--connections", "64", "--rate", "1200", "--pause", "5s")
}

// The judge must catch every promise that it judges.
func TestJudge(t *testing.T) {
	good := func() headlineResult {
		return headlineResult{Requests: 100_000, HTTP503Outside: map[string]int64{"busy": 10}, ClaimsRefused: 5, RefusedBound: 5}
	}
	r := good()
	if r.judge(); len(r.Faults) != 0 {
		t.Fatalf("a good run: got %v", r.Faults)
	}
	for name, breakIt := range map[string]func(*headlineResult){
		"oversold: 1":              func(r *headlineResult) { r.Oversold = 1 },
		"unsold: 1":                func(r *headlineResult) { r.Unsold = 1 },
		"duplicate orders: 1":      func(r *headlineResult) { r.Duplicates = 1 },
		"lost acknowledgements: 1": func(r *headlineResult) { r.LostAcks = 1 },
		"unacknowledged orders: 1": func(r *headlineResult) { r.Unacknowledged = 1 },
		"false sold-out: 1":        func(r *headlineResult) { r.FalseSoldOut = 1 },
		"wrong quantity: 1":        func(r *headlineResult) { r.WrongQuantity = 1 },
		"not documented: 1":        func(r *headlineResult) { r.HTTP5xxOther = 1 },
		"name no order":            func(r *headlineResult) { r.Malformed = 1 },
		"gave up: 1":               func(r *headlineResult) { r.GaveUp = 1 },
		"busy":                     func(r *headlineResult) { r.HTTP503Outside["busy"] = 11 },
		"Redis being away":         func(r *headlineResult) { r.HTTP503Outside["store-unavailable"] = 1 },
		"claims_refused":           func(r *headlineResult) { r.ClaimsRefused = 6 },
		"the ledger":               func(r *headlineResult) { r.LedgerSeconds = 5.1 },
	} {
		r := good()
		breakIt(&r)
		if r.judge(); len(r.Faults) != 1 || !strings.Contains(r.Faults[0], name) {
			t.Errorf("%s: got %v", name, r.Faults)
		}
	}
}

func TestOrdersReachTheLedger(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.json")
	err := run(context.Background(), []string{
		"orders", "--orders", "1200", "--clients", "20", "--for", "8s", "--outage", "2s", "--kill-every", "1500ms", "--hold", "2s",
		"--json", file, "--binaries", binaries,
	})
	if err != nil {
		t.Error(err)
	}
	var r ordersResult
	readResult(t, file, &r)
	if len(r.Faults) > 0 || r.Lost > 0 || r.Contradicted > 0 {
		t.Errorf("got %d lost, %d contradicted, faults %q, want none", r.Lost, r.Contradicted, r.Faults)
	}
	if r.LedgerKills == 0 || r.InOutage == 0 {
		t.Errorf("got %d kills and %d holds in the outage, want some of both", r.LedgerKills, r.InOutage)
	}
	answered := 0
	for _, n := range r.Answered {
		answered += n
	}
	if r.Holds != 1200 || answered != 1200 {
		t.Errorf("got %d holds, and the ends of %d were answered, want 1200 of both", r.Holds, answered)
	}
	for _, reason := range []string{"late", "doubled"} {
		if r.Reasons[reason] == 0 {
			t.Errorf("got refunds due %v, want some that are %s", r.Reasons, reason)
		}
	}
	if want := (books{Total: 1200, Remaining: 1200 - int64(r.Answered["paid"]), Paid: int64(r.Answered["paid"])}); r.Books != want {
		t.Errorf("got %+v, want %+v", r.Books, want)
	}
	if r.LedgerSeconds < 0 || r.Seconds < 8 {
		t.Errorf("got the ledger done after %v s of a run of %v s, want 0 and 8 at least", r.LedgerSeconds, r.Seconds)
	}
}

// The judge of orders must catch every promise that it judges, and a run that showed nothing.
func TestJudgeOfOrders(t *testing.T) {
	good := func() ordersResult {
		return ordersResult{
			Answered: map[string]int{"paid": 4, "expired": 3, "cancelled": 2, "refunded": 1}, LedgerKills: 1, InOutage: 1,
			Books: books{Total: 10, Remaining: 6, Paid: 4},
		}
	}
	outage := &orders{Outage: 1}
	r := good()
	if outage.judge(&r); len(r.Faults)+len(r.Unshown) != 0 {
		t.Fatalf("a good run: got %v and %v", r.Faults, r.Unshown)
	}
	for name, test := range map[string]struct {
		breakIt func(*ordersResult)
		want    string
		unshown bool
	}{
		"a lost order":           {func(r *ordersResult) { r.Lost = 1 }, "1 orders were lost and 0 contradict", false},
		"a contradicted order":   {func(r *ordersResult) { r.Contradicted = 1 }, "0 orders were lost and 1 contradict", false},
		"a hold that stays":      {func(r *ordersResult) { r.Books.Held, r.Books.Remaining = 1, 5 }, "the books are", false},
		"a ticket that vanished": {func(r *ordersResult) { r.Books.Remaining = 5 }, "the books are", false},
		"a ticket too many":      {func(r *ordersResult) { r.Books.Remaining, r.Books.Paid = -1, 11 }, "the books are", false},
		"nothing paid":           {func(r *ordersResult) { r.Answered["paid"] = 0 }, "no order was paid", true},
		"nothing expired":        {func(r *ordersResult) { r.Answered["expired"] = 0 }, "no order was expired", true},
		"nothing cancelled":      {func(r *ordersResult) { delete(r.Answered, "cancelled") }, "no order was cancelled", true},
		"nothing refunded":       {func(r *ordersResult) { delete(r.Answered, "refunded") }, "no order was refunded", true},
		"no ledger killed":       {func(r *ordersResult) { r.LedgerKills = 0 }, "no ledger was killed", true},
		"nothing in the outage":  {func(r *ordersResult) { r.InOutage = 0 }, "nothing was sold while PostgreSQL was away", true},
		"a fault of the audit":   {func(r *ordersResult) { r.Faults = []string{"a fault"} }, "a fault", false},
	} {
		t.Run("catches "+name, func(t *testing.T) {
			r := good()
			r.Answered = maps.Clone(r.Answered)
			test.breakIt(&r)
			outage.judge(&r)
			found := r.Faults
			if test.unshown {
				found = r.Unshown
			}
			if len(r.Faults)+len(r.Unshown) != 1 || len(found) != 1 || !strings.Contains(found[0], test.want) {
				t.Errorf("got the faults %q and unshown %q, want one with %q", r.Faults, r.Unshown, test.want)
			}
		})
	}
	t.Run("wants nothing of an outage that was not asked for", func(t *testing.T) {
		r := good()
		r.InOutage = 0
		if (&orders{}).judge(&r); len(r.Faults)+len(r.Unshown) != 0 {
			t.Errorf("got %q and %q, want none", r.Faults, r.Unshown)
		}
	})
	t.Run("wants nothing shown of an interrupted run", func(t *testing.T) {
		r := ordersResult{outcome: outcome{Interrupted: true}, Books: books{Total: 10, Remaining: 9, Held: 1}}
		if outage.judge(&r); len(r.Faults)+len(r.Unshown) != 0 {
			t.Errorf("got %q and %q, want none", r.Faults, r.Unshown)
		}
	})
	t.Run("sorts, so that two runs compare", func(t *testing.T) {
		r := good()
		r.Faults = []string{"z", "a"}
		outage.judge(&r)
		if diff := cmp.Diff([]string{"a", "z"}, r.Faults); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
	})
}
