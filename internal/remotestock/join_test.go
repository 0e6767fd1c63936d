package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// joiner joins the line of a sale, and ends with the test.
func joiner(t testing.TB, s *remotestock.Store, id sale.ID) *remotestock.Joiner {
	j := s.Joiner(id, watcher{}, remotestock.DefaultCommitConfig())
	t.Cleanup(j.Wait)
	return j
}

// wantPlace joins and compares the place.
func wantPlace(t testing.TB, j *remotestock.Joiner, join sale.Join, outcome sale.JoinOutcome, place sale.Place) sale.Line {
	t.Helper()
	got, err := j.Join(join)
	if err != nil || got.Outcome != outcome || got.Place != place {
		t.Errorf("%+v: got %v %v, %v, want %v %v", join, got.Outcome, got.Place, err, outcome, place)
	}
	return got.Line
}

// TestAPlaceNeverChanges is L2: before the draw and after it, through one node or another.
func TestAPlaceNeverChanges(t *testing.T) {
	ctx := context.Background()
	addr := fastRedis(t)
	s, client := newStore(t, addr, "n1")
	other, _ := newStore(t, addr, "n2")
	d := lined("joins", 4_000_000_000_000)
	open(t, s, d)
	j, k := joiner(t, s, d.ID), joiner(t, other, d.ID)
	wantPlace(t, j, sale.Join{Buyer: "ann"}, sale.Joined, sale.Drawn)
	wantPlace(t, k, sale.Join{Buyer: "ann"}, sale.Rejoined, sale.Drawn)
	if line := wantPlace(t, k, sale.Join{Buyer: "bob"}, sale.Joined, sale.Drawn); line != (sale.Line{Joined: 2}) {
		t.Errorf("got %+v, want two who have joined", line)
	}
	client.HSet(ctx, remotestock.Keys(d.ID)[0], "drawn", "2") // the draw
	wantPlace(t, j, sale.Join{Buyer: "ann"}, sale.Rejoined, sale.Drawn)
	wantPlace(t, j, sale.Join{Buyer: "cem"}, sale.Joined, 1)
	wantPlace(t, k, sale.Join{Buyer: "dan"}, sale.Joined, 2)
	want := sale.Line{Joined: 4, Drawn: 2, Over: true, Turn: 2}
	if line := wantPlace(t, k, sale.Join{Buyer: "cem"}, sale.Rejoined, 1); line != want {
		t.Errorf("got %+v, want %+v", line, want)
	}
	_, reading, err := s.Read(ctx, d.ID, 0)
	if diff := cmp.Diff(&want, reading.Line); err != nil || diff != "" {
		t.Errorf("read: got %v (-want +got):\n%s", err, diff)
	}
	t.Run("also once the sale is closed, which nobody joins any more", func(t *testing.T) {
		if err := s.SetClosed(ctx, d.ID, true); err != nil {
			t.Fatal(err)
		}
		wantPlace(t, j, sale.Join{Buyer: "dan"}, sale.Rejoined, 2)
		wantPlace(t, j, sale.Join{Buyer: "eva"}, sale.LineClosed, 0)
	})
}

func TestALineHasNoMorePlacesThanItsLimit(t *testing.T) {
	s, _ := newStore(t, fastRedis(t), "n1")
	d := lined("full-line", 0)
	d.LineLimit = 3
	open(t, s, d)
	j := joiner(t, s, d.ID)
	for i := range 3 {
		wantPlace(t, j, sale.Join{Buyer: sale.Buyer(fmt.Sprint("b", i))}, sale.Joined, sale.Place(i+1))
	}
	wantPlace(t, j, sale.Join{Buyer: "late"}, sale.LineFull, 0)
	wantPlace(t, j, sale.Join{Buyer: "b0"}, sale.Rejoined, 1)
}

func TestNobodyJoinsASaleWithoutALine(t *testing.T) {
	s, _ := newStore(t, fastRedis(t), "n1")
	open(t, s, newSale("no-line", 10))
	if _, err := joiner(t, s, "no-line").Join(sale.Join{Buyer: "ann"}); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

// TestAPlaceThatRedisLostComesBackFromItsProof: and nobody else gets its ordinal.
func TestAPlaceThatRedisLostComesBackFromItsProof(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	d := lined("proofs", 0)
	d.LineLimit = 2
	open(t, s, d)
	j := joiner(t, s, d.ID)
	wantPlace(t, j, sale.Join{Buyer: "ann"}, sale.Joined, 1)
	client.Del(ctx, remotestock.Keys(d.ID)[12])
	client.HSet(ctx, remotestock.Keys(d.ID)[0], "turn", "0", "joined", "0")
	if line := wantPlace(t, j, sale.Join{Buyer: "zoe", Proof: 7}, sale.Rejoined, 7); line.Turn != 7 || line.Joined != 7 {
		t.Errorf("got %+v, want seven ordinals given", line)
	}
	wantPlace(t, j, sale.Join{Buyer: "new"}, sale.Joined, 8)
	wantPlace(t, j, sale.Join{Buyer: "newer"}, sale.LineFull, 0)
	wantPlace(t, j, sale.Join{Buyer: "ann", Proof: 1}, sale.Rejoined, 1)
	wantPlace(t, j, sale.Join{Buyer: "ann", Proof: 99}, sale.Rejoined, 1)
	wantPlace(t, j, sale.Join{Buyer: "old", Proof: sale.Drawn}, sale.LineBusy, 0) // the draw decides
	wantPlace(t, j, sale.Join{Buyer: "old", Proof: sale.Drawn, Sure: true}, sale.Rejoined, sale.Drawn)

	t.Run("before the draw all drawn places come back", func(t *testing.T) {
		d := lined("drawn-proofs", 4_000_000_000_000)
		open(t, s, d)
		j := joiner(t, s, d.ID)
		wantPlace(t, j, sale.Join{Buyer: "old", Proof: sale.Drawn}, sale.Rejoined, sale.Drawn)
	})
}

// TestManyJoinAtOnce: everybody once, however often they ask, in few calls.
func TestManyJoinAtOnce(t *testing.T) {
	var mu sync.Mutex
	calls := 0
	s, _ := hooked(t, fastRedis(t), remotestock.Hooks{Called: func(script string, _ int, _ time.Duration, _ error) {
		mu.Lock()
		defer mu.Unlock()
		if script == "join" {
			calls++
		}
	}})
	d := lined("crowd", 0)
	open(t, s, d)
	j := joiner(t, s, d.ID)
	const buyers, times = 500, 3
	places := make([][times]sale.Place, buyers)
	var group sync.WaitGroup
	for i := range buyers * times {
		group.Go(func() {
			got, err := j.Join(sale.Join{Buyer: sale.Buyer(fmt.Sprint("b", i%buyers))})
			if err != nil || got.Place < 1 {
				t.Errorf("got %+v, %v, want a place", got, err)
			}
			places[i%buyers][i/buyers] = got.Place
		})
	}
	group.Wait()
	given := map[sale.Place]bool{}
	for i, p := range places {
		if p[0] != p[1] || p[1] != p[2] || given[p[0]] || p[0] > buyers {
			t.Errorf("buyer %d: got the places %v, want one of her own", i, p)
		}
		given[p[0]] = true
	}
	mu.Lock()
	defer mu.Unlock()
	if calls > buyers*times/4 {
		t.Errorf("got %d calls for %d joins, want them gathered", calls, buyers*times)
	}
}

// TestAJoinWhoseReplyIsLostIsSentAgain: the buyer gets the place that the first call gave.
func TestAJoinWhoseReplyIsLostIsSentAgain(t *testing.T) {
	p := startProxy(t, processtest.Redis(t).Addr())
	s, _ := newStore(t, p.addr(), "n1")
	d := lined("lost-reply", 0)
	open(t, s, d)
	j := joiner(t, s, d.ID)
	wantPlace(t, j, sale.Join{Buyer: "first"}, sale.Joined, 1) // the script is in Redis now
	p.cuts.Store(1)
	wantPlace(t, j, sale.Join{Buyer: "ann"}, sale.Rejoined, 2)
}

// TestASnapshotHasTheLine: the audit compares its places.
func TestASnapshotHasTheLine(t *testing.T) {
	s, client := newStore(t, fastRedis(t), "n1")
	d := lined("audited", 0)
	open(t, s, d)
	j := joiner(t, s, d.ID)
	wantPlace(t, j, sale.Join{Buyer: "ann"}, sale.Joined, 1)
	wantPlace(t, j, sale.Join{Buyer: "bob"}, sale.Joined, 2)
	got := wantClean(t, s, d.ID)
	if diff := cmp.Diff(map[sale.Buyer]sale.Place{"ann": 1, "bob": 2}, got.Places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&sale.Line{Joined: 2, Over: true, Turn: 2}, got.Line); diff != "" {
		t.Errorf("line (-want +got):\n%s", diff)
	}
	client.HSet(context.Background(), remotestock.Keys(d.ID)[12], "cid", "2")
	if got, err := s.Snapshot(context.Background(), d.ID); err != nil || len(faultsOf(got)) == 0 {
		t.Errorf("got %v, %v, want faults of a place that is given twice", faultsOf(got), err)
	}
}
