package reconcile

import (
	"cmp"
	"fmt"

	"onsale/internal/sale"
)

// merge is a plan in the making.
type merge struct {
	now       sale.Instant
	decisions Decisions

	redis, ledger  *Side // nil: there is none, or it is dropped
	further, other *Side // the same two, by how far they go; other may be nil
	relation       Relation
	life           string
	epoch          int64 // of the plan
	records        sale.Records

	ended     map[sale.OrderID]sale.State     // live in the ledger alone, and how Redis shows that they ended
	contested map[sale.OrderID]bool           // paid in one fork, ended in the other
	payers    map[sale.OrderID]sale.PaymentID // what is applied to the paid orders
	odd       map[sale.OrderID][]sale.PaymentID
	applied   []sale.PaymentID // in one record alone

	lost  []Range
	cases map[Kind][]Case
}

func (m *merge) add(c Case) { m.cases[c.Kind] = append(m.cases[c.Kind], c) }

// proven reports whether the further chain continues the other one for certain.
func (m *merge) proven() bool { return m.relation == Same || m.relation == LedgerBehind }

// choose settles which records count, and how they relate.
func (m *merge) choose(in Input) error {
	m.redis, m.ledger = in.Redis, in.Ledger
	if m.redis == nil && m.ledger == nil {
		return fmt.Errorf("reconcile: %w; nodes hold %d orders of it", ErrNothing, len(in.Holds))
	}
	if m.redis != nil && m.ledger != nil {
		if r, l := m.redis.Records.Sale.ID, m.ledger.Records.Sale.ID; r != l {
			return fmt.Errorf("reconcile: Redis's records are of sale %q, the ledger's of %q", r, l)
		}
		m.dropUnsold(in.Holds)
	}
	m.further, m.other = m.ledger, m.redis
	if m.further == nil || m.other != nil && compare(m.further.Chain, m.other.Chain) <= 0 {
		m.further, m.other = m.other, m.further
	}
	m.life = m.further.Chain.Life
	if m.ledger != nil {
		m.life = m.ledger.Chain.Life
	}
	m.relation = m.relate()
	if m.relation == TwoLives {
		m.add(m.twoLives(Case{What: fmt.Sprintf("Redis and the ledger have sold as two sales: %s and %s", m.redis.Chain.Life, m.ledger.Chain.Life)}))
	}
	m.epoch = nextEpoch(in)
	return nil
}

// dropUnsold forgets a Redis in which the sale was opened a second time, if it
// can't have sold anything since and was not restocked: that was acknowledged.
func (m *merge) dropUnsold(holds []Hold) {
	r, l := m.redis, m.ledger
	if r.Chain.Life == l.Chain.Life || r.Selling || len(r.Records.Orders)+len(r.Records.Payments)+len(r.Records.Restocks) > 0 {
		return
	}
	for _, h := range holds {
		if h.Life == r.Chain.Life {
			return
		}
	}
	m.redis = nil
	m.add(Case{
		Kind:     KindReopened,
		What:     fmt.Sprintf("Redis has the sale opened a second time, as %s, and never sold it", r.Chain.Life),
		Decision: "dropped; the ledger's " + l.Chain.Life + " is right",
	})
}

// twoLives completes a case of two sales under one id.
func (m *merge) twoLives(c Case) Case {
	c.Kind = KindTwoLives
	if c.Options = []string{string(MergeLives)}; m.decisions.Lives == MergeLives {
		c.Decision = "merged into one, " + m.life
	}
	return c
}

// nextEpoch is above every epoch that anybody has seen.
func nextEpoch(in Input) int64 {
	var highest int64
	for _, s := range []*Side{in.Redis, in.Ledger} {
		if s != nil {
			highest = max(highest, s.Chain.Epoch)
		}
	}
	for _, m := range in.Seen {
		highest = max(highest, m.Epoch)
	}
	for _, h := range in.Holds {
		highest = max(highest, h.Mark.Epoch)
	}
	return highest + 1
}

// compare orders chains by how far they go, and forks of the same length in a
// way that does not depend on where they are.
func compare(a, b sale.Chain) int {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Link, b.Link), cmp.Compare(a.Life, b.Life))
}

func (m *merge) relate() Relation {
	r, l := m.redis, m.ledger
	switch {
	case l == nil:
		return RedisAlone
	case r == nil:
		return LedgerAlone
	case r.Chain.Life != l.Chain.Life:
		return TwoLives
	case m.prefix():
		ended, ok := m.droppedByRedis()
		if !ok {
			return Forked // the chain shows one thing and the records another
		}
		m.ended = ended
		if r.Chain.Mark == l.Chain.Mark {
			return Same
		}
		return LedgerBehind
	case r.Chain.Before(l.Chain.Mark) && within(r.Records, l.Records):
		return RedisBehind
	}
	return Forked
}

// prefix reports whether the links prove that Redis's chain continues the
// ledger's. For a link that Redis no longer keeps, the commits that the ledger
// has reported to Redis are the proof.
func (m *merge) prefix() bool {
	r, l := m.redis, m.ledger.Chain.Mark
	if l.Epoch != r.Chain.Epoch || l.Seq > r.Chain.Seq {
		return false
	}
	link, known := r.linkAt(l)
	return known && link == l.Link || !known && r.Read >= l.Seq
}

// within reports whether everything in a is in b, there or further.
func within(a, b sale.Records) bool {
	for id, o := range a.Orders {
		if now, known := b.Orders[id]; !known || !follows(o, now) {
			return false
		}
	}
	return moneyWithin(a, b)
}

// moneyWithin is within for what no record ever drops: payments and restocks.
func moneyWithin(a, b sale.Records) bool {
	for id, p := range a.Payments {
		if now, known := b.Payments[id]; !known || rank(now) < rank(p) {
			return false
		}
	}
	for key, delta := range a.Restocks {
		if now, known := b.Restocks[key]; !known || now != delta {
			return false
		}
	}
	return true
}

// follows reports whether an order may have become what it is now.
func follows(o, now sale.Order) bool {
	switch {
	case o.Buyer != now.Buyer || o.Quantity != now.Quantity:
		return false
	case o.State == now.State, o.State == sale.StateHeld:
		return true
	}
	return o.State == sale.StatePaid && now.State == sale.StateRefunded
}

// droppedByRedis are the orders that are live in a ledger whose chain is a prefix
// of Redis's, and that Redis no longer has: they have ended there. Redis drops an
// order only when it knows that the ledger has its ending. So if the ledger never
// had more than it has now, the order is missing for another reason, and nothing
// proves that it ended: ok is false, as wherever the records contradict the chain.
func (m *merge) droppedByRedis() (ended map[sale.OrderID]sale.State, ok bool) {
	r, l := m.redis, m.ledger
	ended = map[sale.OrderID]sale.State{}
	for id, o := range l.Records.Orders {
		now, known := r.Records.Orders[id]
		switch {
		case known && !follows(o, now):
			return nil, false
		case known || !o.State.Live():
		case r.Read <= l.Chain.Seq:
			return nil, false
		default:
			ended[id] = sale.StateExpired
			if o.Free() { // which no payment records
				ended[id] = sale.StateRefunded
			}
		}
	}
	if !moneyWithin(l.Records, r.Records) {
		return nil, false
	}
	if len(ended) == 0 {
		return nil, true
	}
	for _, p := range r.Records.Payments {
		if _, gone := ended[p.Order]; gone && p.State == sale.PaymentApplied {
			return nil, false // Redis drops no paid order
		} else if gone && p.Reason == sale.ReasonRefunded {
			ended[p.Order] = sale.StateRefunded
		}
	}
	for id, state := range ended {
		if l.Records.Orders[id].State == sale.StatePaid && state != sale.StateRefunded {
			return nil, false
		}
	}
	return ended, true
}
