package checkout

import (
	"context"
	"errors"
	"maps"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/sale"
	"onsale/internal/temperature"
)

// poller is what the polls remember. The goroutine of Run owns it.
type poller struct {
	schedule *temperature.Schedule
	heard    bool                     // the feed of news was read before
	gone     map[sale.ID]bool         // cold sales that were not in Redis at their last turn
	news     int64                    // the number up to which news is known
	hot      []sale.ID                // at the last poll
	told     map[sale.ID]time.Time    // when a hot sale was last published
	glances  map[sale.ID]sale.Glance  // of cold sales, as they were before they were read last
	away     map[sale.ID]time.Time    // sales that no server answers about, and when one last did
	failures *failurelog.Log[sale.ID] // sales whose last read failed; the key "" is the publication of the hot ones
	last     time.Time                // the last poll, at which all others were answered about
}

func newPoller(c temperature.Config, log *zap.Logger) poller {
	return poller{
		schedule: temperature.New(c), told: map[sale.ID]time.Time{}, glances: map[sale.ID]sale.Glance{},
		gone: map[sale.ID]bool{}, away: map[sale.ID]time.Time{}, failures: failurelog.New(log, saleField),
	}
}

// poll reads the hot sales, those of which there is news, and the cold ones that have changed
// of those that have their turn. Only Redis being away is an error: a sale that is broken must
// not take the others out of the upstream. Before the first good poll a sale that can't be
// reached is one, too: its buyers would get from this node that there is no such sale.
func (s *Shop) poll(ctx context.Context) error {
	p := &s.poller
	due, err := s.listen(ctx)
	if err != nil {
		return err
	}
	for id, d := range s.Desks() {
		if at, ok := d.warmth.askedAt(); ok {
			p.schedule.Heat(id, at)
		}
	}
	hot, asked, cold := p.schedule.Next(time.Now())
	s.cool(hot)
	s.publish(ctx, hot[:asked])
	for _, id := range hot {
		due[id] = true
	}
	for id := range p.away {
		due[id] = true
	}
	glanced := s.glance(ctx, cold, due)

	asks := make([]sale.Ask, 0, len(due))
	for id := range due {
		ask := sale.Ask{ID: id}
		if d, known := s.Desk(id); known {
			ask.Known = d.Generation()
		}
		asks = append(asks, ask)
	}
	now := time.Now()
	s.take(asks, s.store.ReadAll(ctx, asks), glanced)
	s.warm(ctx, hot)
	p.last = now
	if s.polled.Load() == nil {
		for id := range p.away {
			err = errors.Join(err, errors.New("no answer about sale "+string(id)))
		}
	}
	return err
}

// listen asks which sales there are and of which there is news: those are due.
func (s *Shop) listen(ctx context.Context) (due map[sale.ID]bool, err error) {
	p := &s.poller
	ids, next, lost, err := s.store.News(ctx, p.news)
	if err != nil {
		return nil, err
	}
	due = map[sale.ID]bool{}
	if p.schedule.Over() || lost || len(p.gone) > 0 {
		listed, err := s.store.Sales(ctx)
		if err != nil {
			return nil, err
		}
		listed = s.forget(listed)
		for _, id := range p.schedule.List(listed) {
			due[id] = true
		}
		for id := range p.gone { // it is not archived, so it is lost
			due[id] = due[id] || p.schedule.Knows(id)
		}
		maps.DeleteFunc(due, func(_ sale.ID, is bool) bool { return !is })
		clear(p.gone)
		if lost { // Redis is another, or older: whatever is known of it may be wrong
			for _, id := range listed {
				due[id] = true
			}
		}
	}
	if p.heard { // the first time all sales are new
		now := time.Now()
		for _, id := range ids {
			p.schedule.Heat(id, now)
			due[id] = true
		}
	}
	p.news, p.heard = next, true
	return due, nil
}

// glance looks at cold sales, adds those that have changed to what is due, and returns what it
// has seen of those.
func (s *Shop) glance(ctx context.Context, cold []sale.ID, due map[sale.ID]bool) map[sale.ID]sale.Glance {
	p := &s.poller
	ids := make([]sale.ID, 0, len(cold))
	for _, id := range cold {
		if !due[id] {
			ids = append(ids, id)
		}
	}
	seen := map[sale.ID]sale.Glance{}
	glances, errs := s.store.Glances(ctx, ids)
	for i, id := range ids {
		old, known := p.glances[id]
		// What the ledger has recorded is no news for who sells.
		glances[i].Read = 0
		switch {
		case errors.Is(errs[i], sale.ErrNoSale):
			p.gone[id] = true
			continue
		case errs[i] == nil && known && glances[i] == old:
			continue
		}
		if due[id] = true; errs[i] == nil {
			seen[id] = glances[i]
		}
	}
	return seen
}

// take takes what was read. A desk is made only for a sale that can be read, so once, however
// many polls that takes.
func (s *Shop) take(asks []sale.Ask, answers []sale.Answer, glanced map[sale.ID]sale.Glance) {
	p := &s.poller
	var fresh []*Desk
	for i, a := range answers {
		id := asks[i].ID
		s.note(id, a.Err)
		s.answered(id, a.Err)
		if delete(p.glances, id); a.Err != nil {
			continue
		}
		if g, seen := glanced[id]; seen {
			p.glances[id] = g
		}
		d, known := s.Desk(id)
		if !known {
			d = s.newDesk(id)
			fresh = append(fresh, d)
		}
		d.learn(a.Sale, a.Reading)
	}
	if len(fresh) == 0 {
		return
	}
	desks := maps.Clone(s.Desks())
	for _, d := range fresh {
		desks[d.id] = d
	}
	s.desks.Store(&desks)
	if len(fresh) > manyNews {
		s.log.Info("sales are known here", zap.Int("sales", len(fresh)))
		return
	}
	for _, d := range fresh {
		s.log.Info("sale is known here", zap.String("sale", string(d.id)), zap.Int64("total", d.Sale().Total))
	}
}

// manyNews is how many sales that become known at once have a line of the log each: a node that
// starts learns of thousands.
const manyNews = 16

// learn takes what a read has brought.
func (d *Desk) learn(definition sale.Sale, r sale.Reading) {
	d.define(definition, r.Sent)
	d.Observe(r)
	if definition.Closed {
		d.local.Refuse(sale.Closed)
	}
}

// read reads one sale for a request.
func (s *Shop) read(ctx context.Context, d *Desk) error {
	definition, reading, err := s.store.Read(ctx, d.id, d.Generation())
	if err != nil {
		return err
	}
	d.learn(definition, reading)
	return s.expire(ctx, d)
}

// expire ends overdue holds of a sale that is sold out: nobody claims on it, so nobody else
// would notice one.
func (s *Shop) expire(ctx context.Context, d *Desk) error {
	if !d.local.Exhausted() {
		return nil
	}
	_, _, reading, err := s.store.Expire(ctx, d.id, d.Generation(), s.config.Expire)
	if err == nil {
		d.Observe(reading)
	}
	return err
}

// The kinds of failures of a poll.
var (
	notRead   = &failurelog.Kind{Begins: "can't read a sale", Over: "can read the sale again", Level: zap.ErrorLevel}
	notHeated = &failurelog.Kind{Begins: "can't tell allocators and ledgers which sales are asked for",
		Over: "allocators and ledgers know again which sales are asked for", Level: zap.WarnLevel}
)

func saleField(id sale.ID, _ *failurelog.Kind) []zap.Field {
	if id == "" {
		return nil
	}
	return []zap.Field{zap.String("sale", string(id))}
}

// note logs a sale that can't be read, and that it can again.
func (s *Shop) note(id sale.ID, err error) {
	switch {
	case err == nil:
		s.poller.failures.Note(id, nil, nil)
	case !errors.Is(err, context.Canceled):
		s.poller.failures.Note(id, notRead, err)
	}
}

// answered notes whether Redis has answered about a sale, if only that it is broken. The sales
// of a Redis Cluster are on several masters, so an answer about one says nothing about another.
func (s *Shop) answered(id sale.ID, err error) {
	p := &s.poller
	if !errors.Is(err, sale.ErrUnreachable) {
		delete(p.away, id)
		return
	}
	if _, already := p.away[id]; already {
		return
	}
	p.away[id] = p.last
	if _, known := s.Desk(id); !known || p.last.IsZero() {
		p.away[id] = time.Now()
	}
}

// forget drops closed sales that are listed no more: they are archived. A sale
// that vanishes while it sells is lost data, not news: it is kept, so that its
// buyers hear that the store is unavailable, not that there is no such sale.
// It returns the ids to poll.
func (s *Shop) forget(listed []sale.ID) []sale.ID {
	p := &s.poller
	is := make(map[sale.ID]bool, len(listed))
	for _, id := range listed {
		is[id] = true
	}
	old := s.Desks()
	keep := make(map[sale.ID]*Desk, len(old))
	for id, d := range old {
		switch {
		case is[id]:
			keep[id] = d
		case d.Sale().Closed:
			s.log.Info("sale is archived", zap.String("sale", string(id)))
		default:
			keep[id] = d
			is[id] = true
			listed = append(listed, id)
		}
	}
	if len(keep) != len(old) {
		s.desks.Store(&keep)
	}
	gone := func(id sale.ID) bool { return !is[id] }
	maps.DeleteFunc(p.away, func(id sale.ID, _ time.Time) bool { return gone(id) })
	p.failures.Forget(func(id sale.ID) bool { return id != "" && gone(id) })
	maps.DeleteFunc(p.glances, func(id sale.ID, _ sale.Glance) bool { return gone(id) })
	return listed
}
