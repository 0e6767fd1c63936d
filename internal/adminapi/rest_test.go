package adminapi

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// An operator who paged through 300,000 refunds as fast as they came doubled what buyers waited.
func TestPagesRestForBuyersInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const took = 5 * time.Millisecond
		r, begun, pages := newRest(), time.Now(), 0
		clients := make(chan struct{})
		for range 2 { // two clients share the rest
			go func() {
				for range 5 {
					err := r.read(t.Context(), func() error { time.Sleep(took); pages++; return nil })
					if err != nil {
						t.Error(err)
					}
				}
				clients <- struct{}{}
			}()
		}
		<-clients
		<-clients
		// The first page waits for nothing, and after the last one nobody waits.
		if got, want := time.Since(begun), 10*took+9*listRest*took; got != want || pages != 10 {
			t.Errorf("got %d pages in %v, want 10 in %v", pages, got, want)
		}
		time.Sleep(time.Second)
		begun = time.Now()
		for range 2 { // after a failure there is no rest
			if err := r.read(t.Context(), func() error { time.Sleep(took); return errors.New("away") }); err == nil {
				t.Error("got no error, want the page's")
			}
		}
		if got := time.Since(begun); got != 2*took {
			t.Errorf("got two failures in %v, want them at once after a pause", got)
		}
	})
}

func TestAClientThatLeavesGivesItsTurnBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRest()
		if err := r.read(t.Context(), func() error { time.Sleep(time.Second); return nil }); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.read(ctx, func() error { t.Error("read out of turn"); return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that the time is over", err)
		}
		begun := time.Now()
		if err := r.read(t.Context(), func() error { return nil }); err != nil || time.Since(begun) != (listRest-1)*time.Second {
			t.Errorf("got %v after %v, want the turn after the rest of the rest", err, time.Since(begun))
		}
	})
}

// A page of a hundred refunds kept Redis from buyers in one piece.
func TestAPageIsReadInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const took, entries = time.Millisecond, 2*pieceLimit + 15
		read := func(after string, limit int) (asked []int, next string) {
			begun := time.Now()
			next, err := newRest().list(t.Context(), page{after, limit}, func(after string, limit int) (int, string, error) {
				time.Sleep(took)
				asked = append(asked, limit)
				from := 0
				if after != "" {
					var err error
					if from, err = strconv.Atoi(after); err != nil {
						t.Error(err)
					}
				}
				to := min(from+limit, entries)
				if to == entries {
					return to - from, "", nil
				}
				return to - from, strconv.Itoa(to), nil
			})
			if err != nil {
				t.Error(err)
			}
			if got, want := time.Since(begun), took+time.Duration(len(asked)-1)*(listRest+1)*took; got != want {
				t.Errorf("got %d pieces in %v, want a rest between two: %v", len(asked), got, want)
			}
			return asked, next
		}
		for _, c := range []struct {
			after string
			limit int
			asked []int
			next  string
		}{
			{"", 7, []int{7}, "7"},
			{"", pieceLimit, []int{pieceLimit}, strconv.Itoa(pieceLimit)},
			{"7", pieceLimit + 3, []int{pieceLimit, 3}, strconv.Itoa(pieceLimit + 10)},
			{"", 1000, []int{pieceLimit, pieceLimit, pieceLimit}, ""},
		} {
			if asked, next := read(c.after, c.limit); !slices.Equal(asked, c.asked) || next != c.next {
				t.Errorf("from %q at most %d: got pieces of %v and %q next, want %v and %q", c.after, c.limit, asked, next, c.asked, c.next)
			}
		}
	})
}

func TestAPieceThatFailsEndsThePage(t *testing.T) {
	away := errors.New("away")
	pieces := 0
	_, err := newRest().list(t.Context(), page{limit: 1000}, func(string, int) (int, string, error) {
		pieces++
		if pieces == 2 {
			return 0, "", away
		}
		return 1, "more", nil
	})
	if !errors.Is(err, away) || pieces != 2 {
		t.Errorf("got %v after %d pieces, want %v after 2", err, pieces, away)
	}
}
