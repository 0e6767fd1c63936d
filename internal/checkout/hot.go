package checkout

import (
	"context"
	"time"

	"onsale/internal/sale"
)

// published is how long a hot sale goes unmentioned to allocators and ledgers, for which one
// is hot for three times as long.
const published = 3 * time.Second

// warm ends what the polls of the hot sales do, and leaves it to them to keep the sales fresh.
func (s *Shop) warm(ctx context.Context, hot []sale.ID) {
	p := &s.poller
	for _, id := range hot {
		d, known := s.Desk(id)
		if _, away := p.away[id]; !known || away || p.failures.Failing(id) {
			continue
		}
		if err := s.expire(ctx, d); err != nil {
			s.note(id, err)
			s.answered(id, err)
			continue
		}
		d.warmth.cold.Store(false)
	}
}

// cool has those who ask for a sale that is no longer hot read it first.
func (s *Shop) cool(hot []sale.ID) {
	p := &s.poller
	is := make(map[sale.ID]bool, len(hot))
	for _, id := range hot {
		is[id] = true
	}
	for _, id := range p.hot {
		if d, known := s.Desk(id); known && !is[id] {
			d.warmth.cold.Store(true)
		}
	}
	p.hot = hot
}

// publish tells allocators and ledgers which sales buyers ask for here: at once, and then now
// and again. A failure is made good by the next poll.
func (s *Shop) publish(ctx context.Context, asked []sale.ID) {
	p := &s.poller
	now := time.Now()
	due := false
	for _, id := range asked {
		due = due || now.Sub(p.told[id]) >= published
	}
	if !due {
		return
	}
	err := s.store.Heat(ctx, asked)
	if err != nil {
		if ctx.Err() == nil {
			p.failures.Note("", notHeated, err)
		}
		return
	}
	p.failures.Note("", nil, nil)
	clear(p.told)
	for _, id := range asked {
		p.told[id] = now
	}
}
