package strategy

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"onsale/internal/sale"
)

// Broken are strategies that each break one promise, in memory alone: the harness
// proves with them that it finds what it claims to look for. They are never compared.
var Broken = []Entry{
	broken("oversells", "sells on where nothing is left", breaks{oversells: true}),
	broken("loses-acks", "answers buyers with orders that it keeps no record of", breaks{losesAcks: true}),
	broken("early-sold-out", "answers sold out while tickets are left", breaks{earlySoldOut: true}),
	broken("sells-to-ghosts", "gives tickets to buyers who never came", breaks{ghosts: true}),
	broken("hides-orders", "answers sold out to the buyer who has the last ticket", breaks{hides: true}),
	broken("forgets-buyers", "sells to a buyer who asks again", breaks{forgets: true}),
	broken("dates-back", "answers sold out early, and hides it by the times of its orders", breaks{earlySoldOut: true, datesBack: true}),
	broken("falls", "ends its process after some requests, and", breaks{falls: true}),
	broken("doubles", "makes two orders for one buyer", breaks{doubles: true}),
}

// breaks are the promises that a ledger in memory breaks.
type breaks struct{ oversells, losesAcks, earlySoldOut, doubles, ghosts, hides, forgets, datesBack, falls bool }

// often is every which time it does: a fault that needs no luck to be met, in a
// sale of some dozen tickets, and is no more than a fault.
const often = 10

func broken(name, how string, b breaks) Entry {
	return Entry{
		Name: name, Title: "broken: " + name,
		About: "A deliberate fault, for the harness to find: it " + how + " every so often.",
		Lacks: []string{"everything that outlives the process"},
		Make: func(context.Context, Config) (Strategy, error) {
			return &memory{breaks: b, sales: map[string]*counts{}}, nil
		},
	}
}

// memory is a strategy that is right but for what it breaks.
type memory struct {
	breaks breaks
	mu     sync.Mutex
	sales  map[string]*counts
	asked  int
}

// counts are a sale's.
type counts struct {
	stock  int64
	buyers map[string]string // buyer -> order id
	orders []Order
	soon   int // how many times nothing was broken since the last
}

// due reports whether it is time to break something again.
func (c *counts) due() bool {
	c.soon = (c.soon + 1) % often
	return c.soon == 0
}

// Open implements Strategy.
func (m *memory) Open(_ context.Context, name string, total int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sales[name] != nil {
		return fmt.Errorf("open %s: %w", name, sale.ErrConflict)
	}
	m.sales[name] = &counts{stock: total, buyers: map[string]string{}}
	return nil
}

// Buy implements Strategy.
func (m *memory) Buy(_ context.Context, name, buyer string) (Outcome, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.sales[name]
	if c == nil {
		return NoOutcome, "", sale.ErrNoSale
	}
	if m.asked++; m.breaks.falls && m.asked > 30*often {
		os.Exit(3)
	}
	if id, ok := c.buyers[buyer]; ok && !m.breaks.forgets {
		return Replayed, id, nil
	}
	if c.stock <= 0 && !(m.breaks.oversells && c.due()) || m.breaks.earlySoldOut && c.due() {
		return SoldOut, "", nil
	}
	if m.breaks.ghosts && c.stock > 1 && c.due() {
		c.sell("ghost of " + buyer)
	}
	id := c.sell(buyer)
	if m.breaks.datesBack {
		c.orders[len(c.orders)-1].At = time.Time{}
	}
	switch {
	case m.breaks.hides && c.stock == 0 && len(c.orders) > 1:
		return SoldOut, "", nil
	case m.breaks.losesAcks && c.due():
		c.orders = c.orders[:len(c.orders)-1]
	case m.breaks.doubles && c.stock > 0 && c.due():
		id = c.sell(buyer)
	}
	return Sold, id, nil
}

func (c *counts) sell(buyer string) (id string) {
	id = newID().String()
	c.stock--
	c.buyers[buyer] = id
	c.orders = append(c.orders, Order{ID: id, Buyer: buyer, At: time.Now().UTC()})
	return id
}

// Orders implements Strategy.
func (m *memory) Orders(_ context.Context, name string) ([]Order, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.sales[name]; c != nil {
		return slices.Clone(c.orders), nil
	}
	return nil, sale.ErrNoSale
}

// Remaining implements Strategy.
func (m *memory) Remaining(_ context.Context, name string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.sales[name]; c != nil {
		return c.stock, nil
	}
	return 0, sale.ErrNoSale
}

// Close implements Strategy.
func (m *memory) Close() error { return nil }
