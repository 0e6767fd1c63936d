package soldout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

// Store is Redis. Its calls bound themselves.
type Store interface {
	// Hot returns the sales that buyers have asked for after a number, and the next number. lost: the number is not known
	// any more.
	Hot(ctx context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error)
	// ReadAll reads sales, in the order of the asks.
	ReadAll(ctx context.Context, asks []sale.Ask) []sale.Answer
	// Expire ends at most limit overdue holds, and returns how many it ended and whether more may be overdue.
	Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (ended int, more bool, r sale.Reading, err error)
}

// Keeper keeps the leases of one folder.
type Keeper struct {
	store    Store
	config   Config
	hooks    Hooks
	failures *failurelog.Log[string]

	// The rest belongs to Run.

	hot     int64 // the number up to which the feed is known
	watched watched
}

// What can fail, and what to do about it.
var (
	notRead = &failurelog.Kind{Begins: "can't read which sales are sold out: Nginx asks the nodes meanwhile",
		Over: "which sales are sold out can be read again", Level: zap.WarnLevel}
	notWritten = &failurelog.Kind{Begins: "can't keep leases of sold-out sales beside Nginx: make the folder writable for this user; nodes and Nginx's microcache answer meanwhile",
		Over: "leases of sold-out sales are kept again", Level: zap.ErrorLevel}
)

// New returns a keeper of a valid configuration, or the configuration's faults.
func New(store Store, config Config, hooks Hooks, log *zap.Logger) (*Keeper, error) {
	failures := failurelog.New(log, func(string, *failurelog.Kind) []zap.Field {
		return []zap.Field{zap.String("folder", config.Folder)}
	})
	return &Keeper{store: store, config: config, hooks: hooks, failures: failures, watched: watched{}}, config.Validate()
}

// Run keeps the leases until ctx ends, and then removes them; it returns nil. Failures are reported and outlived.
func (k *Keeper) Run(ctx context.Context) error {
	for {
		k.look(ctx)
		if !pause.For(ctx, k.config.Tick) {
			break
		}
	}
	if k.hooks.Leased != nil {
		k.hooks.Leased(0)
	}
	k.note("write", notWritten, folder(k.config.Folder).clear())
	return nil
}

// look reads the sales that are asked for, and brings the leases to that.
func (k *Keeper) look(ctx context.Context) {
	f := folder(k.config.Folder)
	if err := f.prepare(); err != nil {
		k.note("write", notWritten, err)
		return
	}
	leases, err := k.read(ctx)
	if ctx.Err() != nil {
		return
	}
	k.note("read", notRead, err)
	k.note("write", notWritten, f.keep(leases, time.Now))
	if k.hooks.Leased != nil {
		n := 0
		for _, l := range leases {
			if l.soldOut {
				n++
			}
		}
		k.hooks.Leased(n)
	}
}

// lease is what a reading permits.
type lease struct {
	soldOut bool
	sent    time.Time // when the reading's call was sent
}

// read reads the sales, and ends overdue holds of those that are sold out. A sale that could not be read has no lease, and keeps
// the files that it has: they run out by themselves.
func (k *Keeper) read(ctx context.Context) (map[sale.ID]lease, error) {
	ids, next, _, err := k.store.Hot(ctx, k.hot)
	if err == nil {
		k.hot = next
		k.watched.ask(ids, time.Now())
	}
	leases := map[sale.ID]lease{}
	asks := k.watched.asks(k.config, time.Now())
	for i, a := range k.store.ReadAll(ctx, asks) {
		id := asks[i].ID
		switch {
		case errors.Is(a.Err, sale.ErrNoSale):
			delete(k.watched, id)
			leases[id] = lease{}
		case a.Err != nil:
			err = errors.Join(err, fmt.Errorf("sale %s: %w", id, a.Err))
		default:
			l := lease{soldOut: forEverybody(&a.Sale, a.Reading), sent: a.Reading.Sent}
			leases[id] = l
			k.watched[id].soldOut = l.soldOut
		}
	}
	return leases, errors.Join(err, k.expire(ctx, leases))
}

// lasts is the most that a lease lasts after its reading: the seconds of this one and the next.
const lasts = 2 * time.Second

// forEverybody reports whether any node answers everybody alike, for as long as the lease lasts. In a sale that admits
// buyers in turn the place comes first.
func forEverybody(s *sale.Sale, r sale.Reading) bool {
	end := r.At + sale.Instant((time.Since(r.Sent) + lasts).Milliseconds())
	return r.Remaining == 0 && s.Admission != sale.AdmitLine &&
		s.WindowAt(r.At) == sale.PhaseOnSale && s.WindowAt(end) == sale.PhaseOnSale
}

// expire ends overdue holds of sold-out sales, now and again: nobody claims on them, and the nodes, which see no buyers of
// them either, let them get cold.
func (k *Keeper) expire(ctx context.Context, leases map[sale.ID]lease) error {
	for id, l := range leases {
		w := k.watched[id]
		if !l.soldOut || time.Since(w.expired) < k.config.Expire {
			continue
		}
		w.expired = time.Now()
		ended, more, r, err := k.store.Expire(ctx, id, 0, k.config.Batch)
		if err != nil {
			return fmt.Errorf("sale %s: %w", id, err) // the others would wait as long for their failures
		}
		if ended > 0 && k.hooks.Expired != nil {
			k.hooks.Expired(id, ended)
		}
		if r.Remaining > 0 || more {
			leases[id] = lease{}
		}
	}
	return nil
}

// note reports a failure to the hooks, and that it began, or is over, to the log.
func (k *Keeper) note(what string, kind *failurelog.Kind, err error) {
	if err == nil {
		k.failures.Note(what, nil, nil)
		return
	}
	if k.hooks.Failed != nil {
		k.hooks.Failed(err)
	}
	k.failures.Note(what, kind, err)
}
