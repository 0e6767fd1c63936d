package remotestock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

func change(t *testing.T, s *remotestock.Store, id sale.ID, change func(*sale.Sale)) error {
	t.Helper()
	return s.Change(context.Background(), id, func(d *sale.Sale) error { change(d); return nil })
}

// TestWhatMayChangeWhileASaleSells: window, price, limit and title of a sale were for ever.
func TestWhatMayChangeWhileASaleSells(t *testing.T) {
	ctx := context.Background()
	const later = 4_000_000_000_000
	title := func(d *sale.Sale) { d.Title, d.Subtitle, d.Rules = "Postponed", "To May", "None." }
	closes := func(d *sale.Sale) { d.Closes = later + 1 }
	opens := func(d *sale.Sale) { d.Opens = later }
	hold := func(d *sale.Sale) { d.HoldFor, d.Lapses = time.Minute, 2 }
	price := func(d *sale.Sale) { d.Price++ }
	more := func(d *sale.Sale) { d.Limit++ }
	less := func(d *sale.Sale) { d.Limit-- }
	other := func(d *sale.Sale) { d.Currency = "USD" }
	both := func(d *sale.Sale) { title(d); price(d) }
	for name, test := range map[string]struct {
		ordered, closed, future bool
		change                  func(*sale.Sale)
		refused                 bool
	}{
		"texts":                         {ordered: true, change: title},
		"texts of a closed sale":        {ordered: true, closed: true, change: title},
		"the end":                       {ordered: true, change: closes},
		"hold time and lapses":          {ordered: true, change: hold},
		"the price before any order":    {change: price},
		"the price after an order":      {ordered: true, change: price, refused: true},
		"the price of a closed sale":    {ordered: true, closed: true, change: price, refused: true},
		"text and price after an order": {ordered: true, change: both, refused: true},
		"the beginning before an order": {change: opens},
		"the beginning after an order":  {ordered: true, change: opens, refused: true},
		"a higher limit":                {ordered: true, change: more},
		"a lower limit while it sells":  {change: less, refused: true},
		"a lower limit while closed":    {ordered: true, closed: true, change: less},
		"a lower limit before it opens": {future: true, change: less},
		"the currency":                  {change: other, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := newStore(t, fastRedis(t), "n1")
			d := newSale("terms", 10)
			if test.future {
				d.Opens = later
			}
			open(t, s, d)
			if test.ordered { // one that has ended is one as well
				mine := claim("ann", 1)
				if got, err := committer(t, s, d.ID).Decide(mine); err != nil || got.Outcome != sale.Held {
					t.Fatalf("got %v, %v, want held", got.Outcome, err)
				}
				if _, _, err := s.Cancel(ctx, d.ID, 0, mine.Order, "ann"); err != nil {
					t.Fatal(err)
				}
			}
			if test.closed {
				if err := s.SetClosed(ctx, d.ID, true); err != nil {
					t.Fatal(err)
				}
				d.Closed = true
			}
			want := d
			if !test.refused {
				test.change(&want)
			}
			before := wantClean(t, s, d.ID).Chain.Seq
			for n := range 2 { // sent again it changes nothing
				err := change(t, s, d.ID, func(is *sale.Sale) { *is = d; test.change(is) })
				if errors.Is(err, sale.ErrConflict) != test.refused || !test.refused && err != nil {
					t.Fatalf("change %d: got %v, want refused %v", n, err, test.refused)
				}
			}
			got, _, err := s.Read(ctx, d.ID, 0)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("got %v (-want +got):\n%s", err, diff)
			}
			snapshot := wantClean(t, s, d.ID)
			if test.refused {
				if snapshot.Chain.Seq != before {
					t.Errorf("got %d events, want none beyond %d", snapshot.Chain.Seq, before)
				}
				return
			}
			last := snapshot.Stream[len(snapshot.Stream)-1]
			if diff := cmp.Diff(&want, last.Changed); diff != "" || snapshot.Chain.Seq != before+1 || last.Fault != "" {
				t.Errorf("got event %d, fault %q, want one that has the terms (-want +got):\n%s", snapshot.Chain.Seq, last.Fault, diff)
			}
		})
	}
}

// TestTwoChangesAtOnceBothHold: a change is made upon what the other one left.
func TestTwoChangesAtOnceBothHold(t *testing.T) {
	s, _ := newStore(t, fastRedis(t), "n1")
	open(t, s, newSale("twice", 10))
	calls := 0
	err := change(t, s, "twice", func(d *sale.Sale) {
		d.Title = "Mine"
		if calls++; calls == 1 {
			if err := change(t, s, "twice", func(d *sale.Sale) { d.Subtitle = "Theirs" }); err != nil {
				t.Error(err)
			}
		}
	})
	got, _, err2 := s.Read(context.Background(), "twice", 0)
	if err != nil || err2 != nil || got.Title != "Mine" || got.Subtitle != "Theirs" || calls != 2 {
		t.Errorf("got %q and %q after %d calls, %v, %v, want both changes after 2", got.Title, got.Subtitle, calls, err, err2)
	}
	if err := change(t, s, "nothing", func(*sale.Sale) {}); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("got %v, want ErrNoSale", err)
	}
}

func TestTermsOfALineMayChangeWhileASaleSells(t *testing.T) {
	s, _ := newStore(t, fastRedis(t), "n1")
	d := lined("line", 0)
	open(t, s, d)
	terms := func(d *sale.Sale) {
		d.LineRate, d.LineLimit, d.ProofEasy, d.PayURL = 7, 2000, 30_000, "https://pay.example/{order}"
	}
	if err := change(t, s, d.ID, terms); err != nil {
		t.Fatal(err)
	}
	got, _, err := s.Read(context.Background(), d.ID, 0)
	want := got
	terms(&want)
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}
