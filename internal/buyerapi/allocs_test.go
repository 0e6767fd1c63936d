package buyerapi_test

import (
	"bytes"
	"testing"
	"time"

	"onsale/internal/buyerapi"
)

// A sale sells out once, and says so to a million buyers.
func TestSoldOutAllocatesNothing(t *testing.T) {
	server, request := buyerapi.NewServer(soldOut().open(t).handler, time.Minute), crowd(t)
	answers := func(n int) float64 {
		return testing.AllocsPerRun(5, func() { ask(t, server, request, n) })
	}
	// A connection costs some, an answer none: one would make a thousand. A pool
	// that a collection empties, as the race detector's do at random, makes some.
	if few, many := answers(100), answers(1100); many-few > 500 {
		t.Errorf("got %.2f allocations an answer, want 0", (many-few)/1000)
	}
}

// The benchmarks compare with a server that sends the same bytes.
func TestTheBareServerSendsTheSameBytes(t *testing.T) {
	var ours, theirs bytes.Buffer
	if err := buyerapi.NewServer(soldOut().open(t).handler, time.Minute).ServeConn(&wire{request: crowd(t), n: 1, answers: &ours}); err != nil {
		t.Fatal(err)
	}
	if err := bare().ServeConn(&wire{request: crowd(t), n: 1, answers: &theirs}); err != nil {
		t.Fatal(err)
	}
	if ours.Len() == 0 || ours.Len() != theirs.Len() {
		t.Errorf("got %q, want %q (but for the date)", theirs.String(), ours.String())
	}
}
