package proof_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onsale/internal/proof"
	"onsale/internal/sale"
)

func TestDifficultyRisesSmoothlyAndStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hard := rapid.Int64Range(1, proof.MaxNumber).Draw(t, "hard")
		c := proof.Config{Easy: rapid.Int64Range(1, hard).Draw(t, "easy"), Hard: hard, Capacity: rapid.Float64Range(0.01, 1e6).Draw(t, "capacity")}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		joins := rapid.Float64Range(0, 1e9).Draw(t, "joins")
		got, more := c.Difficulty(joins), c.Difficulty(joins+c.Capacity/100)
		if got < c.Easy || more > c.Hard || more < got {
			t.Fatalf("got %d, and %d with more joins, want rising numbers from %d to %d", got, more, c.Easy, c.Hard)
		}
		// A hundredth of the capacity is a fiftieth of the way.
		if limit := math.Pow(float64(c.Hard)/float64(c.Easy), 0.021)*float64(got) + 1; float64(more) > limit {
			t.Fatalf("got %d, and %d with a hundredth more joins, want at most %.0f", got, more, limit)
		}
		if c.Difficulty(c.Capacity) != c.Hard || c.Difficulty(c.Capacity/2) != c.Easy {
			t.Fatalf("got %d at half of the capacity and %d at all of it, want %d and %d", c.Difficulty(c.Capacity/2), c.Difficulty(c.Capacity), c.Easy, c.Hard)
		}
	})
	for _, joins := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1} {
		if c := proof.DefaultConfig(); c.Difficulty(joins) < c.Easy || c.Difficulty(joins) > c.Hard {
			t.Errorf("%v joins a second: got %d, want %d to %d", joins, c.Difficulty(joins), c.Easy, c.Hard)
		}
	}
}

func TestAConfigIsValidated(t *testing.T) {
	for want, c := range map[string]proof.Config{
		"easy challenges of 0": {Easy: 0, Hard: 1, Capacity: 1},
		"easy challenges of 3": {Easy: 3, Hard: 2, Capacity: 1},
		"two seconds":          {Easy: 1, Hard: proof.MaxNumber + 1, Capacity: 1},
		"capacity of NaN":      {Easy: 1, Hard: 1, Capacity: math.NaN()},
		"capacity of 0":        {Easy: 1, Hard: 1},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := proof.NewWork(proof.Keys{proof.NewKey()}, c); err == nil {
			t.Errorf("%+v: got nil, want its faults", c)
		}
	}
	if _, err := proof.NewWork(nil, proof.DefaultConfig()); err == nil {
		t.Error("without keys: got nil, want an error")
	}
}

// A rush of joins makes challenges of this sale harder within seconds, and no others; afterwards they become easy again, step by step.
func TestDifficultyFollowsTheJoinsOfASale(t *testing.T) {
	config := proof.Config{Easy: 10, Hard: 40, Capacity: 100}
	w, err := proof.NewWork(proof.Keys{proof.NewKey()}, config)
	if err != nil {
		t.Fatal(err)
	}
	now := noon
	join := func(id sale.ID) {
		t.Helper()
		if err := w.Verify(t.Context(), id, alice, solved(t, w.Challenge(id, alice, 0, now)), "", now); err != nil {
			t.Fatal(err)
		}
	}
	last := w.Difficulty(concert, 0, now)
	if last != config.Easy {
		t.Fatalf("got %d before any join, want %d", last, config.Easy)
	}
	const step = 10 * time.Millisecond
	for range int(20 * time.Second / step) { // twice the capacity
		now = now.Add(step)
		join(concert)
		join(concert)
		got := w.Difficulty(concert, 0, now)
		if got < last || got > last+2 {
			t.Fatalf("got %d after %d, want a small step up", got, last)
		}
		last = got
	}
	if last != config.Hard {
		t.Errorf("got %d after 20 seconds of a rush, want %d", last, config.Hard)
	}
	if c := w.Challenge(concert, alice, 0, now); c.MaxNumber != config.Hard {
		t.Errorf("got a challenge up to %d, want %d", c.MaxNumber, config.Hard)
	}
	if got := w.Hardest(now); got != config.Hard {
		t.Errorf("got %d as the hardest of all sales, want %d", got, config.Hard)
	}
	if got := w.Difficulty("other", 0, now); got != config.Easy {
		t.Errorf("got %d for another sale, want %d", got, config.Easy)
	}
	// A clock that is set back must not end the rush.
	if got := w.Difficulty(concert, 0, now.Add(-time.Hour)); got != config.Hard {
		t.Errorf("got %d by a clock that was set back, want %d", got, config.Hard)
	}
	for range int(20 * time.Second / step) {
		now = now.Add(step)
		got := w.Difficulty(concert, 0, now)
		if got > last || got < last-2 {
			t.Fatalf("got %d after %d, want a small step down", got, last)
		}
		last = got
	}
	if last != config.Easy {
		t.Errorf("got %d 20 seconds after the rush, want %d", last, config.Easy)
	}
	if got := w.Hardest(now); got != config.Easy {
		t.Errorf("got %d as the hardest of all sales after the rush, want %d", got, config.Easy)
	}
}

// A sale's own challenges grow as those of the site do, up to the site's hardest, or stay as they are where that is easier.
func TestASaleMayHaveAnEasiestChallengeOfItsOwn(t *testing.T) {
	w, err := proof.NewWork(proof.Keys{proof.NewKey()}, proof.Config{Easy: 10, Hard: 100, Capacity: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	for when, want := range map[string][4]int64{"before a rush": {10, 1, 50, 1000}, "in it": {100, 100, 100, 1000}} {
		id := sale.ID("quiet")
		if when == "in it" {
			id = concert
			if err := w.Verify(t.Context(), id, alice, solved(t, w.Challenge(id, alice, 1, noon)), "", noon); err != nil {
				t.Fatal(err)
			}
		}
		for i, easy := range []int64{0, 1, 50, 1000} {
			if got := w.Difficulty(id, easy, noon); got != want[i] {
				t.Errorf("%s, an easiest of %d: got %d, want %d", when, easy, got, want[i])
			}
		}
	}
}

// Strangers who send wrong solutions would make buyers work for nothing.
func TestWrongSolutionsDoNotCountAsLoad(t *testing.T) {
	w, err := proof.NewWork(proof.Keys{proof.NewKey()}, proof.Config{Easy: 1, Hard: 100, Capacity: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	forged := solved(t, proof.Keys{proof.NewKey()}.New(concert, alice, noon.Add(time.Minute), 1))
	for range 100 {
		if w.Verify(t.Context(), concert, alice, forged, "", noon) == nil {
			t.Fatal("got nil for a forged solution")
		}
	}
	if got := w.Difficulty(concert, 0, noon); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
	if err := w.Verify(t.Context(), concert, alice, solved(t, w.Challenge(concert, alice, 0, noon)), "", noon); err != nil {
		t.Fatal(err)
	}
	if got := w.Difficulty(concert, 0, noon); got != 100 {
		t.Errorf("got %d after a good one, want 100", got)
	}
}

func TestSalesThatNobodyJoinsAreForgotten(t *testing.T) {
	w, err := proof.NewWork(proof.Keys{proof.NewKey()}, proof.Config{Easy: 1, Hard: 1, Capacity: 1})
	if err != nil {
		t.Fatal(err)
	}
	now := noon
	for i := range 200 {
		id := sale.ID(fmt.Sprintf("sale-%d", i))
		if err := w.Verify(t.Context(), id, alice, solved(t, w.Challenge(id, alice, 0, now)), "", now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	if got := w.Sales(); got > 60 {
		t.Errorf("got %d sales remembered, want those of the last minute", got)
	}
}

func TestSolvingStopsWithItsContextAndReportsProgress(t *testing.T) {
	c := proof.Keys{proof.NewKey()}.New(concert, alice, noon, 1)
	c.Challenge, c.MaxNumber = strings.Repeat("0", 64), 50_000
	var shares []float64
	if _, err := proof.Solve(t.Context(), c, func(s float64) { shares = append(shares, s) }); err == nil || len(shares) != 13 || shares[0] != 0 || shares[12] < 0.9 || shares[12] > 1 {
		t.Errorf("got %v with the progress %v, want %v after 13 reports from 0 to nearly 1", err, shares, proof.ErrUnsolvable)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.MaxNumber = math.MaxInt64 - 1
	if _, err := proof.Solve(ctx, c, func(float64) { cancel() }); err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	for _, bad := range []proof.Challenge{{Algorithm: "SHA-1", Challenge: c.Challenge}, {Algorithm: "SHA-256", Challenge: "00"}, {Algorithm: "SHA-256", Challenge: "x"}} {
		if _, err := proof.Solve(t.Context(), bad, nil); err == nil {
			t.Errorf("%+v: got nil, want %v", bad, proof.ErrUnsolvable)
		}
	}
}
