package ledger

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"onsale/internal/pause"
	"onsale/internal/sale"
)

// reader takes one sale's stream into the store under one lease. All its state belongs to the
// goroutine of run.
type reader struct {
	id       sale.ID
	token    sale.Generation
	stream   Stream
	store    Store
	cfg      Config
	hooks    Hooks
	failures *failures
	turns    *turns

	worked func() // is called when there was something to do; nil: nobody asks

	// reconcile puts a sale together again that has lost data, or is nil.
	reconcile func(work context.Context, id sale.ID, token sale.Generation) error

	// known: the fence is up, and what the record has is known. Any failure puts both in
	// doubt: a database that was away may come back as another one. So does a reconciliation.
	known    bool
	chain    sale.Chain // how far the record goes; without a life the ledger has no chain of the sale
	found    bool       // the ledger has the sale
	archived bool       // and Redis need not have it

	sold     time.Time // when it last committed something; zero until then
	looked   time.Time // when the record was last compared with chain
	asked    time.Time // when it was last asked whether somebody wants the lease
	reported *bool     // what the hook Lost was last called with
}

// run reads until stop is done; the batch under way is finished. work is done when nothing
// more may be written, and ends even that. The only error is sale.ErrFenced.
func (r *reader) run(stop, work context.Context) error {
	wait := newBackoff(r.cfg)
	for stop.Err() == nil {
		if time.Since(r.asked) >= r.cfg.Look && r.yielded(work) {
			return nil
		}
		entries, err := r.drain(stop, work)
		if (entries > 0 || err != nil) && r.worked != nil {
			r.worked()
		}
		switch {
		case errors.Is(err, sale.ErrLost):
			if r.yielded(work) {
				return nil
			}
			err = r.lost(work, err)
			r.known = false // a reconciliation begins a new epoch
		case err != nil:
			r.known = false
		case stop.Err() == nil: // otherwise the stream may not have been looked at
			r.note(work, OpCommit, nil) // nothing is left to commit
			r.note(work, OpChain, nil)
			r.report(false)
			r.known = r.standsStill(work)
		}
		if errors.Is(err, sale.ErrFenced) {
			return err
		}
		if !pause.For(stop, wait.after(entries, err)) {
			return nil
		}
	}
	return nil
}

// standsStill reports whether the record is where this reader has left it, once a look: a
// database that was restored from a backup does not report it, and if nothing sells nobody
// would notice.
func (r *reader) standsStill(work context.Context) bool {
	if time.Since(r.looked) < r.cfg.Look {
		return true
	}
	r.looked = time.Now()
	ctx, cancel := context.WithTimeout(work, r.cfg.Call)
	defer cancel()
	chain, _, err := r.store.Position(ctx, r.id)
	return err == nil && chain == r.chain
}

// drain commits what waits, from the head, until the stream is empty or stop is done. While
// one batch is committed the next is read. It returns how many entries it committed.
func (r *reader) drain(stop, work context.Context) (entries int, err error) {
	if !r.known {
		if err := r.begin(work); err != nil {
			return 0, err
		}
		r.known = true
	}
	p, err := r.took(work, r.read(work, ""))
	if err != nil {
		return 0, err
	}
	for stop.Err() == nil {
		whole := len(p.Events) < r.cfg.Entries
		if !r.found {
			if r.chain, err = first(p); err != nil {
				return entries, err
			}
		}
		fresh, to, err := follow(r.chain, p, whole)
		if err != nil {
			return entries, err
		}
		if len(p.Events) == 0 {
			if entries == 0 { // a page that was read ahead does not know of the last batch
				err = r.confirm(work, p)
			}
			return entries, err
		}
		ahead := r.readAhead(work, p.Events[len(p.Events)-1].ID)
		serr := r.settle(work, p, fresh, to)
		if serr == nil {
			entries, r.sold = entries+len(p.Events), time.Now()
		}
		next := <-ahead
		if serr != nil {
			return entries, serr
		}
		if p, err = r.took(work, next); err != nil {
			return entries, err
		}
	}
	return entries, nil
}

// took judges what a read has brought. Redis that lacks a sale which the ledger has is a
// loss, and no failure of the call.
func (r *reader) took(work context.Context, read reading) (sale.Page, error) {
	p, err := read.page, read.err
	if errors.Is(err, sale.ErrNoSale) && r.found {
		if err := r.begin(work); err != nil { // it may be archived since
			return p, err
		}
		if r.archived {
			p, err = sale.Page{Chain: r.chain, Read: r.chain.Seq}, nil
		} else {
			err = lostf("Redis does not have the sale")
		}
	}
	if err == nil || errors.Is(err, sale.ErrLost) {
		r.note(work, OpEvents, nil)
	} else {
		r.note(work, OpEvents, err)
	}
	return p, err
}

// confirm repeats how far the record goes to a Redis that does not know it: entries that
// were committed may be gone before they were forgotten, and a sale whose opening was among
// them would never sell.
func (r *reader) confirm(work context.Context, p sale.Page) error {
	if p.Read >= r.chain.Seq {
		return nil
	}
	return r.forget(work, nil)
}

// begin raises the fence, and reads how far the record goes. That PostgreSQL does this ends
// no contradiction: it may still refuse the batch that waits.
func (r *reader) begin(work context.Context) error {
	if err := r.commit(work, Batch{}); err != nil && !errors.Is(err, sale.ErrNoSale) {
		return err
	}
	ctx, cancel := context.WithTimeout(work, r.cfg.Call)
	defer cancel()
	chain, archived, err := r.store.Position(ctx, r.id)
	r.chain, r.found, r.archived, r.looked = chain, err == nil, archived, time.Now()
	if err == nil || errors.Is(err, sale.ErrNoSale) {
		return nil
	}
	r.note(work, OpCommit, err)
	return err
}

// settle commits the fresh entries of a page, and only then takes exactly the page's out of
// the stream.
func (r *reader) settle(work context.Context, p sale.Page, fresh []sale.Event, to sale.Chain) error {
	if len(fresh) > 0 {
		batch := Fold(fresh)
		batch.From, batch.To = r.chain, to
		began := time.Now()
		if err := r.record(work, batch); err != nil {
			return err
		}
		r.chain, r.found = to, true
		if r.hooks.Committed != nil {
			r.hooks.Committed(r.id, len(fresh), len(batch.Orders), time.Since(began))
		}
	}
	entries := make([]string, len(p.Events))
	for i, e := range p.Events {
		entries[i] = e.ID
	}
	return r.forget(work, entries)
}

// record is commit, as a span of it if any of its orders is traced.
func (r *reader) record(work context.Context, b Batch) error {
	if r.hooks.Traced == nil || len(b.Traces) == 0 {
		return r.commit(work, b)
	}
	end := r.hooks.Traced(r.id, len(b.Entries), len(b.Orders), b.Traces)
	err := r.commit(work, b)
	end(err)
	return err
}

// forget takes entries out of the stream. A loss that Redis finds by that is no failure of
// the call.
func (r *reader) forget(work context.Context, entries []string) error {
	ctx, cancel := context.WithTimeout(work, r.cfg.Call)
	defer cancel()
	err := r.stream.Forget(ctx, r.id, r.chain, entries)
	if errors.Is(err, sale.ErrLost) {
		r.note(work, OpForget, nil)
	} else {
		r.note(work, OpForget, err)
	}
	return err
}

// commit is the store's, bounded and noted. Of an empty batch, with which begin asks whether
// the sale is known, only failures are.
func (r *reader) commit(work context.Context, b Batch) error {
	ctx, cancel := context.WithTimeout(work, r.cfg.Commit)
	defer cancel()
	err := r.store.Commit(ctx, r.id, r.token, b)
	asked := err == nil || errors.Is(err, sale.ErrNoSale)
	if !(asked && len(b.Entries) == 0) && !errors.Is(err, sale.ErrFenced) {
		head := ""
		if len(b.Entries) > 0 {
			head = b.Entries[0]
		}
		r.note(work, OpCommit, err, zap.String("head", head), zap.Int("entries", len(b.Entries)))
	}
	if err == nil && len(b.Quarantined) > 0 {
		if r.hooks.Unreadable != nil {
			r.hooks.Unreadable(r.id, len(b.Quarantined))
		}
		r.failures.log.Warn("stream entries can't be read; they are quarantined in the table unreadable",
			zap.String("sale", string(r.id)), zap.Int("entries", len(b.Quarantined)),
			zap.String("first", b.Quarantined[0].Entry), zap.String("fault", b.Quarantined[0].Fault))
	}
	return err
}

// reading is a read's result.
type reading struct {
	page sale.Page
	err  error
}

// readAhead reads what follows an entry. The channel gets exactly one result and never
// blocks the sender.
func (r *reader) readAhead(work context.Context, after string) <-chan reading {
	ahead := make(chan reading, 1)
	go func() {
		ahead <- r.read(work, after)
	}()
	return ahead
}

// read touches nothing that drain changes: the two run at the same time.
func (r *reader) read(work context.Context, after string) reading {
	ctx, cancel := context.WithTimeout(work, r.cfg.Call)
	defer cancel()
	page, err := r.stream.Page(ctx, r.id, after, r.cfg.Entries)
	return reading{page, err}
}

// note reports the result of a call, unless the call failed because its caller stops.
func (r *reader) note(work context.Context, op Op, err error, where ...zap.Field) {
	if err == nil || work.Err() == nil {
		r.failures.note(op, r.id, err, where...)
	}
}
