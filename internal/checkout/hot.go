package checkout

import (
	"context"
	"time"

	"onsale/internal/sale"
)

// publishEvery is how long a hot sale goes unmentioned to allocators and ledgers, for which one
// is hot for three times as long.
const publishEvery = 3 * time.Second

// warm ends what the polls of the hot sales do, moves lines on that nobody else does, and leaves it to them to keep the sales fresh.
func (c *Catalog) warm(ctx context.Context, hot []sale.ID) {
	p := &c.poller
	for _, id := range hot {
		s, known := c.Seller(id)
		if _, away := p.away[id]; !known || away || p.failures.Failing(id) {
			continue
		}
		if err := c.expire(ctx, s); err != nil {
			c.note(id, err)
			c.answered(id, err)
			continue
		}
		c.advance(ctx, s)
		s.warmth.cold.Store(false)
	}
}

// cool has those who ask for a sale that is no longer hot read it first.
func (c *Catalog) cool(hot []sale.ID) {
	p := &c.poller
	is := make(map[sale.ID]bool, len(hot))
	for _, id := range hot {
		is[id] = true
	}
	for _, id := range p.hot {
		if s, known := c.Seller(id); known && !is[id] {
			s.warmth.cold.Store(true)
		}
	}
	p.hot = hot
}

// publish writes for allocators and ledgers which sales buyers ask for here: at once, and then now
// and again. The next poll makes up for a failure.
func (c *Catalog) publish(ctx context.Context, asked []sale.ID) {
	p := &c.poller
	now := time.Now()
	due := false
	for _, id := range asked {
		due = due || now.Sub(p.published[id]) >= publishEvery
	}
	if !due {
		return
	}
	err := c.store.Heat(ctx, asked)
	if err != nil {
		if ctx.Err() == nil {
			p.failures.Note("", notHeated, err)
		}
		return
	}
	p.failures.Note("", nil, nil)
	clear(p.published)
	for _, id := range asked {
		p.published[id] = now
	}
}
