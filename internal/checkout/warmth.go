package checkout

import (
	"sync"
	"sync/atomic"
	"time"

	"onsale/internal/sale"
)

// freshFor is how old a reading of a cold sale may be that something is said from: as old as
// the sold-out lease lets it be, and twice as old as that of a hot one.
const freshFor = time.Second

// warmth is what a desk knows of how often its sale is polled. A cold sale is looked at in
// turn, so what is known of it may be old: the first who asks reads it, and all who ask
// meanwhile wait for that.
type warmth struct {
	cold   atomic.Bool  // no poll keeps it fresh; the shop's Run sets it
	asked  atomic.Int64 // when somebody who may buy asked for it, in ns since began
	began  time.Time
	flight flight
	read   func() error
}

// ask notes that somebody who may buy wants the sale. It is called for every purchase, so it
// writes only now and then.
func (w *warmth) ask() {
	now := int64(time.Since(w.began))
	if last := w.asked.Load(); last == 0 || now-last > int64(100*time.Millisecond) {
		w.asked.Store(max(now, 1))
	}
}

// askedAt is when that was last; ok is false if never.
func (w *warmth) askedAt() (at time.Time, ok bool) {
	ns := w.asked.Load()
	return w.began.Add(time.Duration(ns)), ns != 0
}

// Fresh reads the sale first if it is cold and what is known of it is older than a second:
// nothing may be said from that, sold out and closed included. An error means that it can't
// be read.
func (d *Desk) Fresh() error {
	if !d.warmth.cold.Load() || d.fresh() {
		return nil
	}
	return d.warmth.flight.do(func() error {
		if d.fresh() { // another flight landed just before this one began
			return nil
		}
		return d.warmth.read()
	})
}

func (d *Desk) fresh() bool {
	r := d.newest.Load()
	return r != nil && time.Since(r.Sent) <= freshFor
}

// Wanted is Fresh for a purchase, whose buyer is not known yet. It keeps a hot sale hot, as
// the crowd of one that is sold out never shows its tokens; a cold one gets hot only through
// Buy, or anybody could heat every sale.
func (d *Desk) Wanted() error {
	if !d.warmth.cold.Load() {
		d.warmth.ask()
		return nil
	}
	return d.Fresh()
}

// Priced has the desk know what the sale costs now, where an order of it shows that this was
// changed: the order costs nothing, and the sale as it was polled last does, or the other way
// round. From its first order on a price stays, so what is read after that is right.
func (d *Desk) Priced(o sale.Order) error {
	for range 2 { // a flight that was under way may have read before the change
		if o.Free() == (d.Sale().Price == 0) {
			return nil
		}
		if err := d.warmth.flight.do(d.warmth.read); err != nil {
			return err
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
