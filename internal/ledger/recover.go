package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// Stock is Redis as far as recovery changes it.
type Stock interface {
	// Sale is the sale as Redis has it, or sale.ErrNoSale.
	Sale(ctx context.Context, id sale.ID) (sale.Sale, error)
	// SetClosed closes the sale, also where it is closed already.
	SetClosed(ctx context.Context, id sale.ID, closed bool) error
	// Restore puts what the records say in the place of whatever Redis holds of the sale,
	// all at once and at the end, and leaves it closed. It changes nothing and returns
	// sale.ErrStale where the sale's stream has an entry: the records may lack it.
	Restore(ctx context.Context, id sale.ID, r sale.Records) error
}

// RecoverOptions say how far a recovery may go.
type RecoverOptions struct {
	// Live allows a sale that is not closed: it is closed first.
	Live bool
	// Incomplete allows a book that lacks entries which were set aside as unreadable. What
	// they told of is lost to Redis, and tickets that they sold may be sold again.
	Incomplete bool
	// Wait bounds the emptying of the stream, and with it the wait for a ledger that is
	// away or for PostgreSQL. Longer outlasts a longer backlog; shorter says sooner what is wrong.
	Wait time.Duration
}

// Report is what a recovery has put into Redis.
type Report struct {
	Sale       sale.ID
	Orders     int   // of all states
	Payments   int   // of all states
	Total      int64 // tickets, like the next three
	Held       int64
	Paid       int64
	Remaining  int64
	Unreadable int64 // entries set aside, which nobody could restore
}

// String says it to the operator, and what is left to do.
func (r Report) String() string {
	return fmt.Sprintf("sale %s is restored from %d orders and %d payments: of %d tickets %d held, %d paid, %d remain; %d entries were unreadable. It is closed: reopen it when it shall sell",
		r.Sale, r.Orders, r.Payments, r.Total, r.Held, r.Paid, r.Remaining, r.Unreadable)
}

// Recover rebuilds a sale's Redis state from the ledger: it closes the sale, sees to it that
// the ledger has every event of its stream, and restores Redis from the book. holder is
// one more holder of the lease that the ledgers take for the sale. progress is told each
// step in words.
//
// Events may come while it works, as holds expire and payments arrive after the closing. So
// the book is read once more after the restoring: where it has changed, Redis was restored
// from too old a book, and all is done again.
//
// It returns [sale.ErrConflict] where the sale is not closed or the book is not fit to be
// restored, [sale.ErrNoSale] where neither Redis nor the ledger knows the sale, and whatever
// kept the stream from being emptied.
func Recover(ctx context.Context, stock Stock, store *Store, stream Stream, holder Holder, id sale.ID, cfg Config, o RecoverOptions, progress func(string)) (Report, error) {
	r := &recovery{stock: stock, store: store, stream: stream, holder: holder, id: id, cfg: cfg, options: o, progress: progress}
	r.journal = newJournal(zap.NewNop(), Hooks{}.filled())
	if err := errors.Join(cfg.Validate(), faulty(o.Wait > 0, "wait %v: want more than 0", o.Wait)); err != nil {
		return Report{}, err
	}
	report, err := r.run(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("recover sale %s: %w", id, err)
	}
	return report, nil
}

type recovery struct {
	stock    Stock
	store    *Store
	stream   Stream
	holder   Holder
	journal  *journal
	id       sale.ID
	cfg      Config
	options  RecoverOptions
	progress func(string)
}

func (r *recovery) run(ctx context.Context) (Report, error) {
	inRedis, err := r.shut(ctx)
	if err != nil {
		return Report{}, err
	}
	if !inRedis {
		// Before anything is waited for: a name with a slip of the pen is the likely reason.
		if _, err := r.store.Book(ctx, r.id); err != nil {
			return Report{}, err
		}
	}
	for deadline := time.Now().Add(r.options.Wait); ; {
		report, err := r.try(ctx, deadline)
		if !errors.Is(err, sale.ErrStale) || time.Now().After(deadline) {
			return report, err
		}
		r.progress("more events came meanwhile; once more")
		if !pause(ctx, r.cfg.PollMin) {
			return Report{}, ctx.Err()
		}
	}
}

// shut closes the sale, and says whether Redis has it at all.
func (r *recovery) shut(ctx context.Context) (inRedis bool, err error) {
	d, err := r.stock.Sale(ctx, r.id)
	switch {
	case errors.Is(err, sale.ErrNoSale):
		r.progress("Redis does not have the sale")
		return false, nil
	case err != nil:
		return false, err
	case !d.Closed && !r.options.Live:
		return true, sale.Conflict("the sale is in Redis and not closed: close it first, or say that a live sale may be recovered")
	}
	if err := r.stock.SetClosed(ctx, r.id, true); err != nil {
		return true, err
	}
	r.progress("the sale is closed")
	return true, nil
}

// try empties the stream and restores, once. sale.ErrStale asks for another try.
func (r *recovery) try(ctx context.Context, deadline time.Time) (report Report, err error) {
	mine, err := r.takeOver(ctx, deadline)
	if err != nil {
		return Report{}, err
	}
	if !mine { // the ledger that reads the sale has emptied its stream, and reads on
		return r.restore(ctx)
	}
	err = r.holder.Hold(ctx, func(stop, work context.Context, token sale.Generation) error {
		if err := r.drain(work, token, deadline); err != nil {
			return err
		}
		report, err = r.restore(stop)
		return err
	})
	if err != nil {
		return Report{}, err
	}
	return report, nil
}

// takeOver waits until the lease is held (mine), or another ledger that holds it has emptied
// the stream.
func (r *recovery) takeOver(ctx context.Context, deadline time.Time) (mine bool, err error) {
	for told := false; ; told = true {
		held, err := r.holder.Try(ctx)
		if err == nil && held {
			return true, nil
		}
		var waiting int64
		if err == nil {
			if waiting, err = r.backlog(ctx); err == nil && waiting == 0 && r.recorded(ctx) {
				r.progress("a ledger has emptied the stream")
				return false, nil
			}
		}
		if !told {
			r.progress("another ledger reads the sale; waiting until it has emptied the stream")
		}
		if time.Now().After(deadline) || !pause(ctx, min(r.cfg.LeaseTime/10, r.cfg.PollMax)) {
			return false, r.undrained(waiting, errors.Join(err, ctx.Err()))
		}
	}
}

// recorded reports whether the ledger knows the sale at all. One with a new database does
// only when its reader has begun.
func (r *recovery) recorded(ctx context.Context) bool {
	ids, err := r.store.Sales(ctx)
	for _, id := range ids {
		if id == r.id {
			return err == nil
		}
	}
	return false
}

// drain commits what waits, with the reader of every ledger, until nothing does.
func (r *recovery) drain(work context.Context, token sale.Generation, deadline time.Time) error {
	r.progress("taking the stream into the ledger")
	reader := &reader{id: r.id, token: token, stream: r.stream, store: r.store, cfg: r.cfg, hooks: Hooks{}.filled(), journal: r.journal}
	wait := r.cfg.RetryMin
	for {
		stop, cancel := context.WithDeadline(work, deadline)
		_, err := reader.drain(stop, work)
		cancel()
		if err == nil && time.Now().Before(deadline) {
			return nil
		}
		stuck := errors.Is(err, ErrRefused) || errors.Is(err, sale.ErrFenced) || errors.Is(err, sale.ErrNoSale)
		if stuck || time.Now().After(deadline) || !pause(work, wait) {
			waiting, berr := r.backlog(work)
			return r.undrained(waiting, errors.Join(err, berr, context.Cause(work)))
		}
		reader.known, wait = false, min(2*wait, r.cfg.RetryMax)
	}
}

func (r *recovery) backlog(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Call)
	defer cancel()
	waiting, _, _, err := r.stream.Backlog(ctx, r.id)
	return waiting, err
}

// undrained is the error of a stream that did not become empty, with what to do.
func (r *recovery) undrained(waiting int64, cause error) error {
	text := fmt.Sprintf("after %v the stream still has %d entries that the ledger lacks. Does PostgreSQL answer? Does the ledger that reads the sale run, and what does its log say? Nothing was restored", r.options.Wait, waiting)
	if cause == nil {
		return errors.New(text)
	}
	return fmt.Errorf("%s: %w", text, cause)
}

// restore puts the book into Redis, and makes sure that it was the last word.
func (r *recovery) restore(ctx context.Context) (Report, error) {
	book, err := r.store.Book(ctx, r.id)
	if err != nil {
		return Report{}, err
	}
	if err := r.fit(book); err != nil {
		return Report{}, err
	}
	r.progress(fmt.Sprintf("restoring %d orders and %d payments", len(book.Orders), len(book.Payments)))
	if err := r.stock.Restore(ctx, r.id, book.Records); err != nil {
		return Report{}, err
	}
	again, err := r.store.Book(ctx, r.id)
	if err != nil {
		return Report{}, fmt.Errorf("restored, but whether from the last word is not known, so recover it again: %w", err)
	}
	if !maps.Equal(book.Orders, again.Orders) || !maps.Equal(book.Payments, again.Payments) || !maps.Equal(book.Restocks, again.Restocks) {
		return Report{}, fmt.Errorf("the book changed while it was restored: %w", sale.ErrStale)
	}
	c := book.Counters()
	return Report{
		Sale: r.id, Orders: len(book.Orders), Payments: len(book.Payments),
		Total: c.Total, Held: c.Held, Paid: c.Paid, Remaining: c.Remaining, Unreadable: book.Unreadable,
	}, nil
}

// fit refuses a book that would have tickets sold twice.
func (r *recovery) fit(b sale.Book) error {
	if b.Unreadable > 0 && !r.options.Incomplete {
		return sale.Conflict("%d entries of the sale were set aside as unreadable, and what they tell of would be lost: look at the table unreadable, then say that an incomplete book may be restored", b.Unreadable)
	}
	if c := b.Counters(); !c.Conserved() {
		return sale.Conflict("the ledger's orders take more tickets than there are (total %d, held %d, paid %d)", c.Total, c.Held, c.Paid)
	}
	return nil
}
