package postgres

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/ledger"
	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
)

// TestRecordMovesFromMarkToMark: the chain is compared and set in the transaction.
func TestRecordMovesFromMarkToMark(t *testing.T) {
	ctx, s, id := t.Context(), openStore(t, ledgertest.Server.URL()), newID()
	k := newHistory(id, 5)
	commit := func(b ledger.Batch) error { return s.Commit(ctx, id, 1, b) }
	if _, err := s.Chain(ctx, id); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("got %v, want %v", err, sale.ErrNoSale)
	}
	if err := commit(k.batchOf(0, 3)); err != nil {
		t.Fatal(err)
	}
	wantChain(t, s, id, k.At(3))
	t.Run("twice, after a lost reply", func(t *testing.T) {
		before := book(t, s, id)
		for range 2 {
			if err := commit(k.batchOf(0, 3)); !errors.Is(err, ledger.ErrMoved) {
				t.Errorf("got %v, want %v", err, ledger.ErrMoved)
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
	for name, b := range map[string]ledger.Batch{
		"with a gap": k.batchOf(4, 6), "older": k.batchOf(2, 4), "upon another event": other, "of another life": life, "of another epoch": epoch,
	} {
		t.Run(name, func(t *testing.T) {
			before := book(t, s, id)
			if err := commit(b); !errors.Is(err, ledger.ErrMoved) {
				t.Errorf("got %v, want %v", err, ledger.ErrMoved)
			}
			if diff := cmp.Diff(before, book(t, s, id)); diff != "" {
				t.Errorf("book (-before +after):\n%s", diff)
			}
		})
	}
	wantChain(t, s, id, k.At(3))
	if err := commit(k.batchOf(3, 6)); err != nil {
		t.Fatal(err)
	}
	wantChain(t, s, id, k.Chain())
	wantRecords(t, s, id, k.Records())
}

// TestTwoReadersCommitABatchOnce: the second one's transaction waits for the first one's,
// and then finds that the record has moved.
func TestTwoReadersCommitABatchOnce(t *testing.T) {
	s, id := openStore(t, ledgertest.Server.URL()), newID()
	k := newHistory(id, 20)
	results := make(chan error, 4)
	for range cap(results) {
		go func() { results <- s.Commit(context.Background(), id, 1, k.batchOf(0, 21)) }()
	}
	committed := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			committed++
		case !errors.Is(err, ledger.ErrMoved):
			t.Errorf("got %v, want %v", err, ledger.ErrMoved)
		}
	}
	if committed != 1 {
		t.Errorf("got it committed %d times, want once", committed)
	}
	wantChain(t, s, id, k.Chain())
	wantRecords(t, s, id, k.Records())
}

// TestRestoredDatabaseIsNoticed: the reader has committed more than a database that was
// restored from an older backup has, so its next batch does not fit.
func TestRestoredDatabaseIsNoticed(t *testing.T) {
	ctx, own, id := t.Context(), databaseLike(t, template), newID()
	backup := strings.ReplaceAll(string(newID()), "-", "_")
	admin := openStore(t, ledgertest.Server.URL())
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
	k := newHistory(id, 9)
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
	if err := s.Commit(ctx, id, 1, k.batchOf(7, 10)); !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("got %v, want %v", err, ledger.ErrMoved)
	}
	wantChain(t, s, id, k.At(4))
}
