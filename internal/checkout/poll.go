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
	schedule  *temperature.Schedule
	turn      []sale.ID                // the cold sales that this poll looks at
	feedRead  bool                     // the feed of news was read before
	gone      map[sale.ID]bool         // cold sales that were not in Redis at their last turn
	listed    map[sale.ID]bool         // by Redis, when they were listed last
	leaving   map[sale.ID]bool         // closed sales that were not listed then: archived, if they are not in Redis
	vanished  map[sale.ID]bool         // closed sales that were not listed by a Redis that had lost data
	news      int64                    // the number up to which news is known
	hot       []sale.ID                // at the last poll
	published map[sale.ID]time.Time    // when a hot sale was last published
	glances   map[sale.ID]sale.Glance  // of cold sales, as they were before they were read last
	away      map[sale.ID]time.Time    // sales that no server answers about, and when one last did
	failures  *failurelog.Log[sale.ID] // sales whose last read failed; the key "" is the publication of the hot ones
	last      time.Time                // the last poll, at which all others were answered about
}

func newPoller(c temperature.Config, log *zap.Logger) poller {
	return poller{
		schedule: temperature.New(c), published: map[sale.ID]time.Time{}, glances: map[sale.ID]sale.Glance{},
		gone: map[sale.ID]bool{}, leaving: map[sale.ID]bool{}, vanished: map[sale.ID]bool{}, away: map[sale.ID]time.Time{}, failures: failurelog.New(log, saleField),
	}
}

// poll reads the hot sales, those of which there is news, and the cold ones that have changed
// of those that have their turn. Only Redis being away is an error: a sale that is broken must
// not take the others out of the upstream. Before the first poll that succeeds, a sale that can't be
// reached is one, too: its buyers would get from this node that there is no such sale.
func (c *Catalog) poll(ctx context.Context) error {
	p := &c.poller
	if len(p.turn) == 0 { // or the last poll failed, and those have their turn still
		p.turn = p.schedule.Turn()
	}
	seen, err := c.store.Peek(ctx, p.news, p.turn)
	if err != nil {
		return err
	}
	due, err := c.listen(ctx, seen)
	if err != nil {
		return err
	}
	c.wanted.take(func(id sale.ID, at time.Time) {
		if _, known := c.Seller(id); known { // it may have been archived since
			p.schedule.Heat(id, at)
		}
	})
	hot, asked := p.schedule.Hot(time.Now())
	c.cool(hot)
	c.publish(ctx, hot[:asked])
	for _, id := range hot {
		due[id] = true
	}
	for id := range p.away {
		due[id] = true
	}
	glanced := c.compare(seen, due)
	p.turn = nil

	asks := make([]sale.Ask, 0, len(due))
	for id := range due {
		ask := sale.Ask{ID: id}
		if s, known := c.Seller(id); known {
			ask.Known = s.Generation()
		}
		asks = append(asks, ask)
	}
	now := time.Now()
	c.take(asks, c.store.ReadAll(ctx, asks), glanced)
	c.warm(ctx, hot)
	p.last = now
	if c.polled.Load() == nil {
		for id := range p.away {
			err = errors.Join(err, errors.New("no answer about sale "+string(id)))
		}
	}
	return err
}

// listen returns the sales of which there is news, and those that are new: they are due.
func (c *Catalog) listen(ctx context.Context, seen sale.Peek) (due map[sale.ID]bool, err error) {
	p := &c.poller
	due = map[sale.ID]bool{}
	if p.schedule.Over() || seen.Lost || len(p.gone) > 0 {
		listed, err := c.store.Sales(ctx)
		if err != nil {
			return nil, err
		}
		listed = c.forget(listed, seen.Lost)
		for _, id := range p.schedule.List(listed) {
			due[id] = true
		}
		maps.Copy(due, p.leaving)
		for id := range p.gone { // it is not archived, so it is lost
			due[id] = due[id] || p.schedule.Knows(id)
		}
		maps.DeleteFunc(due, func(_ sale.ID, is bool) bool { return !is })
		clear(p.gone)
		if seen.Lost { // Redis is another, or older: whatever is known of it may be wrong
			for _, id := range listed {
				due[id] = true
			}
		}
	}
	if p.feedRead { // the first time all sales are new
		now := time.Now()
		for _, id := range seen.News {
			p.schedule.Heat(id, now)
			due[id] = true
		}
	}
	p.news, p.feedRead = seen.Next, true
	return due, nil
}

// compare adds the cold sales that have changed since they were read last to what is due, and
// returns what was seen of those.
func (c *Catalog) compare(peek sale.Peek, due map[sale.ID]bool) map[sale.ID]sale.Glance {
	p := &c.poller
	seen := map[sale.ID]sale.Glance{}
	for i, id := range p.turn {
		if due[id] {
			continue
		}
		old, known := p.glances[id]
		now, err := peek.Glances[i], peek.Errs[i]
		now.Read = 0 // what the ledger has recorded is no news for who sells
		switch {
		case errors.Is(err, sale.ErrNoSale):
			p.gone[id] = true
			continue
		case err == nil && known && now == old:
			continue
		}
		if due[id] = true; err == nil {
			seen[id] = now
		}
	}
	return seen
}

// take takes what was read. A seller is made only for a sale that can be read, so once, however
// many polls that takes.
func (c *Catalog) take(asks []sale.Ask, answers []sale.Answer, glanced map[sale.ID]sale.Glance) {
	p := &c.poller
	var fresh []*Seller
	var archived, unread []sale.ID
	for i, a := range answers {
		id := asks[i].ID
		if errors.Is(a.Err, sale.ErrNoSale) && p.leaving[id] {
			archived = append(archived, id)
			continue
		}
		c.note(id, a.Err)
		c.answered(id, a.Err)
		s, known := c.Seller(id)
		if delete(p.glances, id); a.Err != nil {
			if !known && (p.listed[id] || !errors.Is(a.Err, sale.ErrNoSale)) {
				unread = append(unread, id)
			}
			continue
		}
		if g, seen := glanced[id]; seen {
			p.glances[id] = g
		}
		if !known {
			s = c.newSeller(id)
			fresh = append(fresh, s)
		}
		s.learn(a.Sale, a.Reading)
	}
	clear(p.leaving)
	c.denied(unread, fresh)
	if len(fresh)+len(archived) == 0 {
		return
	}
	sellers := maps.Clone(c.Sellers())
	for _, id := range archived {
		c.log.Info("sale is archived", zap.String("sale", string(id)))
		delete(sellers, id)
		delete(p.away, id)
		delete(p.glances, id)
		p.failures.Note(id, nil, nil)
	}
	for _, s := range fresh {
		sellers[s.id] = s
	}
	c.sellers.Store(&sellers)
	if c.hooks.Archived != nil {
		for _, id := range archived {
			c.hooks.Archived(id)
		}
	}
	if len(fresh) > manyNews {
		c.log.Info("sales are known here", zap.Int("sales", len(fresh)))
		return
	}
	for _, s := range fresh {
		c.log.Info("sale is known here", zap.String("sale", string(s.id)), zap.Int64("total", s.Sale().Total))
	}
}

// manyNews is how many sales that become known at once have a line of the log each: a node that
// starts learns of thousands.
const manyNews = 16

// learn takes what a read has brought.
func (s *Seller) learn(definition sale.Sale, r sale.Reading) {
	s.define(definition, r.Sent)
	s.Observe(r)
	if s.Sale().Closed { // not by the definition, which a later one may have overtaken
		s.local.Reject(sale.Closed)
	}
}

// read reads one sale for a request.
func (c *Catalog) read(ctx context.Context, s *Seller) error {
	definition, reading, err := c.store.Read(ctx, s.id, s.Generation())
	if err != nil {
		return err
	}
	s.learn(definition, reading)
	c.advance(ctx, s)
	return c.expire(ctx, s)
}

// expire ends overdue holds of a sale that is sold out: nobody claims on it, so nobody else
// would notice one.
func (c *Catalog) expire(ctx context.Context, s *Seller) error {
	if !s.local.Exhausted() {
		return nil
	}
	_, _, reading, err := c.store.Expire(ctx, s.id, s.Generation(), c.config.Expire)
	if err == nil {
		s.Observe(reading)
	}
	return err
}

// The kinds of failures of a poll.
var (
	notRead   = &failurelog.Kind{Begins: "can't read a sale", Over: "can read the sale again", Level: zap.ErrorLevel}
	notHeated = &failurelog.Kind{Begins: "can't publish which sales are asked for",
		Over: "allocators and ledgers learn again which sales are asked for", Level: zap.WarnLevel}
)

func saleField(id sale.ID, _ *failurelog.Kind) []zap.Field {
	if id == "" {
		return nil
	}
	return []zap.Field{zap.String("sale", string(id))}
}

// note logs a sale that can't be read, and that it can again.
func (c *Catalog) note(id sale.ID, err error) {
	switch {
	case err == nil:
		c.poller.failures.Note(id, nil, nil)
	case !errors.Is(err, context.Canceled):
		c.poller.failures.Note(id, notRead, err)
	}
}

// answered notes whether Redis has answered about a sale, if only that it is broken. The sales
// of a Redis Cluster are on several masters, so an answer about one proves nothing about another.
func (c *Catalog) answered(id sale.ID, err error) {
	p := &c.poller
	if !errors.Is(err, sale.ErrUnreachable) {
		delete(p.away, id)
		return
	}
	if _, already := p.away[id]; already {
		return
	}
	p.away[id] = p.last
	if _, known := c.Seller(id); !known || p.last.IsZero() {
		p.away[id] = time.Now()
	}
}
