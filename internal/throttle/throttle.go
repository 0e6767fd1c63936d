// Package throttle keeps long reads from slowing down anyone who is served meanwhile.
package throttle

import (
	"context"
	"time"

	"onsale/internal/pause"
)

// Rest is how long a reader rests after each piece, in multiples of the time that the piece
// took. Zero reads as fast as possible.
//
// Raised, the read takes longer and buyers notice less of it; lowered, the reverse.
type Rest float64

// Reader is one long read. It is not safe for concurrent use.
type Reader struct {
	rest Rest
	woke time.Time
}

// Begin starts the clock of the first piece.
func (r Rest) Begin() *Reader { return &Reader{rest: r, woke: time.Now()} }

// Rest is called after each piece. It returns ctx's error where ctx ends first.
func (r *Reader) Rest(ctx context.Context) error {
	if r.rest <= 0 {
		return nil
	}
	if !pause.For(ctx, time.Duration(float64(r.rest)*float64(time.Since(r.woke)))) {
		return ctx.Err()
	}
	r.woke = time.Now()
	return nil
}
