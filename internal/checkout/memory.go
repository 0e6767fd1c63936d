package checkout

import (
	"sync"
	"time"

	"onsale/internal/sale"
)

// Remembered is a hold that this node acknowledged, or an order that was free, with a mark of the
// sale's chain at which it was so: that of its own event, unless the claim was sent again.
type Remembered struct {
	Order sale.Order
	Mark  sale.Mark
	Again bool
}

const (
	// remember is for how long a hold is remembered while its sale can be read. Of a sale that is shut,
	// or that Redis has lost, nothing is forgotten: others may be reconciled first. Raised, a node can give back more of
	// what Redis and the ledger lose together, for more memory; lowered, a ledger that is
	// behind by more than that leaves a gap that nobody can fill.
	remember = time.Minute
	// maxRemembered bounds the memory: 131,072 holds are about 32 MiB, with their texts.
	maxRemembered = 1 << 17
)

// memory is the third record of a sale, beside Redis and the ledger: the last holds that
// this node acknowledged. It is a ring that grows while a minute needs more, so that in
// the end it makes no garbage.
type memory struct {
	// whole is when a reply last brought a sale's stock.
	whole func(sale.ID) time.Time

	mu    sync.Mutex
	ring  []remembered
	first int // the oldest
	count int
}

type remembered struct {
	sale sale.ID
	at   time.Time
	Remembered
}

// add remembers a hold. The oldest one goes where there are too many.
func (m *memory) add(id sale.ID, r Remembered, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.count > 0 && m.old(&m.ring[m.first]) {
		m.drop()
	}
	if m.count == len(m.ring) {
		m.grow()
	}
	if m.count == maxRemembered {
		m.drop()
	}
	m.ring[(m.first+m.count)%len(m.ring)] = remembered{id, now, r}
	m.count++
}

// old reports whether a minute has passed since the hold in which its sale could be read.
func (m *memory) old(r *remembered) bool { return m.whole(r.sale).Sub(r.at) > remember }

func (m *memory) drop() {
	m.ring[m.first] = remembered{}
	m.first = (m.first + 1) % len(m.ring)
	m.count--
}

func (m *memory) grow() {
	if len(m.ring) == maxRemembered {
		return
	}
	ring := make([]remembered, min(maxRemembered, max(64, 2*len(m.ring))))
	for i := range m.count {
		ring[i] = m.ring[(m.first+i)%len(m.ring)]
	}
	m.ring, m.first = ring, 0
}

// of is what is remembered of one sale, oldest first.
func (m *memory) of(id sale.ID) (holds []Remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.count {
		r := &m.ring[(m.first+i)%len(m.ring)]
		if r.sale == id && !m.old(r) {
			holds = append(holds, r.Remembered)
		}
	}
	return holds
}
