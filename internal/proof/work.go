package proof

import (
	"context"
	"errors"
	"strings"
	"sync"

	"onsale/internal/sale"
)

// Work is the Verifier that has buyers work: it makes challenges as hard as the sale's load asks for, and verifies
// solutions. Its methods are safe for concurrent use.
type Work struct {
	keys   Keys
	config Config
	lock   sync.Mutex
	rates  map[sale.ID]*rate
}

// NewWork makes one. The error names every fault.
func NewWork(keys Keys, config Config) (*Work, error) {
	err := config.Validate()
	if len(keys) == 0 {
		err = errors.Join(errors.New("proof: no keys"), err)
	}
	return &Work{keys: keys, config: config, rates: map[sale.ID]*rate{}}, err
}

// Challenge makes one that this buyer can join this sale with. easy is its largest number while few join; 0: that of the configuration.
func (w *Work) Challenge(id sale.ID, buyer sale.Buyer, easy int64, now sale.Instant) Challenge {
	return w.keys.New(id, buyer, now.Add(Validity), w.Difficulty(id, easy, now))
}

// Difficulty is the largest number of a challenge that is made now.
func (w *Work) Difficulty(id sale.ID, easy int64, now sale.Instant) int64 {
	w.lock.Lock()
	defer w.lock.Unlock()
	var r rate
	if known := w.rates[id]; known != nil {
		r = known.decayed(now)
	}
	return w.config.of(easy).Difficulty(r.joins)
}

// Hardest is the largest number of the challenges that are made now, of whichever sale that has no easiest one of its own.
func (w *Work) Hardest(now sale.Instant) int64 {
	w.lock.Lock()
	defer w.lock.Unlock()
	joins := 0.0
	for _, r := range w.rates {
		joins = max(joins, r.decayed(now).joins)
	}
	return w.config.Difficulty(joins)
}

// Verify implements Verifier. Only good solutions count as load: else strangers would make buyers work for nothing.
func (w *Work) Verify(_ context.Context, id sale.ID, buyer sale.Buyer, payload, _ string, now sale.Instant) error {
	if err := w.keys.Verify(id, buyer, payload, now); err != nil {
		return err
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	r := w.rates[id]
	if r == nil {
		w.forget(now)
		r = &rate{}
		w.rates[sale.ID(strings.Clone(string(id)))] = r // the caller's may share a request's memory
	}
	*r = r.joined(now)
	return nil
}

// quiet is the rate below which a sale is forgotten: far below what any challenge depends on.
const quiet = 0.001

// forget drops the sales that nobody joins any more, so that those that are left are few, however many there were.
func (w *Work) forget(now sale.Instant) {
	for id, r := range w.rates {
		if r.decayed(now).joins < quiet {
			delete(w.rates, id)
		}
	}
}
