package adminapi

import (
	"context"
	"time"
)

// listRest is for how long no list is read after a page of one, in multiples of the time that the
// page took Redis. Raised, a client that pages through a long list waits longer; lowered, buyers of a sale
// that sells wait for Redis behind the pages.
const listRest = 9

// rest has the pages of lists wait for each other, and for buyers in between. All lists of a process
// share one.
type rest struct {
	turn chan time.Time // one element: when the next page may be read
}

func newRest() rest {
	r := rest{turn: make(chan time.Time, 1)}
	r.turn <- time.Time{}
	return r
}

// read calls page once its turn has come. It returns ctx's error if ctx ends before that, and
// otherwise page's.
func (r rest) read(ctx context.Context, page func() error) error {
	var free time.Time
	select {
	case free = <-r.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	wait := time.NewTimer(time.Until(free))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		r.turn <- free
		return ctx.Err()
	}
	begun := time.Now()
	err := page()
	if err != nil { // nobody waits for a store that is away
		r.turn <- time.Time{}
		return err
	}
	r.turn <- time.Now().Add(listRest * time.Since(begun))
	return nil
}
