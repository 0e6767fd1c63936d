package strategy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"onsale/internal/sale"
)

const rows = "postgres-skip-locked"

func TestBuyersOfTicketRowsDoNotWaitForEachOther(t *testing.T) {
	s, name := opened(t, rows, 3)
	r := newRival(t, rows, name, "other")
	wantBuy(t, s, name, "buyer", Sold)
	if err := r.tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRemaining(t, s, name, 1)
	if orders, faults := audit(t, s, name, 3, nil); len(orders) != 2 || faults != nil {
		t.Errorf("got %d orders and the faults %q, want 2 and none", len(orders), faults)
	}
}

// "Sold out" is not true yet while the last ticket is only locked: its buyer may fail.
func TestALastTicketThatComesBackIsSold(t *testing.T) {
	s, name := opened(t, rows, 1)
	r := newRival(t, rows, name, "other")
	bought := make(chan struct{})
	go func() {
		defer close(bought)
		wantBuy(t, s, name, "buyer", Sold)
	}()
	r.endOnceAwaited(r.tx.Rollback)
	<-bought
	wantRemaining(t, s, name, 0)
}

// A failed purchase gives its row back.
func TestABuyerWithTwoRequestsTakesOneRow(t *testing.T) {
	s, name := opened(t, rows, 40)
	answers := buyTwice(t.Context(), 20, of(s, name))
	if orders, faults := audit(t, s, name, 40, answers); len(orders) != 20 || faults != nil {
		t.Errorf("got %d orders and the faults %q, want 20 and none", len(orders), faults)
	}
	wantRemaining(t, s, name, 20)
}

// To count orders and rows would not find these.
func TestOrdersOfWrongTicketsAreFound(t *testing.T) {
	for what, sql := range map[string]string{
		"one ticket in two orders":     `UPDATE strategy.orders SET ticket = (SELECT min(ticket) FROM strategy.orders WHERE sale = $1) WHERE sale = $1`,
		"a ticket that is on sale":     `UPDATE strategy.orders SET ticket = 3 WHERE sale = $1 AND ticket = 1`,
		"a ticket that never was":      `UPDATE strategy.orders SET ticket = 9 WHERE sale = $1 AND ticket = 1`,
		"an order without a ticket":    `UPDATE strategy.orders SET ticket = NULL WHERE sale = $1 AND ticket = 1`,
		"a row that is for sale again": `INSERT INTO strategy.tickets (sale, number) VALUES ($1, 2)`,
	} {
		t.Run(what, func(t *testing.T) {
			s, name := opened(t, rows, 3)
			wantBuy(t, s, name, "first", Sold)
			wantBuy(t, s, name, "second", Sold)
			if orders, err := s.Orders(t.Context(), name); len(orders) != 2 || err != nil {
				t.Errorf("before: got %v, %v, want two", orders, err)
			}
			if _, err := inner(t, s).pool.Exec(t.Context(), sql, name); err != nil {
				t.Fatal(err)
			}
			if orders, err := s.Orders(t.Context(), name); err == nil || !strings.Contains(err.Error(), "have a ticket") {
				t.Errorf("got %v, %v, want an error", orders, err)
			}
		})
	}
}

// An opening is whole: the sale's row comes with the rows of its tickets.
func TestAFailedOpeningLeavesNothing(t *testing.T) {
	s, name := start(t, rows, config()), newName()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Open(ended, name, 3); err == nil {
		t.Fatal("got no error")
	}
	if _, err := s.Remaining(t.Context(), name); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("got %v, want %v", err, sale.ErrNoSale)
	}
}

// Plans that search every ticket of every sale would sell as well, and ever more slowly.
func TestTicketsAreSearchedByTheirIndex(t *testing.T) {
	s, name := opened(t, rows, 1)
	wantBuy(t, s, name, "first", Sold)
	if err := s.Open(t.Context(), newName(), 5000); err != nil {
		t.Fatal(err)
	}
	other := newName()
	if err := s.Open(t.Context(), other, 5000); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{takeFreeSQL, takeLastSQL} {
		found, err := inner(t, s).pool.Query(t.Context(), "EXPLAIN "+sql, other, []byte("buyer"), newID())
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for found.Next() {
			var line string
			if err := found.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, line)
		}
		if text := strings.Join(plan, "\n"); found.Err() != nil || strings.Contains(text, "Seq Scan on tickets") || !strings.Contains(text, "tickets_pkey") {
			t.Errorf("got %v, the plan\n%s\nwant one by tickets_pkey alone", found.Err(), text)
		}
	}
}
