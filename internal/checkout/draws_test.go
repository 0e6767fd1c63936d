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

// places are those who were drawn. The first read fails.
type places struct {
	buyers atomic.Pointer[[]string]
	reads  atomic.Int64
	step   func(sale.DrawStep, string) (sale.Line, error)
}

func (p *places) Draw(_ context.Context, _ sale.ID, step sale.DrawStep, value string) (sale.Line, error) {
	if p.step == nil {
		return sale.Line{}, errors.New("no step is due")
	}
	return p.step(step, value)
}

func (p *places) Entries(context.Context, sale.ID, int, func([]byte)) error { return nil }

func (p *places) KeepEntries(context.Context, sale.ID, string, int, []byte) error { return nil }

func (p *places) DrawnPlaces(_ context.Context, _ sale.ID, each func(sale.Buyer)) error {
	if p.reads.Add(1) == 1 {
		return errors.New("away")
	}
	for _, b := range *p.buyers.Load() {
		each(sale.Buyer(b))
	}
	return nil
}

// TestANodeComputesTheDrawOnceItIsPublished: not before, from the published list alone, and as whoever verifies it does.
func TestANodeComputesTheDrawOnceItIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret, seed := strings.Repeat("0a", 32), strings.Repeat("0b", 32)
		list, err := line.NewList("s", secret)
		if err != nil {
			t.Fatal(err)
		}
		buyers := []string{"ann", "bob", "cem", "dan"}
		for _, b := range buyers {
			list.Add(b)
		}
		is := &atomic.Pointer[sale.Line]{}
		is.Store(&sale.Line{Joined: 4, Drawn: 4, Over: true})
		st := &store{}
		st.read = func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
			d, r := st.look(id, 10)
			d.ID, d.Admission, d.LineRate, d.LineLimit, d.DrawAt, d.Beacon = id, sale.AdmitLine, 5, 100, 1, "drand 7"
			d.LineSecret, d.LineSeed = sale.Secret(secret), sale.Secret(seed)
			r.Line = is.Load()
			return d, r, nil
		}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		p := &places{}
		p.buyers.Store(&[]string{"ann", "bob", "cem", "dan", "eva"}) // eva was not in the list
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- s.FollowDraws(ctx, p) }()
		defer func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		position := func(b string) int64 {
			secret := []byte(strings.Repeat("\x0a", 32))
			return s.seller(t).Stands(sale.Buyer(b), sale.Proof{Place: sale.Drawn, Nonce: line.Nonce(secret, b)}).Position
		}
		next := func(change func(*sale.Line)) {
			l := *is.Load()
			change(&l)
			is.Store(&l)
			time.Sleep(time.Minute)
		}
		time.Sleep(time.Minute)
		next(func(l *sale.Line) { l.List = line.HashEntries(list.Sorted()).String() })
		if n := p.reads.Load(); n != 0 {
			t.Errorf("got %d reads before the beacon, want none", n)
		}
		next(func(l *sale.Line) { l.BeaconValue = "v" })
		if n := position("ann"); n != 0 {
			t.Errorf("got position %d by another list than the published one", n)
		}
		p.buyers.Store(&buyers)
		time.Sleep(time.Minute)
		want := line.NewDraw(line.Seed([]byte(strings.Repeat("\x0b", 32))), []byte("v"), list.Sorted())
		for _, b := range buyers {
			entry := line.NewEntry("s", b, line.Nonce([]byte(strings.Repeat("\x0a", 32)), b))
			if n := position(b); n == 0 || n != int64(want.Position(entry)) {
				t.Errorf("%s: got position %d, want %d", b, n, want.Position(entry))
			}
		}
		before := p.reads.Load()
		time.Sleep(time.Minute)
		if n := p.reads.Load() - before; n != 0 {
			t.Errorf("got %d more reads, want none", n)
		}
	})
}

// TestANodeTakesTheDrawIfNoAllocatorDoes: five seconds after it is due, and until it is taken.
func TestANodeTakesTheDrawIfNoAllocatorDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := &atomic.Pointer[sale.Line]{}
		is.Store(&sale.Line{Joined: 2})
		st := &store{}
		begun := time.Now()
		var steps atomic.Int64
		st.read = func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
			d, r := st.look(id, 10)
			d.ID, d.Admission, d.LineRate, d.LineLimit = id, sale.AdmitLine, 5, 100
			d.DrawAt = r.At.Add(30*time.Second - time.Since(begun))
			d.Opens = d.DrawAt.Add(time.Minute)
			d.LineSecret, d.LineSeed = sale.Secret(strings.Repeat("0a", 32)), sale.Secret(strings.Repeat("0b", 32))
			r.Line = is.Load()
			return d, r, nil
		}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		p := &places{}
		p.buyers.Store(&[]string{"ann", "bob"})
		var busy atomic.Bool
		busy.Store(true)
		p.step = func(step sale.DrawStep, value string) (sale.Line, error) {
			if after := time.Since(begun); after < 35*time.Second {
				t.Errorf("got the step %s after %v, want none before an allocator had five seconds", step, after)
			}
			l := *is.Load()
			steps.Add(1)
			switch {
			case busy.Load():
				return l, sale.ErrDrawing
			case step == sale.DrawFreeze:
				l.Over, l.Drawn = true, 2
			case step == sale.DrawList:
				l.List = value
			}
			is.Store(&l)
			return l, nil
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- s.FollowDraws(ctx, p) }()
		defer func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(time.Minute)
		if n := steps.Load(); n < 4 || n > 7 || p.reads.Load() != 0 {
			t.Errorf("got %d tries and %d reads while another one is at it, want a try every five seconds", n, p.reads.Load())
		}
		busy.Store(false)
		time.Sleep(time.Minute)
		if l := is.Load(); !l.Over || l.List == "" {
			t.Errorf("got %+v, want it frozen, and the list published at the second try, as the first read fails", l)
		}
		nonce := line.Nonce([]byte(strings.Repeat("\x0a", 32)), "ann")
		if got := s.seller(t).Stands("ann", sale.Proof{Place: sale.Drawn, Nonce: nonce}); got.Position == 0 {
			t.Errorf("got %+v, want a position", got)
		}
		before := steps.Load()
		time.Sleep(time.Minute)
		if n := steps.Load() - before; n != 0 {
			t.Errorf("got %d steps more, want none", n)
		}
	})
}
