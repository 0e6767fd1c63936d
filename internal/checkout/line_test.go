package checkout_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
	"onsale/internal/line"
	"onsale/internal/sale"
)

// lines is a store whose sale has a line of ten drawn and more in turn, with the front where
// the test has it.
func lines(front *atomic.Int64) *store {
	s := &store{}
	s.read = func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
		d, r := s.look(id, 10)
		d.Admission, d.LineRate, d.LineLimit = sale.AdmitLine, 5, 100
		d.LineSecret = sale.Secret(strings.Repeat("0a", 32))
		r.Line = &sale.Line{Joined: 20, Drawn: 10, Over: true, Turn: 10, Front: front.Load()}
		return d, r, nil
	}
	return s
}

// drawn is a draw that has one buyer.
type drawn struct {
	buyer sale.Buyer
	nonce [32]byte
}

func (d drawn) Position(id sale.ID, buyer sale.Buyer, nonce [32]byte) int64 {
	if id == "s" && buyer == d.buyer && nonce == d.nonce {
		return 4
	}
	return 0
}

func wantTurn(t *testing.T, d *checkout.Seller, buyer sale.Buyer, proof sale.Proof, want sale.Turn) {
	t.Helper()
	if got, err := d.Turn(buyer, proof); err != nil || got != want {
		t.Errorf("%s: got %+v, %v, want %+v", buyer, got, err, want)
	}
}

func TestATurnComesWithTheFront(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var front atomic.Int64
		front.Store(12)
		s := start(t, lines(&front), &remote{}, checkout.Hooks{})
		defer s.ends(t)
		d := s.seller(t)
		wantTurn(t, d, "ann", sale.Proof{Place: 2}, sale.Turn{Position: 12, Front: 12, Come: true})
		wantTurn(t, d, "bob", sale.Proof{Place: 3}, sale.Turn{Position: 13, Front: 12})
		ann := sale.Proof{Place: sale.Drawn, Nonce: [32]byte{1}}
		wantTurn(t, d, "ann", ann, sale.Turn{Front: 12}) // nobody knows the draw yet
		d.Drawn(drawn{"ann", ann.Nonce})
		wantTurn(t, d, "ann", ann, sale.Turn{Position: 4, Front: 12, Come: true})
		wantTurn(t, d, "bob", ann, sale.Turn{Front: 12})
	})
}

// TestNobodyWaitsByAReadingOfLongAgo: the front has moved since.
func TestNobodyWaitsByAReadingOfLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var front atomic.Int64
		front.Store(10)
		s := start(t, lines(&front), &remote{}, checkout.Hooks{})
		defer s.ends(t)
		d := s.seller(t)
		s.store.count("read s")
		front.Store(11)
		wantTurn(t, d, "ann", sale.Proof{Place: 1}, sale.Turn{Position: 11, Front: 10}) // read this moment
		before := s.store.count("read s")
		time.Sleep(250 * time.Millisecond) // no poll yet
		wantTurn(t, d, "ann", sale.Proof{Place: 1}, sale.Turn{Position: 11, Front: 11, Come: true})
		wantTurn(t, d, "ann", sale.Proof{Place: 1}, sale.Turn{Position: 11, Front: 11, Come: true})
		if n := s.store.count("read s") - before; n != 1 {
			t.Errorf("got %d reads, want one", n)
		}
		front.Store(3) // of a reply that was overtaken, or a Redis that lost data: the front does not fall
		time.Sleep(time.Second)
		wantTurn(t, d, "ann", sale.Proof{Place: 1}, sale.Turn{Position: 11, Front: 11, Come: true})
	})
}

func TestAJoinHasTheNonceOfItsBuyer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var front atomic.Int64
		r := &remote{join: func(j sale.Join) (sale.Placed, error) {
			if j.Buyer == "eva" {
				return sale.Placed{}, sale.ErrUnknown
			}
			return sale.Placed{Outcome: sale.Joined, Place: 7}, nil
		}}
		s := start(t, lines(&front), r, checkout.Hooks{})
		defer s.ends(t)
		_, ann, err := s.seller(t).Join("ann", 0)
		want := sale.Proof{Place: 7, Nonce: line.Nonce([]byte(strings.Repeat("\x0a", 32)), "ann")}
		if err != nil || ann != want {
			t.Errorf("got %+v, %v, want %+v", ann, err, want)
		}
		if _, _, err := s.seller(t).Join("eva", 0); !errors.Is(err, sale.ErrUnknown) {
			t.Errorf("got %v, want ErrUnknown", err)
		}
	})
}

// TestWhoWasDrawnNeedsNoToken: Redis may have lost the place and the buyer the token. A token of one whom
// the draw does not have is worth nothing.
func TestWhoWasDrawnNeedsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var front atomic.Int64
		var got sale.Join
		r := &remote{join: func(j sale.Join) (sale.Placed, error) {
			got = j
			return sale.Placed{Outcome: sale.Rejoined, Place: sale.Drawn}, nil
		}}
		s := start(t, lines(&front), r, checkout.Hooks{})
		defer s.ends(t)
		want := func(buyer sale.Buyer, proof sale.Place, want sale.Join) {
			t.Helper()
			want.Buyer = buyer
			if _, _, err := s.seller(t).Join(buyer, proof); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
		want("ann", 0, sale.Join{})
		want("ann", sale.Drawn, sale.Join{Proof: sale.Drawn}) // nobody knows the draw yet
		s.seller(t).Drawn(drawn{"ann", line.Nonce([]byte(strings.Repeat("\x0a", 32)), "ann")})
		want("ann", 0, sale.Join{Proof: sale.Drawn, Sure: true})
		want("ann", sale.Drawn, sale.Join{Proof: sale.Drawn, Sure: true})
		want("bob", 0, sale.Join{})
		want("bob", sale.Drawn, sale.Join{})
		want("bob", 3, sale.Join{Proof: 3})
	})
}
