package ledger

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// Stream is where a sale's events wait.
type Stream interface {
	// Sales lists the sales that are not archived.
	Sales(ctx context.Context) ([]sale.ID, error)
	// Events returns at most limit entries after the one named, oldest first; after "" is the head.
	Events(ctx context.Context, id sale.ID, after string, limit int) ([]sale.Event, error)
	// Forget deletes exactly these entries. Some may be gone already.
	Forget(ctx context.Context, id sale.ID, entries []string) error
	// Backlog says how many entries wait, since when the oldest does (0: none), and Redis time.
	Backlog(ctx context.Context, id sale.ID) (entries int64, oldest, now sale.Instant, err error)
	// Snapshot is all that Redis holds of the sale, or sale.ErrNoSale.
	Snapshot(ctx context.Context, id sale.ID) (sale.Snapshot, error)
}

// reader takes one sale's stream into the store under one lease. All its state belongs to the
// goroutine of run.
type reader struct {
	id      sale.ID
	token   sale.Generation
	stream  Stream
	store   *Store
	cfg     Config
	hooks   Hooks
	journal *journal

	// known: the fence is up and the store knows the sale. Any failure puts it in doubt: a
	// database that was away may come back as another one.
	known bool
}

// run reads until stop is done; the batch under way is finished. work is done when nothing
// more may be written, and ends even that. The only error is sale.ErrFenced.
func (r *reader) run(stop, work context.Context) error {
	pace := newPace(r.cfg)
	for stop.Err() == nil {
		entries, err := r.drain(stop, work)
		if errors.Is(err, sale.ErrFenced) {
			return err
		}
		if err != nil {
			r.known = false
		}
		if !pause(stop, pace.after(entries, err)) {
			return nil
		}
	}
	return nil
}

// drain commits what waits, from the head, until the stream is empty or stop is done. While
// one batch is committed the next is read. It says how many entries it committed.
func (r *reader) drain(stop, work context.Context) (entries int, err error) {
	if !r.known {
		if err := r.begin(work); err != nil {
			return 0, err
		}
		r.known = true
	}
	events, err := r.read(work, "")
	for err == nil && len(events) > 0 && stop.Err() == nil {
		ahead := r.readAhead(work, events[len(events)-1].ID)
		serr := r.settle(work, events)
		if serr == nil {
			entries += len(events)
		}
		next := <-ahead
		events, err = next.events, cmp.Or(serr, next.err)
	}
	return entries, err
}

// begin raises the fence, and makes the sale known to a store that does not know it. Where its
// stream still begins with the opening, all of its story is there; otherwise the database is
// newer than the sale, and begins with all that Redis holds.
func (r *reader) begin(work context.Context) error {
	err := r.commit(work, Batch{})
	if !errors.Is(err, sale.ErrNoSale) {
		return err
	}
	events, err := r.read(work, "")
	if err != nil || slices.ContainsFunc(events, func(e sale.Event) bool { return e.Opened != nil }) {
		return err
	}
	ctx, cancel := context.WithTimeout(work, r.cfg.Commit) // a snapshot is as large as the sale
	defer cancel()
	snapshot, err := r.stream.Snapshot(ctx, r.id)
	if r.note(work, OpSnapshot, err); err != nil {
		return err
	}
	return r.commit(work, adoption(snapshot))
}

// settle commits the entries, and only then takes exactly those out of the stream.
func (r *reader) settle(work context.Context, events []sale.Event) error {
	batch := Fold(events)
	began := time.Now()
	if err := r.commit(work, batch); err != nil {
		return err
	}
	r.hooks.Committed(r.id, len(events), len(batch.Orders), time.Since(began))
	ctx, cancel := context.WithTimeout(work, r.cfg.Call)
	defer cancel()
	err := r.stream.Forget(ctx, r.id, batch.Entries)
	r.note(work, OpForget, err)
	return err
}

// commit is the store's, bounded and noted. A sale that the store does not know is no trouble
// of an empty batch: begin asks that way.
func (r *reader) commit(work context.Context, b Batch) error {
	ctx, cancel := context.WithTimeout(work, r.cfg.Commit)
	defer cancel()
	err := r.store.Commit(ctx, r.id, r.token, b)
	asked := errors.Is(err, sale.ErrNoSale) && len(b.Entries) == 0 && b.Opened == nil
	if !asked && !errors.Is(err, sale.ErrFenced) {
		head := ""
		if len(b.Entries) > 0 {
			head = b.Entries[0]
		}
		r.note(work, OpCommit, err, zap.String("head", head), zap.Int("entries", len(b.Entries)))
	}
	if err == nil && len(b.Aside) > 0 {
		r.hooks.Unreadable(r.id, len(b.Aside))
		r.journal.log.Warn("stream entries can't be read; they are set aside in the table unreadable",
			zap.String("sale", string(r.id)), zap.Int("entries", len(b.Aside)),
			zap.String("first", b.Aside[0].Entry), zap.String("fault", b.Aside[0].Fault))
	}
	return err
}

// page is a read's result.
type page struct {
	events []sale.Event
	err    error
}

// readAhead reads what follows an entry. The channel gets exactly one page and never blocks
// the sender.
func (r *reader) readAhead(work context.Context, after string) <-chan page {
	ahead := make(chan page, 1)
	go func() {
		events, err := r.read(work, after)
		ahead <- page{events, err}
	}()
	return ahead
}

func (r *reader) read(work context.Context, after string) ([]sale.Event, error) {
	ctx, cancel := context.WithTimeout(work, r.cfg.Call)
	defer cancel()
	events, err := r.stream.Events(ctx, r.id, after, r.cfg.Entries)
	r.note(work, OpEvents, err)
	return events, err
}

// note tells the journal, unless the call failed because its caller was told to stop.
func (r *reader) note(work context.Context, op Op, err error, where ...zap.Field) {
	if err == nil || work.Err() == nil {
		r.journal.note(op, r.id, err, where...)
	}
}
