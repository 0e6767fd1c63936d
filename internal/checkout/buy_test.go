package checkout_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
	"onsale/internal/sale"
)

// TestLocalStockAfterEveryOutcome is docs/architecture.md's table: what a claim's local
// stock becomes, row by row.
func TestLocalStockAfterEveryOutcome(t *testing.T) {
	const had, quantity = 10, 3
	unknown := fmt.Errorf("deduct: %w: connection lost", sale.ErrUnknown)
	for _, test := range []struct {
		name   string
		answer func(d *checkout.Seller, c sale.Claim) (sale.Decision, error)
		left   int64
	}{
		{"held consumes", is(sale.Held, own), had - quantity},
		{"this claim's own order again consumes once", is(sale.Replayed, own), had - quantity},
		{"the buyer's earlier order hands back", is(sale.Replayed, another), had},
		{"another quantity ordered already hands back", is(sale.AlreadyOrdered, another), had},
		{"sold out empties", soldOut, 0},
		{"not enough hands back", is(sale.NotEnough, nil), had},
		{"late hands back", is(sale.Late, nil), had},
		{"not open hands back", is(sale.NotOpen, nil), had},
		{"closed hands back", is(sale.Closed, nil), had},
		{"a full queue hands back", is(sale.Busy, nil), had},
		{"unavailable hands back", fails(fmt.Errorf("deduct: %w: LOADING", sale.ErrUnavailable)), had},
		{"sale lost hands back", fails(fmt.Errorf("deduct: %w (%w)", sale.ErrNoSale, sale.ErrUnavailable)), had},
		{"unknown keeps", fails(unknown), had - quantity},
		{"an error that nobody sorted keeps", fails(errors.New("what is this")), had - quantity},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &remote{}
				s := start(t, &store{}, r, checkout.Hooks{})
				defer s.ends(t)
				d := s.seller(t)
				wantLevel(t, d, had)
				var want sale.Decision
				var wantErr error
				r.decide = func(c sale.Claim) (sale.Decision, error) {
					wantLevel(t, d, had-quantity) // taken before Redis is asked
					want, wantErr = test.answer(d, c)
					return want, wantErr
				}
				got, err := d.Buy(t.Context(), "ann", quantity, 0)
				if got != want || !errors.Is(err, wantErr) {
					t.Errorf("got %+v, %v, want %+v, %v", got, err, want, wantErr)
				}
				wantLevel(t, d, test.left)
			})
		})
	}
}

// Orders as the remote reports them.
func own(c sale.Claim) sale.Order { return order(c) }
func another(c sale.Claim) sale.Order {
	c.Order = "another"
	return order(c)
}

func is(o sale.Outcome, of func(sale.Claim) sale.Order) func(*checkout.Seller, sale.Claim) (sale.Decision, error) {
	return func(_ *checkout.Seller, c sale.Claim) (sale.Decision, error) {
		d := sale.Decision{Outcome: o}
		if of != nil {
			d.Order = of(c)
		}
		return d, nil
	}
}

func fails(err error) func(*checkout.Seller, sale.Claim) (sale.Decision, error) {
	return func(*checkout.Seller, sale.Claim) (sale.Decision, error) { return sale.Decision{}, err }
}

// soldOut is what the group commit does: the reading first, then the answers.
func soldOut(d *checkout.Seller, _ sale.Claim) (sale.Decision, error) {
	d.Observe(reading(1, 0))
	return sale.Decision{Outcome: sale.SoldOut}, nil
}

func TestClaimIsMadeOnceWithADeadlineInRedisTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		s := start(t, &store{}, r, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(100 * time.Millisecond)
		for range 2 {
			if _, err := s.seller(t).Buy(t.Context(), "ann", 2, 0); err != nil {
				t.Fatal(err)
			}
		}
		a, b := r.claims[0], r.claims[1]
		if a.Order == b.Order || a.Buyer != "ann" || a.Quantity != 2 {
			t.Errorf("got claims %+v and %+v, want ann's 2 twice under two order ids", a, b)
		}
		if want := noon.Add(2100 * time.Millisecond); a.Deadline != want {
			t.Errorf("got deadline %d, want %d: Redis time and the patience", a.Deadline, want)
		}
	})
}

func TestSoldOutIsAnsweredWithoutAskingRedis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, r := &store{}, &remote{}
		s := start(t, st, r, checkout.Hooks{})
		defer s.ends(t)
		d := s.seller(t)
		d.Observe(reading(1, 0))
		if got, err := d.Precheck(); err != nil || got != sale.PhaseSoldOut {
			t.Errorf("precheck: got %v, %v, want sold-out", got, err)
		}
		got, err := d.Buy(t.Context(), "ann", 1, 0)
		if err != nil || got.Outcome != sale.SoldOut {
			t.Errorf("got %v, %v, want sold-out", got.Outcome, err)
		}
		if len(r.claims) != 0 || st.count("refill s") != 0 || st.count("expire s") != 0 {
			t.Errorf("got %d claims and the calls %v, want no call of Redis", len(r.claims), st.calls)
		}
	})
}

// TestWindowFollowsRedisTime: the bubble's wall clock is in the year 2000, far
// outside every window here; only Redis time may count.
func TestWindowFollowsRedisTime(t *testing.T) {
	for _, test := range []struct {
		name          string
		opens, closes sale.Instant
		closed        bool
		now, later    sale.Phase
	}{
		{"opens by Redis time alone", noon + 300, 0, false, sale.PhaseScheduled, sale.PhaseOnSale},
		{"closes by Redis time alone", 0, noon + 300, false, sale.PhaseOnSale, sale.PhaseClosed},
		{"closed by the operator inside the window", 0, 0, true, sale.PhaseClosed, sale.PhaseClosed},
		{"is open for ever", 0, 0, false, sale.PhaseOnSale, sale.PhaseOnSale},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := definition("s")
				d.Opens, d.Closes, d.Closed = test.opens, test.closes, test.closed
				st := &store{read: func(context.Context, sale.ID, sale.Generation) (sale.Sale, sale.Reading, error) {
					return d, planned(10, 0), nil
				}}
				r := &remote{}
				s := start(t, st, r, checkout.Hooks{})
				defer s.ends(t)
				for _, want := range []sale.Phase{test.now, test.later} {
					if got, err := s.seller(t).Precheck(); err != nil || got != want {
						t.Errorf("precheck: got %v, %v, want %v", got, err, want)
					}
					time.Sleep(300 * time.Millisecond)
				}
			})
		})
	}
}

// TestRefillThatFailsSoldNothing: a refill reserves nothing, so a buyer whose refill
// timed out has no order to look for, whatever became of the call.
func TestRefillThatFailsSoldNothing(t *testing.T) {
	lost := fmt.Errorf("refill: %w: i/o timeout", sale.ErrUnknown)
	synctest.Test(t, func(t *testing.T) {
		st := &store{read: dry, refill: func(context.Context, sale.ID, sale.Generation, int, int, int, int) (sale.Grant, error) {
			return sale.Grant{}, lost
		}}
		r := &remote{}
		s := start(t, st, r, checkout.Hooks{})
		defer s.ends(t)
		_, err := s.seller(t).Buy(t.Context(), "ann", 1, 0)
		if !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown) {
			t.Errorf("got %v, want ErrUnavailable and not ErrUnknown", err)
		}
		if len(r.claims) != 0 {
			t.Errorf("got %d claims, want none", len(r.claims))
		}
	})
}

// dry reads a sale whose plan leaves this node nothing.
func dry(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
	return definition(id), planned(0, 0), nil
}

func TestDryNodeRefillsInOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var quantity, own, all, limit int
		var known sale.Generation
		st := &store{
			read: dry,
			refill: func(_ context.Context, _ sale.ID, k sale.Generation, n, q, o, a int) (sale.Grant, error) {
				known, limit, quantity, own, all = k, n, q, o, a
				return sale.Grant{Reading: reading(2, 5), Result: sale.Granted, Tickets: 5}, nil
			},
		}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		st.calls = nil
		got, err := s.seller(t).Buy(t.Context(), "ann", 3, 0)
		if err != nil || got.Outcome != sale.Held {
			t.Fatalf("got %v, %v, want held", got.Outcome, err)
		}
		if want := fmt.Sprint([]string{"refill s"}); fmt.Sprint(st.calls) != want {
			t.Errorf("got the calls %v, want %v", st.calls, want)
		}
		if known != 1 || quantity != 3 || own != 2 || all != 7 || limit != checkout.DefaultConfig().Expire {
			t.Errorf("got known %d, quantity %d, weights %d of %d, limit %d", known, quantity, own, all, limit)
		}
		if got := s.seller(t).Remaining(); got != 5 {
			t.Errorf("got remaining %d, want the refill's 5", got)
		}
		wantLevel(t, s.seller(t), 2)
	})
}

func TestDryNodeOfASoldOutSaleIsSoldOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &store{read: dry, refill: func(context.Context, sale.ID, sale.Generation, int, int, int, int) (sale.Grant, error) {
			return sale.Grant{Reading: reading(1, 0), Result: sale.GrantSoldOut}, nil
		}}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		got, err := s.seller(t).Buy(t.Context(), "ann", 1, 0)
		if err != nil || got.Outcome != sale.SoldOut {
			t.Errorf("got %v, %v, want sold-out", got.Outcome, err)
		}
		if !s.seller(t).Local().SoldOut() || s.seller(t).Remaining() != 0 {
			t.Error("got no lease, want what the refill read to start one")
		}
	})
}
