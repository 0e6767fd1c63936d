package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// fastRedis starts a server that does not wait for its disk, for tests of many calls.
func fastRedis(t testing.TB) string { return processtest.Redis(t, "--appendfsync", "no").Addr() }

// newer makes a store that has seen nothing.
func newer(t testing.TB, addr string, change ...func(*remotestock.Config)) *remotestock.Store {
	t.Helper()
	s, _ := hooked(t, addr, remotestock.Hooks{}, change...)
	return s
}

// wantShut fails the test unless the sale refuses every call and is written to by none.
func wantShut(t testing.TB, s *remotestock.Store, id sale.ID) {
	t.Helper()
	ctx := context.Background()
	before, err := s.Snapshot(ctx, id)
	if err != nil || before.Lost == "" {
		t.Fatalf("snapshot: got it shut because %q, %v, want a reason", before.Lost, err)
	}
	calls := everyWriter()
	delete(calls, "snapshot")
	delete(calls, "shut")
	calls["read"] = func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		_, _, err := s.Read(ctx, id, 0)
		return err
	}
	calls["find"] = func(s *remotestock.Store, id sale.ID, o sale.OrderID) error {
		_, err := s.Order(ctx, id, o)
		return err
	}
	calls["refill"] = func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		_, err := s.Refill(ctx, id, 0, 100, 1, 1, 1)
		return err
	}
	calls["open"] = func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		_, err := s.Open(ctx, before.Sale)
		return err
	}
	for name, call := range calls {
		if err := call(s, id, claim("x", 1).Order); !errors.Is(err, sale.ErrLost) || !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown) {
			t.Errorf("%s of a sale that is shut: got %v, want ErrLost", name, err)
		}
	}
	after, err := s.Snapshot(ctx, id)
	if err != nil || after.Chain != before.Chain || after.Counters != before.Counters || after.Lost != before.Lost {
		t.Errorf("got %+v %+v, %v, want %+v %+v as before", after.Chain, after.Counters, err, before.Chain, before.Counters)
	}
	if v, err := s.Survey(ctx, id); err != nil || v.Lost != before.Lost {
		t.Errorf("survey: got it shut because %q, %v, want %q", v.Lost, err, before.Lost)
	}
}

// TestARedisThatLostItsTailIsShut: Redis came back older by acknowledged holds, and their
// tickets were sold again. Who has seen one of them notices with the next call.
func TestARedisThatLostItsTailIsShut(t *testing.T) {
	ctx := context.Background()
	addr := fastRedis(t)
	for name, events := range map[string]int{
		"it stays behind":                               0,
		"another history reaches the same number":       1,
		"another history goes past it":                  3,
		"another history fills the ring of links but 1": 4096,
	} {
		t.Run(name, func(t *testing.T) {
			id := sale.ID(fmt.Sprint("tail-", events))
			s, client := hooked(t, addr, remotestock.Hooks{})
			open(t, s, newSale(string(id), 10))
			held(t, s, id, 2)
			earlier := copyKeys(t, client, id)
			mine := claim("ann", 1)
			if got, err := committer(t, s, id).Decide(mine); err != nil || got.Outcome != sale.Held {
				t.Fatalf("got %v, %v, want held", got.Outcome, err)
			}
			earlier.putBack(t, client, id)
			stranger := newer(t, addr) // it has seen nothing, and goes on
			for n := range events {
				if err := stranger.SetClosed(ctx, id, n%2 == 0); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := committer(t, s, id).Decide(mine); !errors.Is(err, sale.ErrLost) || errors.Is(err, sale.ErrUnknown) {
				t.Fatalf("got %v, want ErrLost", err)
			}
			wantShut(t, s, id)
			wantShut(t, stranger, id)
			wantShut(t, newer(t, addr), id)
		})
	}
}

// TestAPollNoticesALoss: a node that sells nothing at the moment polls.
func TestAPollNoticesALoss(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	for name, poll := range map[string]func(sale.ID) error{
		"read":   func(id sale.ID) error { _, _, err := s.Read(ctx, id, 0); return err },
		"refill": func(id sale.ID) error { _, err := s.Refill(ctx, id, 0, 100, 1, 1, 1); return err },
		"survey": func(id sale.ID) error { _, err := s.Survey(ctx, id); return err },
	} {
		id := sale.ID("poll-" + name)
		open(t, s, newSale(string(id), 10))
		earlier := copyKeys(t, client, id)
		held(t, s, id, 1)
		earlier.putBack(t, client, id)
		if err := poll(id); name != "survey" && !errors.Is(err, sale.ErrLost) {
			t.Errorf("%s: got %v, want ErrLost", name, err)
		}
		wantShut(t, s, id)
	}
}

// TestAPageOfAnotherHistoryHidesNoLoss: reading a stream sends no mark along, and took
// the mark that it found for one of its own.
func TestAPageOfAnotherHistoryHidesNoLoss(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("page", 10))
	earlier := copyKeys(t, client, "page")
	held(t, s, "page", 1)
	earlier.putBack(t, client, "page")
	for closed := range 4 {
		if err := newer(t, server.Addr()).SetClosed(ctx, "page", closed%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Page(ctx, "page", "", 10); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Snapshot(ctx, "page"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Read(ctx, "page", 0); !errors.Is(err, sale.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
}

// TestALossIsReportedOnce: anyone who read the stream of a sale that is shut took it for one
// that sells again, and reported the loss anew at every other call.
func TestALossIsReportedOnce(t *testing.T) {
	ctx := context.Background()
	core, logged := observer.New(zap.InfoLevel)
	config := remotestock.DefaultConfig(server.Addr())
	_, client := newStore(t, server.Addr(), "n1")
	var reports []bool
	s := remotestock.New(client, "n1", config, remotestock.Hooks{Lost: func(_ sale.ID, lost bool) { reports = append(reports, lost) }}, zap.New(core))
	open(t, s, newSale("once-lost", 10))
	if err := s.Shut(ctx, "once-lost", "a test"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, _, err := s.Read(ctx, "once-lost", 0)
		page, err2 := s.Page(ctx, "once-lost", "", 1)
		_, err3 := s.Survey(ctx, "once-lost")
		snapshot, err4 := s.Snapshot(ctx, "once-lost")
		if !errors.Is(err, sale.ErrLost) || errors.Join(err2, err3, err4) != nil || page.Lost != "a test" || snapshot.Lost != "a test" {
			t.Fatalf("got %v, %v, %v, %v, want the first refused alone", err, err2, err3, err4)
		}
	}
	if !slices.Equal(reports, []bool{true}) || logged.Len() != 1 {
		t.Errorf("got the reports %v and %d lines, want one", reports, logged.Len())
	}
	adoptNow(t, s, wantClean(t, s, "once-lost"), false)
	if _, _, err := s.Read(ctx, "once-lost", 0); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(reports, []bool{true, false}) || logged.Len() != 2 {
		t.Errorf("got the reports %v and %d lines, want two", reports, logged.Len())
	}
}

// adoptNow reconciles a sale that is shut: what a snapshot has becomes the sale.
func adoptNow(t testing.TB, s *remotestock.Store, from sale.Snapshot, ledger bool) sale.Chain {
	t.Helper()
	ctx, id := context.Background(), from.Sale.ID
	now, err := s.Snapshot(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	next := sale.Chain{Life: from.Chain.Life, Mark: sale.Mark{
		Epoch: max(from.Chain.Epoch, now.Chain.Epoch) + 1, Seq: max(from.Chain.Seq, now.Chain.Seq, s.Seen(id).Seq),
	}}
	a := sale.Adoption{Was: sale.ShutAt(now.Chain.Mark), Fence: "f1", Records: from.Records, Chain: next, Ledger: ledger}
	if err := s.Adopt(ctx, id, a); err != nil {
		t.Fatal(err)
	}
	return next
}

// A master that was cut off sold on through a node while the sale was reconciled on another:
// what that node has seen is of an earlier epoch, and is not in it.
func TestWhatWasSeenBeyondAReconciliationIsNoticed(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("base", 10))
	before := wantClean(t, s, "base")
	// The node sees two more events, which this Redis loses.
	restore := dump(t, client)
	for _, buyer := range []string{"ann", "bob"} {
		if d, err := committer(t, s, "base").Decide(claim(buyer, 1)); err != nil || d.Outcome != sale.Held {
			t.Fatalf("%s: got %v, %v, want held", buyer, d.Outcome, err)
		}
	}
	seen := s.Seen("base")
	for _, key := range remotestock.Keys("base") {
		client.Del(ctx, key)
		if was, had := restore[key]; had {
			client.Restore(ctx, key, 0, was)
		}
	}
	// An operator who knows nothing of them reconciles.
	other := remotestock.New(client, "other", remotestock.DefaultConfig(server.Addr()), remotestock.Hooks{}, zap.NewNop())
	if err := other.Shut(ctx, "base", "a test"); err != nil {
		t.Fatal(err)
	}
	chain := before.Chain
	chain.Epoch++
	err := other.Adopt(ctx, "base", sale.Adoption{Was: sale.ShutAt(before.Chain.Mark), Fence: "f", Records: before.Records, Chain: chain})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := committer(t, s, "base").Decide(claim("cid", 1)); !errors.Is(err, sale.ErrLost) {
		t.Errorf("got %v, want ErrLost: events %d and before were seen", err, seen.Seq)
	}
	v, err := other.Snapshot(ctx, "base")
	if err != nil || v.Witness != seen {
		t.Errorf("got the witness %+v, %v, want %+v", v.Witness, err, seen)
	}
}
