package remotestock

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// Audit is everything that Redis holds of a sale, read whole and added up
// anew. It is exact on a sale that rests; on one that sells, what happens
// between its reads shows as faults.
type Audit struct {
	Sale     sale.Sale
	Counters sale.Counters
	Orders   map[sale.OrderID]sale.Order
	Streamed map[sale.OrderID]bool // orders that the stream tells of
	Levels   []Level               // what remained, after every event of the stream
	Faults   []string              // every broken promise found, in words; empty is clean
}

// Level is how many tickets remained from an instant on.
type Level struct {
	At        sale.Instant
	Remaining int64
}

// Audit reads and checks the sale: the books against the orders (P1), one live
// order a buyer (P2), and the stream against both (P3, P7).
func (s *Store) Audit(ctx context.Context, id sale.ID) (Audit, error) {
	survey, err := s.Survey(ctx, id)
	if err != nil {
		return Audit{}, err
	}
	a := Audit{Sale: survey.Sale, Counters: survey.Counters, Orders: map[sale.OrderID]sale.Order{}}
	k := keysOf(id)
	records, err := s.client.HGetAll(ctx, k.orders).Result()
	if err != nil {
		return a, fmt.Errorf("audit: %w: %w", sale.ErrUnavailable, err)
	}
	for order, record := range records {
		o, err := parseOrder(sale.OrderID(order), record)
		if err != nil {
			a.fault("%v", err)
			continue
		}
		a.Orders[o.ID] = o
	}
	buyers, err := s.client.HGetAll(ctx, k.buyers).Result()
	if err != nil {
		return a, fmt.Errorf("audit: %w: %w", sale.ErrUnavailable, err)
	}
	deadlines, err := s.client.ZRange(ctx, k.deadlines, 0, -1).Result()
	if err != nil {
		return a, fmt.Errorf("audit: %w: %w", sale.ErrUnavailable, err)
	}
	a.checkBooks()
	a.checkBuyers(buyers)
	a.checkDeadlines(deadlines)
	return a, s.checkEvents(ctx, k.events, &a)
}

func (a *Audit) fault(format string, args ...any) {
	a.Faults = append(a.Faults, fmt.Sprintf(format, args...))
}

// Sold is how many tickets live orders keep.
func (a *Audit) Sold() int64 {
	var sold int64
	for _, o := range a.Orders {
		if o.State.Live() {
			sold += int64(o.Quantity)
		}
	}
	return sold
}

func (a *Audit) checkBooks() {
	c := a.Counters
	var held, paid int64
	for _, o := range a.Orders {
		switch o.State {
		case sale.StateHeld:
			held += int64(o.Quantity)
		case sale.StatePaid:
			paid += int64(o.Quantity)
		}
	}
	if !c.Conserved() {
		a.fault("books: remaining %d + held %d + paid %d is not total %d", c.Remaining, c.Held, c.Paid, c.Total)
	}
	if held != c.Held || paid != c.Paid {
		a.fault("orders add up to held %d and paid %d, the books say %d and %d", held, paid, c.Held, c.Paid)
	}
	if held+paid > c.Total {
		a.fault("oversold: %d tickets in live orders of %d", held+paid, c.Total)
	}
}

func (a *Audit) checkBuyers(buyers map[string]string) {
	live := map[sale.Buyer]sale.OrderID{}
	for id, o := range a.Orders {
		if !o.State.Live() {
			continue
		}
		if other, ok := live[o.Buyer]; ok {
			a.fault("buyer %q has two live orders, %s and %s", o.Buyer, other, id)
		}
		live[o.Buyer] = id
		if buyers[string(o.Buyer)] != string(id) {
			a.fault("live order %s is not the one that its buyer's entry names", id)
		}
	}
	for buyer, id := range buyers {
		if _, ok := live[sale.Buyer(buyer)]; !ok {
			a.fault("buyer %q has an entry for %s, which is not live", buyer, id)
		}
	}
}

func (a *Audit) checkDeadlines(deadlines []string) {
	waiting := map[sale.OrderID]bool{}
	for _, id := range deadlines {
		waiting[sale.OrderID(id)] = true
		if a.Orders[sale.OrderID(id)].State != sale.StateHeld {
			a.fault("deadline of %s, which is not held", id)
		}
	}
	for id, o := range a.Orders {
		if o.State == sale.StateHeld && !waiting[id] {
			a.fault("held order %s has no deadline", id)
		}
	}
}

// page is how many entries of the stream are read at once.
const page = 1000

// checkEvents folds the stream from the sale's opening: remaining after each
// entry, and every order's last state.
func (s *Store) checkEvents(ctx context.Context, key string, a *Audit) error {
	last := map[sale.OrderID]sale.Order{}
	var remaining int64
	for from := "-"; ; {
		entries, err := s.client.XRangeN(ctx, key, from, "+", page).Result()
		if err != nil {
			return fmt.Errorf("audit: %w: %w", sale.ErrUnavailable, err)
		}
		for _, e := range entries {
			remaining += a.fold(e, last)
			ms, _, _ := strings.Cut(e.ID, "-")
			at, err := strconv.ParseInt(ms, 10, 64)
			if err != nil {
				return fmt.Errorf("%w: stream entry %s", ErrReply, e.ID)
			}
			a.Levels = append(a.Levels, Level{sale.Instant(at), remaining})
		}
		if len(entries) < page {
			break
		}
		from = "(" + entries[len(entries)-1].ID
	}
	if remaining != a.Counters.Remaining {
		a.fault("stream adds up to remaining %d, the books say %d", remaining, a.Counters.Remaining)
	}
	for id, o := range a.Orders {
		if last[id] != o {
			a.fault("order %s is %s, in the stream %q", id, o.State, last[id].State)
		}
	}
	a.Streamed = make(map[sale.OrderID]bool, len(last))
	for id := range last {
		a.Streamed[id] = true
		if _, ok := a.Orders[id]; !ok {
			a.fault("order %s is in the stream alone", id)
		}
	}
	return nil
}

// fold applies one entry and returns how remaining changed.
func (a *Audit) fold(e redis.XMessage, last map[sale.OrderID]sale.Order) (change int64) {
	for field, value := range e.Values {
		text, _ := value.(string)
		if field == "sale" {
			change += total(text)
			continue
		}
		o, err := parseOrder(sale.OrderID(field), text)
		if err != nil {
			a.fault("stream entry %s: %v", e.ID, err)
			continue
		}
		before, known := last[o.ID]
		switch {
		case known && !before.State.Live():
			a.fault("order %s came back from %s to %s", o.ID, before.State, o.State)
		case !known && o.State.Live():
			change -= int64(o.Quantity)
		case known && !o.State.Live():
			change += int64(o.Quantity)
		}
		last[o.ID] = o
	}
	return change
}

// total is how an event of the sale itself changes its stock: "opened total
// now" and "restocked delta total key".
func total(event string) int64 {
	words := strings.Fields(event)
	if len(words) > 1 && (words[0] == "opened" || words[0] == "restocked") {
		if n, err := strconv.ParseInt(words[1], 10, 64); err == nil {
			return n
		}
	}
	return 0
}
