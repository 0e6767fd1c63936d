package buyerapi_test

import (
	"bytes"
	"testing"
	"time"

	"onsale/internal/buyerapi"
)

// Allocations of one request, fasthttp's included. Raised, a rush of buyers with tokens costs
// more of the processor and of the collector.
const (
	purchaseBudget = 3 // the buyer, and the order's id, as bytes and as text
	orderBudget    = 1 // the buyer
)

// A sale sells out once, and a million buyers get that answer.
func TestSoldOutAllocatesNothing(t *testing.T) {
	server, request := buyerapi.NewServer(soldOut().open(t).handler, time.Minute), purchaseRequest(t)
	answers := func(n int) float64 {
		return testing.AllocsPerRun(5, func() { ask(t, server, request, n) })
	}
	// A connection costs some, an answer none: one would make a thousand. A pool
	// that a collection empties, as the race detector's do at random, makes some.
	if few, many := answers(100), answers(1100); many-few > 500 {
		t.Errorf("got %.2f allocations an answer, want 0", (many-few)/1000)
	}
}

// The purchase path's budget: what one allocation more costs, every buyer with a token pays.
// Verifier and Redis are not among it.
func TestAPurchaseKeepsItsAllocationBudget(t *testing.T) {
	open, inTurn := selling(t).handler, sellingInTurn(t).handler
	for name, c := range map[string]struct {
		handler *buyerapi.Handler
		request string
		budget  float64
	}{
		"a purchase":              {open, string(purchaseRequest(t)), purchaseBudget},
		"a purchase with a place": {inTurn, string(placedRequest(t)), purchaseBudget},
		"an order":                {open, raw("GET", "/v1/sales/s/orders/mine", "", bearer(token(t, "alice"))), orderBudget},
	} {
		server := buyerapi.NewServer(c.handler, time.Minute)
		answers := func(n int) float64 {
			return testing.AllocsPerRun(5, func() { ask(t, server, []byte(c.request), n) })
		}
		if each := (answers(1100) - answers(100)) / 1000; each > c.budget+allocationSlack {
			t.Errorf("%s: got %.2f allocations, want at most %v", name, each, c.budget)
		} else {
			t.Logf("%s: %.2f allocations", name, each)
		}
	}
}

// The benchmarks compare with a server that sends the same bytes.
func TestTheBareServerSendsTheSameBytes(t *testing.T) {
	var ours, theirs bytes.Buffer
	if err := buyerapi.NewServer(soldOut().open(t).handler, time.Minute).ServeConn(&wire{request: purchaseRequest(t), n: 1, answers: &ours}); err != nil {
		t.Fatal(err)
	}
	if err := bare().ServeConn(&wire{request: purchaseRequest(t), n: 1, answers: &theirs}); err != nil {
		t.Fatal(err)
	}
	if ours.Len() == 0 || ours.Len() != theirs.Len() {
		t.Errorf("got %q, want %q (but for the date)", theirs.String(), ours.String())
	}
}
