package main

import (
	"context"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/pause"
	"onsale/internal/remotestock"
)

// moved is a move of the front.
type moved struct {
	upto int64
	at   time.Time // when, by Redis
	seen time.Time // when it was last looked at before: the front was not there
}

// lineLook is the line at a moment, read at once.
type lineLook struct {
	at                  time.Time // before the call
	front, remaining    int64
	lateJoined, lateMay int64 // ordinals of the late line: given, and called
}

// lineWatch looks at the line in Redis, so that what nodes answer is compared with what is.
type lineWatch struct {
	client redis.UniversalClient

	mu      sync.Mutex
	moves   []moved
	last    lineLook
	curve   []lineLook // whenever something has changed
	passed  int        // moves of the front while somebody waited in the late line
	waiting int64      // the longest late line
	err     error
}

// watchEvery is how exact its times are.
const watchEvery = 25 * time.Millisecond

// follow looks until ctx ends.
func (w *lineWatch) follow(ctx context.Context) {
	for ; ctx.Err() == nil; pause.For(ctx, watchEvery) {
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
		}
	}
}

func (w *lineWatch) look(ctx context.Context) error {
	keys := remotestock.Keys(lineSale)
	l := lineLook{at: time.Now()}
	var sale, front *redis.SliceCmd
	if _, err := w.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		sale = p.HMGet(ctx, keys[0], "front", "remaining", "front_at")
		front = p.HMGet(ctx, keys[13], "joined", "late")
		return nil
	}); err != nil {
		return err
	}
	var movedAt int64
	for i, to := range []*int64{&l.front, &l.remaining, &movedAt} {
		*to = numberOf(sale.Val()[i])
	}
	l.lateJoined, l.lateMay = numberOf(front.Val()[0]), numberOf(front.Val()[1])
	w.mu.Lock()
	defer w.mu.Unlock()
	w.take(l, time.UnixMilli(movedAt))
	return nil
}

func numberOf(v any) int64 {
	text, _ := v.(string) // a field that is missing is 0
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// take notes what has changed since the last look.
func (w *lineWatch) take(l lineLook, movedAt time.Time) {
	before := w.last
	w.waiting = max(w.waiting, l.lateJoined-l.lateMay)
	if l.front > before.front {
		w.moves = append(w.moves, moved{l.front, movedAt, before.at})
		// Whoever was in the late line at the look before has been called, or newcomers were admitted before.
		if l.lateMay < before.lateJoined {
			w.passed++
		}
	}
	if l.front != before.front || l.remaining != before.remaining {
		w.curve = append(w.curve, l)
	}
	w.last = l
}

func (w *lineWatch) now() lineLook {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// turnOf is the move that admitted a position, or false where none has.
func (w *lineWatch) turnOf(position int64) (moved, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := sort.Search(len(w.moves), func(i int) bool { return w.moves[i].upto >= position })
	if i == len(w.moves) {
		return moved{}, false
	}
	return w.moves[i], true
}

// when is the first look since an instant that something is true of.
func (w *lineWatch) when(since time.Time, is func(lineLook) bool) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.curve {
		if !l.at.Before(since) && is(l) {
			return l.at, true
		}
	}
	return time.Time{}, false
}
