package adminapi

import (
	"context"
	"time"

	"onsale/internal/pause"
)

// listRest is for how long no list is read after a piece of one, in multiples of the time that the
// piece took Redis. Raised, a client that pages through a long list waits longer; lowered, buyers of a sale
// that sells wait for Redis behind the lists.
const listRest = 9

// pieceLimit is how many entries of a list one call of Redis reads: a page is read in such pieces, with
// rests in between. Raised, a buyer waits longer for the call of an operator's page; lowered, a page takes more calls.
const pieceLimit = 50

// rest has the pieces of lists wait for each other, and for buyers in between. All lists of a process
// share one.
type rest struct {
	turn chan time.Time // one element: when the next piece may be read
}

func newRest() rest {
	r := rest{turn: make(chan time.Time, 1)}
	r.turn <- time.Time{}
	return r
}

// list reads a page in pieces. piece reads at most limit entries from a place on, and returns how many
// these were and where the next ones begin, or "". list returns where the next page begins.
func (r rest) list(ctx context.Context, page page, piece func(after string, limit int) (count int, next string, err error)) (string, error) {
	for next, left := page.after, page.limit; ; {
		count := 0
		err := r.read(ctx, func() (err error) {
			count, next, err = piece(next, min(left, pieceLimit))
			return err
		})
		left -= count
		if err != nil || next == "" || left <= 0 {
			return next, err
		}
	}
}

// read calls piece once its turn has come. It returns ctx's error if ctx ends before that, and
// otherwise piece's.
func (r rest) read(ctx context.Context, piece func() error) error {
	var free time.Time
	select {
	case free = <-r.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !pause.For(ctx, time.Until(free)) {
		r.turn <- free
		return ctx.Err()
	}
	begun := time.Now()
	err := piece()
	if err != nil { // nobody waits for a store that is away
		r.turn <- time.Time{}
		return err
	}
	r.turn <- time.Now().Add(listRest * time.Since(begun))
	return nil
}
