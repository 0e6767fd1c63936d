package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/lease"
	"onsale/internal/ledger"
	"onsale/internal/sale"
)

// state is what a ledger registers of itself, see [adminapi.LedgerState]. Hooks of several goroutines change it.
type state struct {
	mu      sync.Mutex
	reads   map[sale.ID]bool
	waiting map[sale.ID]waiting // of all sales, whoever reads them
	written time.Time
}

type waiting struct {
	events int64
	age    time.Duration
}

// watching returns the hooks, which then change the state as well.
func (s *state) watching(h ledger.Hooks) ledger.Hooks {
	s.reads, s.waiting = map[sale.ID]bool{}, map[sale.ID]waiting{}
	lag, reading, committed := h.Lag, h.Reading, h.Committed
	h.Lag = func(id sale.ID, events int64, age time.Duration) {
		lag(id, events, age)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.waiting[id] = (waiting{events, age}); events == 0 {
			delete(s.waiting, id)
		}
	}
	h.Reading = func(id sale.ID, reads bool) {
		reading(id, reads)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.reads[id] = true; !reads {
			delete(s.reads, id)
		}
	}
	h.Committed = func(id sale.ID, events, orders int, took time.Duration) {
		committed(id, events, orders, took)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.written = time.Now().UTC()
	}
	return h
}

// registration is the value that is registered.
func (s *state) registration(ready bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := adminapi.LedgerState{Ready: ready, Sales: len(s.reads)}
	for id := range s.reads {
		w := s.waiting[id]
		is.Waiting += w.events
		is.WaitedSeconds = max(is.WaitedSeconds, w.age.Seconds())
	}
	for id, w := range s.waiting {
		is.Behind = append(is.Behind, adminapi.Behind{Sale: string(id), Waiting: w.events, WaitedSeconds: w.age.Seconds()})
	}
	slices.SortFunc(is.Behind, func(a, b adminapi.Behind) int {
		return cmp.Or(cmp.Compare(b.WaitedSeconds, a.WaitedSeconds), cmp.Compare(a.Sale, b.Sale))
	})
	is.Behind = is.Behind[:min(len(is.Behind), adminapi.MaxBehind)]
	if !s.written.IsZero() {
		at := s.written
		is.WrittenAt = &at
	}
	text, err := json.Marshal(is)
	if err != nil {
		panic(err) // numbers and times can be encoded
	}
	return string(text)
}

// member registers a ledger with its state.
type member struct {
	*lease.Member
	state func() string
}

// Register implements [ledger.Registry].
func (m member) Register(ctx context.Context) (ledgers int, err error) {
	m.Update(m.state())
	return m.Member.Register(ctx)
}
