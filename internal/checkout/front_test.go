package checkout_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
	"onsale/internal/sale"
)

// TestANodeMovesAFrontThatRests: so that everything sells without an allocator (L6), also if waiting
// pages are all who ask. While an allocator works on the front, or there is nothing to admit
// anybody to, no node does.
func TestANodeMovesAFrontThatRests(t *testing.T) {
	beats := func(_ *sale.Sale, r *sale.Reading) { r.Line.FrontAt = sale.Instant(time.Now().UnixMilli()) }
	for name, c := range map[string]struct {
		change      func(*sale.Sale, *sale.Reading)
		least, most int // calls in half a minute
		fails       bool
	}{
		"while an allocator works on it":  {change: beats},
		"while nobody does":               {change: func(*sale.Sale, *sale.Reading) {}, least: 5, most: 6},
		"while nothing is left":           {change: func(_ *sale.Sale, r *sale.Reading) { r.Remaining = 0 }},
		"before the draw":                 {change: func(_ *sale.Sale, r *sale.Reading) { r.Line.Over = false }},
		"before the sale opens":           {change: func(s *sale.Sale, _ *sale.Reading) { s.Opens = noon.Add(time.Minute) }},
		"after it was closed":             {change: func(s *sale.Sale, _ *sale.Reading) { s.Closed = true }},
		"in a sale without turns":         {change: func(s *sale.Sale, _ *sale.Reading) { s.Admission = sale.AdmitJoined }},
		"in a sale without a line":        {change: func(s *sale.Sale, r *sale.Reading) { s.Admission, r.Line = sale.AdmitAll, nil }},
		"as soon as the sale is open":     {change: func(s *sale.Sale, _ *sale.Reading) { s.Opens = noon.Add(20 * time.Second) }, least: 1, most: 2},
		"and is not held up by a failure": {change: func(*sale.Sale, *sale.Reading) {}, least: 5, most: 6, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var front atomic.Int64
				st := lines(&front)
				read, began := st.read, time.Now()
				st.read = func(ctx context.Context, id sale.ID, known sale.Generation) (sale.Sale, sale.Reading, error) {
					d, r, err := read(ctx, id, known)
					r.At = noon.Add(time.Since(began))
					c.change(&d, &r)
					return d, r, err
				}
				st.expire = func(context.Context, sale.ID, sale.Generation, int) (int, bool, sale.Reading, error) {
					return 0, false, sale.Reading{Sent: time.Now(), At: noon.Add(time.Since(began)), Stock: 1}, nil
				}
				st.advance = func(_ sale.ID, known int64) (int64, sale.Reading, error) {
					if c.fails {
						return 0, sale.Reading{}, errors.New("away")
					}
					return known + 1, sale.Reading{Sent: time.Now(), At: noon.Add(time.Since(began)), Remaining: 1000, Stock: 1}, nil
				}
				s := start(t, st, &remote{}, checkout.Hooks{})
				defer s.ends(t)
				for range 30 {
					time.Sleep(time.Second)
					if _, _, err := s.seller(t).Show(); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait() // a poll is due at this moment, too
				n := st.count("advance s")
				if n < c.least || n > c.most {
					t.Errorf("got %d calls, want %d to %d", n, c.least, c.most)
				}
				want := int64(n)
				if c.fails {
					want = 0
				}
				if got := s.seller(t).Stands("ann", sale.Proof{Place: 1}); got.Front != want {
					t.Errorf("got the front %d, want %d", got.Front, want)
				}
			})
		})
	}
}

// TestOneMovesTheFrontAtATime of the poll and all who ask meanwhile.
func TestOneMovesTheFrontAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var front atomic.Int64
		st, began := lines(&front), time.Now()
		st.advance = func(_ sale.ID, known int64) (int64, sale.Reading, error) {
			time.Sleep(3 * time.Second) // a slow Redis
			front.Store(11)
			return 11, sale.Reading{Sent: time.Now(), At: noon, Remaining: 1000, Stock: 1}, nil
		}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		d := s.seller(t)
		if _, err := d.Buy(t.Context(), "eva", 1, 1); err != nil { // so polls read the sale, too
			t.Fatal(err)
		}
		time.Sleep(4900 * time.Millisecond)
		for time.Since(began) < 9*time.Second {
			time.Sleep(100 * time.Millisecond)
			for range 5 {
				if _, err := d.Turn("ann", sale.Proof{Place: 1}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := st.count("advance s"); n != 1 {
			t.Errorf("got %d calls, want one", n)
		}
		wantTurn(t, d, "ann", sale.Proof{Place: 1}, sale.Turn{Position: 11, Front: 11, Come: true})
	})
}
