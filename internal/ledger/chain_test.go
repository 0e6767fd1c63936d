package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

// run is a kept sale with its opening and so many holds more; word makes its events its own.
func chained(word string, holds int) *kept {
	k := &kept{records: sale.NewRecords(), links: map[int64]string{}, chain: sale.Chain{Life: "life", Mark: sale.Mark{Epoch: 1, Link: "life"}}}
	d := newSale("demo", 1_000)
	k.append(sale.Event{ID: "000-0", Opened: &d})
	return k.more(word, holds)
}

func (k *kept) more(word string, holds int) *kept {
	for range holds {
		n := len(k.stream)
		k.append(sale.Event{ID: fmt.Sprintf("%03d-0", n), Orders: []sale.Order{{ID: sale.OrderID(fmt.Sprint(word, n)), State: sale.StateHeld}}})
	}
	return k
}

func (k *kept) page(from, to int) sale.Page {
	return sale.Page{Chain: k.chain, Lost: k.lost, Events: slices.Clone(k.stream[from:to])}
}

// at is the chain as it was after its n-th event.
func (k *kept) at(n int) sale.Chain {
	if n == 0 {
		return sale.Chain{Life: k.chain.Life, Mark: sale.Mark{Epoch: 1, Link: k.chain.Life}}
	}
	return sale.Chain{Life: k.chain.Life, Mark: k.stream[n-1].Mark}
}

// TestFollow tells apart what continues a record from what contradicts it.
func TestFollow(t *testing.T) {
	k := chained("a", 5) // six events
	fork := chained("a", 2).more("b", 3)
	reconciled := k.clone()
	reconciled.chain.Mark = sale.Mark{Epoch: 2, Seq: 6, Link: "life"}
	base := reconciled.chain
	reconciled.stream = nil
	reconciled.append(sale.Event{ID: "100-0", Reconciled: "fence"})
	secondLife := k.page(0, 6)
	secondLife.Chain.Life = "another"
	shut := k.page(3, 6)
	shut.Lost = "a node has seen event 9"
	torn := k.page(3, 6)
	torn.Events[1].Covered = "another"
	swapped := k.page(3, 6)
	swapped.Events[0], swapped.Events[1] = swapped.Events[1], swapped.Events[0]
	doubled := k.page(3, 6)
	doubled.Events = slices.Insert(doubled.Events, 1, doubled.Events[0])
	withGap := k.page(3, 6)
	withGap.Events = slices.Delete(withGap.Events, 1, 2)

	for _, c := range []struct {
		name  string
		last  sale.Chain
		page  sale.Page
		part  bool // more of the stream may follow
		fresh int  // events
		to    sale.Chain
		lost  string
	}{
		{name: "all from the opening", last: k.at(0), page: k.page(0, 6), fresh: 6, to: k.at(6)},
		{name: "the next ones", last: k.at(3), page: k.page(3, 6), fresh: 3, to: k.at(6)},
		{name: "a first part", last: k.at(3), page: k.page(3, 5), part: true, fresh: 2, to: k.at(5)},
		{name: "nothing new", last: k.at(6), page: k.page(6, 6), to: k.at(6)},
		{name: "a repetition", last: k.at(6), page: k.page(2, 6), to: k.at(6)},
		{name: "a repetition, and new ones", last: k.at(4), page: k.page(2, 6), fresh: 2, to: k.at(6)},
		{name: "a repetition of the last alone", last: k.at(6), page: k.page(5, 6), to: k.at(6)},
		{name: "a first part that is a repetition", last: k.at(6), page: k.page(0, 3), part: true, to: k.at(6)},
		{name: "a new epoch after its reconciliation", last: base, page: reconciled.page(0, 1), fresh: 1, to: reconciled.chain},

		{name: "repeated with another link", last: k.at(4), page: fork.page(2, 6), lost: "event 4 is another"},
		{name: "a fork under the same number", last: k.at(6), page: fork.page(6, 6), lost: "Redis is at 6 of 1"},
		{name: "a fork that goes on", last: k.at(4), page: fork.page(4, 6), lost: "event 5 does not follow"},
		{name: "a gap", last: k.at(2), page: k.page(3, 6), lost: "the ledger has event 2 of epoch 1, the stream goes on with 4"},
		{name: "a gap within", last: k.at(3), page: withGap, lost: "event 4 of epoch 1, the stream goes on with 6"},
		{name: "swapped", last: k.at(3), page: swapped, lost: "goes on with 5"},
		{name: "twice", last: k.at(3), page: doubled, lost: "event 4 of epoch 1, the stream goes on with 4"},
		{name: "another content under its link", last: k.at(3), page: torn, lost: "event 5 does not follow"},
		{name: "events lost at the end", last: k.at(3), page: k.page(3, 5), lost: "the ledger with the stream has event 5 of epoch 1, Redis is at 6"},
		{name: "all events lost", last: k.at(3), page: k.page(6, 6), lost: "has event 3 of epoch 1, Redis is at 6"},
		{name: "Redis behind", last: k.at(6), page: chained("a", 3).page(4, 4), lost: "has event 6 of epoch 1, Redis is at 4"},
		{name: "Redis behind, with a stream", last: k.at(6), page: chained("a", 3).page(2, 4), lost: "has event 6 of epoch 1, Redis is at 4"},
		{name: "a second life", last: k.at(6), page: secondLife, lost: "opened a second time"},
		{name: "an older ledger", last: sale.Chain{}, page: k.page(6, 6), lost: "an earlier version"},
		{name: "an epoch that the ledger did not begin", last: k.at(6), page: reconciled.page(0, 1), lost: "the stream goes on with 7 of 2"},
		{name: "an epoch that Redis did not begin", last: base, page: k.page(3, 6), lost: "of epoch 2, the stream goes on with 4 of 1"},
		{name: "an epoch that Redis did not begin, without a stream", last: base, page: k.page(6, 6), lost: "event 6 of epoch 2, Redis is at 6 of 1"},
		{name: "shut", last: k.at(3), page: shut, lost: "a node has seen event 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fresh, to, err := follow(c.last, c.page, !c.part)
			if c.lost != "" {
				if !errors.Is(err, sale.ErrLost) || !strings.Contains(err.Error(), c.lost) {
					t.Errorf("got %v, want a loss: %q", err, c.lost)
				}
				return
			}
			if err != nil || len(fresh) != c.fresh || to != c.to {
				t.Errorf("got %d events to %v (%v), want %d to %v", len(fresh), to, err, c.fresh, c.to)
			}
		})
	}
}

func TestFirstIsTheOpening(t *testing.T) {
	k := chained("a", 3)
	noOpening := k.page(0, 4)
	noOpening.Events[0].Opened = nil
	shut := k.page(0, 4)
	shut.Lost = "shut"
	if got, err := first(k.page(0, 2)); err != nil || got != k.at(0) {
		t.Errorf("got %v (%v), want %v", got, err, k.at(0))
	}
	for name, p := range map[string]sale.Page{
		"nothing": k.page(4, 4), "a later one": k.page(1, 4), "no opening": noOpening, "shut": shut,
	} {
		if _, err := first(p); !errors.Is(err, sale.ErrLost) {
			t.Errorf("%s: got %v, want a loss", name, err)
		}
	}
}

// batchOf is the batch that takes a record from one event to another.
func (k *kept) batchOf(from, to int) Batch {
	b := Fold(k.stream[from:to])
	b.From, b.To = k.at(from), k.at(to)
	return b
}

// forSale is a sale with events that PostgreSQL takes.
func forSale(id sale.ID, holds int) *kept {
	r := newRedis()
	r.openAs(id, 1_000)
	for range holds {
		r.hold(id)
	}
	return r.save(id)
}

func wantChain(t tester, s *Store, id sale.ID, want sale.Chain) {
	t.Helper()
	if got, err := s.Chain(context.Background(), id); err != nil || got != want {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}

// TestRecordMovesFromMarkToMark: the chain is compared and set in the transaction.
func TestRecordMovesFromMarkToMark(t *testing.T) {
	ctx, s, id := t.Context(), openStore(t, server.URL()), newID()
	k := forSale(id, 5)
	commit := func(b Batch) error { return s.Commit(ctx, id, 1, b) }
	if _, err := s.Chain(ctx, id); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("got %v, want %v", err, sale.ErrNoSale)
	}
	if err := commit(k.batchOf(0, 3)); err != nil {
		t.Fatal(err)
	}
	wantChain(t, s, id, k.at(3))
	t.Run("twice, after a lost reply", func(t *testing.T) {
		before := book(t, s, id)
		for range 2 {
			if err := commit(k.batchOf(0, 3)); !errors.Is(err, errMoved) {
				t.Errorf("got %v, want %v", err, errMoved)
			}
		}
		if diff := cmp.Diff(before, book(t, s, id)); diff != "" {
			t.Errorf("book (-before +after):\n%s", diff)
		}
	})
	other := k.batchOf(3, 5)
	other.From.Link = "another"
	life := k.batchOf(3, 5)
	life.From.Life, life.To.Life = "another", "another"
	epoch := k.batchOf(3, 5)
	epoch.From.Epoch++
	for name, b := range map[string]Batch{
		"with a gap": k.batchOf(4, 6), "older": k.batchOf(2, 4), "upon another event": other, "of another life": life, "of another epoch": epoch,
	} {
		t.Run(name, func(t *testing.T) {
			before := book(t, s, id)
			if err := commit(b); !errors.Is(err, errMoved) {
				t.Errorf("got %v, want %v", err, errMoved)
			}
			if diff := cmp.Diff(before, book(t, s, id)); diff != "" {
				t.Errorf("book (-before +after):\n%s", diff)
			}
		})
	}
	wantChain(t, s, id, k.at(3))
	if err := commit(k.batchOf(3, 6)); err != nil {
		t.Fatal(err)
	}
	wantChain(t, s, id, k.chain)
	wantRecords(t, s, id, k.records)
}

// TestTwoReadersCommitABatchOnce: the second one's transaction waits for the first one's,
// and then finds that the record has moved.
func TestTwoReadersCommitABatchOnce(t *testing.T) {
	s, id := openStore(t, server.URL()), newID()
	k := forSale(id, 20)
	results := make(chan error, 4)
	for range cap(results) {
		go func() { results <- s.Commit(context.Background(), id, 1, k.batchOf(0, 21)) }()
	}
	committed := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			committed++
		case !errors.Is(err, errMoved):
			t.Errorf("got %v, want %v", err, errMoved)
		}
	}
	if committed != 1 {
		t.Errorf("got it committed %d times, want once", committed)
	}
	wantChain(t, s, id, k.chain)
	wantRecords(t, s, id, k.records)
}

// TestRestoredDatabaseIsNoticed: the reader has committed more than a database that was
// restored from an older backup has, so its next batch does not fit.
func TestRestoredDatabaseIsNoticed(t *testing.T) {
	ctx, own, id := t.Context(), databaseLike(t, template), newID()
	backup := strings.ReplaceAll(string(newID()), "-", "_")
	admin := openStore(t, server.URL())
	copied := func(from, to string) {
		t.Helper()
		if _, err := admin.pool.Exec(ctx, "CREATE DATABASE "+to+" TEMPLATE "+from); err != nil {
			t.Fatal(err)
		}
	}
	u, err := url.Parse(own)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	k := forSale(id, 9)
	s := openStore(t, own)
	if err := s.Commit(ctx, id, 1, k.batchOf(0, 4)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	copied(name, backup)
	s = openStore(t, own)
	if err := s.Commit(ctx, id, 1, k.batchOf(4, 7)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := admin.pool.Exec(ctx, "DROP DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	copied(backup, name)
	s = openStore(t, own)
	if err := s.Commit(ctx, id, 1, k.batchOf(7, 10)); !errors.Is(err, errMoved) {
		t.Errorf("got %v, want %v", err, errMoved)
	}
	wantChain(t, s, id, k.at(4))
}
