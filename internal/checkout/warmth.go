package checkout

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"onsale/internal/sale"
)

// freshFor is how old a reading of a cold sale may be for an answer: as old as
// the sold-out lease lets it be, and twice as old as that of a hot one.
const freshFor = time.Second

// warmth is what a seller knows of how often its sale is polled. A cold sale is looked at in
// turn, so what is known of it may be old: the first who asks reads it, and all who ask
// meanwhile wait for that.
type warmth struct {
	cold   atomic.Bool  // no poll keeps it fresh; the catalog's Run sets it
	asked  atomic.Int64 // when somebody who may buy asked for it, in ns since the catalog began
	wanted *wanted
	flight flight
	read   func() error
}

// ask notes that somebody who may buy wants the sale. It is called for every purchase, so it
// writes only now and then.
func (w *warmth) ask(id sale.ID) {
	ns := max(int64(time.Since(w.wanted.began)), 1) // which reads half as many clocks as time.Now
	if last := w.asked.Load(); last != 0 && ns-last <= int64(100*time.Millisecond) || !w.asked.CompareAndSwap(last, ns) {
		return
	}
	w.wanted.put(id, time.Now())
}

// wanted is which sales were asked for since the last poll, and when. An idle poll costs nothing
// per sale that way.
type wanted struct {
	began time.Time
	mu    sync.Mutex
	at    map[sale.ID]time.Time
	spare map[sale.ID]time.Time // empty; the poll that reads at puts it in its place
}

func newWanted() *wanted {
	return &wanted{began: time.Now(), at: map[sale.ID]time.Time{}, spare: map[sale.ID]time.Time{}}
}

func (w *wanted) put(id sale.ID, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[id] = at
}

// take calls do with each sale that was put since the last call. Only the polls call it.
func (w *wanted) take(do func(id sale.ID, at time.Time)) {
	w.mu.Lock()
	taken := w.at
	w.at = w.spare
	w.mu.Unlock()
	for id, at := range taken {
		do(id, at)
	}
	clear(taken)
	w.spare = taken
}

// refresh reads the sale first if it is cold and what is known of it is older than a second:
// no answer may be made from that, sold out and closed included. An error means that it can't
// be read.
func (s *Seller) refresh() error {
	if !s.warmth.cold.Load() || s.fresh() {
		return nil
	}
	return s.warmth.flight.do(func() error {
		if s.fresh() { // another flight landed just before this one began
			return nil
		}
		return s.warmth.read()
	})
}

func (s *Seller) fresh() bool {
	r := s.newest.Load()
	return r != nil && time.Since(r.Sent) <= freshFor
}

// refreshHot is refresh for a purchase whose buyer is not known yet. It keeps a hot sale hot, as
// buyers of one that is sold out never show their tokens; a cold one gets hot only through
// Buy, or anybody could heat every sale.
func (s *Seller) refreshHot() error {
	if !s.warmth.cold.Load() {
		s.warmth.ask(s.id)
		return nil
	}
	return s.refresh()
}

// priced reads the sale first if an order shows that its price was changed: the order costs
// nothing, and the sale as it was polled last does, or the other way round. An answer would
// show an order that must be paid as free, or a free one with an amount. From its first order
// on a price stays, so what is read after that is right. The error wraps sale.ErrUnknown, as
// there is an order that can't be shown.
func (s *Seller) priced(o sale.Order) error {
	for range 2 { // a flight that was under way may have read before the change
		if o.Free() == (s.Sale().Price == 0) {
			return nil
		}
		if err := s.warmth.flight.do(s.warmth.read); err != nil {
			return fmt.Errorf("the price of the order: %w: %v", sale.ErrUnknown, err)
		}
	}
	return nil // a hold that an earlier version took in a sale that costs nothing
}

// flight has one caller do something, and those who come meanwhile wait for it.
type flight struct {
	mu  sync.Mutex
	now *landing // nil: nobody is under way
}

type landing struct {
	done chan struct{}
	err  error // before done is closed
}

func (f *flight) do(what func() error) error {
	f.mu.Lock()
	if l := f.now; l != nil {
		f.mu.Unlock()
		<-l.done
		return l.err
	}
	l := &landing{done: make(chan struct{})}
	f.now = l
	f.mu.Unlock()
	l.err = what()
	f.mu.Lock()
	f.now = nil
	f.mu.Unlock()
	close(l.done)
	return l.err
}
