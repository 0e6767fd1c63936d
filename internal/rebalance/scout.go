package rebalance

import (
	"context"
	"errors"
	"time"

	"onsale/internal/pause"
	"onsale/internal/sale"
	"onsale/internal/temperature"
)

// scout finds out which sales there are and which of them want a look, so that planners of
// cold sales rest until something happens to them.
type scout struct {
	*leader
	schedule  *temperature.Schedule
	listed    []sale.ID
	news, hot int64                   // the numbers up to which the feeds are known
	newsRead  bool                    // the feed of news was read before
	gone      bool                    // a cold sale was not in the store: it may be archived
	glances   map[sale.ID]sale.Glance // of cold sales, as they were when their planners were woken last
	missing   map[sale.ID]bool        // cold sales that were not in the store at their last turn
	view      int64                   // of leader.views, to which these belong
	failures  *failures
}

// find is what the scout has found in one round.
type find struct {
	listed []sale.ID // all sales, or nil where they were not listed
	hot    []sale.ID // from now on to be looked at every tick
	due    []sale.ID // others to be looked at now
}

func newScout(l *leader) *scout {
	return &scout{leader: l, schedule: temperature.New(l.cfg.Temperature), glances: map[sale.ID]sale.Glance{}, missing: map[sale.ID]bool{}, failures: newFailures(l.log, l.hooks)}
}

// run hands what it finds to tend, at once and then every tick.
func (s *scout) run(ctx context.Context, finds chan<- find) {
	for {
		f, err := s.look(ctx)
		s.failures.note(ctx, OpSales, err)
		select {
		case <-ctx.Done():
			return
		case finds <- f:
		}
		if !pause.For(ctx, s.cfg.Tick) {
			return
		}
	}
}

// look makes one round. Where a call fails, the sales that are known stay so.
func (s *scout) look(ctx context.Context) (f find, err error) {
	f, err = s.listen(ctx)
	f.hot, _ = s.schedule.Hot(time.Now())
	f.due = append(f.due, s.glance(ctx, s.schedule.Turn())...)
	return f, err
}

// listen takes the feeds, and lists the sales once each has had its turn.
func (s *scout) listen(ctx context.Context) (f find, err error) {
	call, cancel := context.WithTimeout(ctx, s.cfg.Call)
	defer cancel()
	news, next, lost, err := s.stock.News(call, s.news)
	if err == nil && (lost || s.gone || s.schedule.Over()) {
		var ids []sale.ID
		if ids, err = s.stock.Sales(call); err == nil {
			s.listed, f.listed = ids, append([]sale.ID{}, ids...) // an empty list is one, too
		}
	}
	if s.schedule.Over() || f.listed != nil {
		f.due = s.schedule.List(s.listed)
		s.gone = false
	}
	if err != nil {
		return f, err
	}
	if lost { // Redis is another, or older
		f.due = s.listed
	}
	now := time.Now()
	if s.newsRead { // the first time all sales are new
		for _, id := range news {
			s.schedule.Heat(id, now)
		}
	}
	s.news, s.newsRead = next, true
	hot, next, _, err := s.stock.Hot(call, s.hot)
	if err != nil {
		return f, err
	}
	for _, id := range hot {
		if s.schedule.Knows(id) {
			s.schedule.Heat(id, now)
		}
	}
	s.hot = next
	return f, nil
}

// glance looks at cold sales and returns those that want a look: they have changed, they have
// holds, which may be overdue, or the nodes have changed since their planners were woken.
func (s *scout) glance(ctx context.Context, cold []sale.ID) (due []sale.ID) {
	if view := s.views.Load(); view != s.view {
		clear(s.glances)
		s.view = view
	}
	call, cancel := context.WithTimeout(ctx, s.cfg.Call)
	defer cancel()
	glances, errs := s.stock.Glances(call, cold)
	for i, id := range cold {
		g := glances[i]
		g.Read = 0 // what the ledger has recorded moves no plan
		old, known := s.glances[id]
		if errs[i] == nil && known && g == old && g.Held == 0 {
			continue
		}
		if errors.Is(errs[i], sale.ErrNoSale) && !s.missing[id] { // if it is still listed, the next turn finds it so again
			s.gone, s.missing[id] = true, true
			continue
		}
		delete(s.missing, id)
		if due = append(due, id); errs[i] == nil {
			s.glances[id] = g
		} else {
			delete(s.glances, id)
		}
	}
	return due
}
