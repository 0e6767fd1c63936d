package ledger

import (
	"context"
	"maps"
	"slices"
	"time"

	"onsale/internal/sale"
	"onsale/internal/temperature"
)

// scout finds out which sales want a reader: those that are new or asked for, and those of which
// something waits or of which Redis and the record disagree. All others rest: nobody holds their
// leases, and they are looked at in turn. The goroutine of Run owns it.
type scout struct {
	*Ledger
	schedule  *temperature.Schedule
	recorded  map[sale.ID]sale.Chain // how far the record goes, as it was listed last
	news, hot int64                  // the numbers up to which the feeds are known
	newsRead  bool                   // the feed of news was read before
	wanted    map[sale.ID]bool       // at the last look
}

func newScout(l *Ledger) scout {
	return scout{Ledger: l, schedule: temperature.New(l.cfg.Temperature)}
}

// look returns the sales that want a reader, and whether there are more than at the last look.
func (s *scout) look(ctx context.Context) (wanted map[sale.ID]bool, more bool, err error) {
	all, err := s.listen(ctx)
	if err != nil {
		return nil, false, err
	}
	now := time.Now()
	hot, _ := s.schedule.Hot(now)
	cold := s.schedule.Turn()
	if all {
		cold = s.watch.known()
	}
	hot = append(hot, s.glance(ctx, cold, now)...)
	wanted = make(map[sale.ID]bool, len(hot))
	for _, id := range hot {
		s.watch.wake(id)
		wanted[id] = true
		more = more || !s.wanted[id]
	}
	s.wanted = maps.Clone(wanted)
	return wanted, more, nil
}

// listen takes the feeds, and lists the sales once each has had its turn. all: every sale has to
// be looked at now.
func (s *scout) listen(ctx context.Context) (all bool, err error) {
	call, cancel := context.WithTimeout(ctx, s.cfg.Call)
	defer cancel()
	news, next, lost, err := s.stream.News(call, s.news)
	if err != nil {
		return false, err
	}
	if lost || s.schedule.Over() {
		if err := s.list(ctx); err != nil {
			return false, err
		}
	}
	now := time.Now()
	if s.newsRead { // the first time all sales are new
		for _, id := range news {
			s.schedule.Heat(id, now)
		}
	}
	s.news, s.newsRead = next, true
	hot, next, _, err := s.stream.Hot(call, s.hot)
	if err != nil {
		return false, err
	}
	for _, id := range hot {
		if s.schedule.Knows(id) {
			s.schedule.Heat(id, now)
		}
	}
	s.hot = next
	return lost, nil
}

// list begins a round with the sales of Redis, those that the ledger has and nobody has archived,
// and those whose streams are not empty. Redis must have them: one that it lacks is read too, so
// that its loss is noticed.
func (s *scout) list(ctx context.Context) error {
	ids, err := s.sales(ctx)
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, s.cfg.Call)
	defer cancel()
	recorded, err := s.store.Selling(call)
	if err == nil || ctx.Err() == nil {
		s.failures.note(OpPing, "", err)
	}
	if err == nil {
		s.recorded = recorded
		ids = together(ids, slices.Collect(maps.Keys(recorded)))
	} else {
		ids = together(ids, s.watch.known()) // which of them Redis has lost is not known now
	}
	for _, id := range s.watch.list(ids) {
		s.failures.leave(id)
		s.lagless(id)
		if s.hooks.Stalled != nil {
			s.hooks.Stalled(id, false)
		}
		if s.hooks.Dropped != nil {
			s.hooks.Dropped(id)
		}
	}
	s.schedule.List(s.watch.known())
	return nil
}

// lagless reports that nothing waits for a sale, which nobody measures from now on.
func (s *scout) lagless(id sale.ID) {
	if s.hooks.Lag != nil {
		s.hooks.Lag(id, 0, 0)
	}
}

// glance looks at sales and returns those that want a reader. The others rest.
func (s *scout) glance(ctx context.Context, ids []sale.ID, now time.Time) (wanted []sale.ID) {
	if len(ids) == 0 {
		return nil
	}
	call, cancel := context.WithTimeout(ctx, s.cfg.Call)
	defer cancel()
	glances, errs := s.stream.Glances(call, ids)
	for i, id := range ids {
		g := glances[i]
		if errs[i] == nil && g.Lost == "" && g.Read == g.Seq && g.Chain == s.recorded[id] {
			s.watch.rest(id)
			s.lagless(id)
			continue
		}
		s.schedule.Heat(id, now)
		wanted = append(wanted, id)
	}
	return wanted
}
