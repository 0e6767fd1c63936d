package checkout

import (
	"maps"
	"time"

	"onsale/internal/sale"
)

// Which sales there are, as Redis lists them and as this node knows them.

// forget returns the sales to poll: those that are listed, and those that this node knows. Of
// these, a closed one that is listed no more is archived if it is not in Redis, which the poll
// finds out. One that vanishes while it sells is lost data, not news: it is kept, so that its
// buyers get `store-unavailable`, not that there is no such sale. So is a closed one if Redis has
// lost data: its holds can still be paid once it is reconciled.
func (c *Catalog) forget(listed []sale.ID, lost bool) []sale.ID {
	p := &c.poller
	is := make(map[sale.ID]bool, len(listed))
	for _, id := range listed {
		is[id] = true
	}
	p.listed = maps.Clone(is)
	for id, s := range c.Sellers() {
		if is[id] {
			delete(p.vanished, id)
			continue
		}
		switch closed := s.Sale().Closed; {
		case closed && lost:
			p.vanished[id] = true
		case closed && !p.vanished[id]:
			p.leaving[id] = true
		}
		is[id] = true
		listed = append(listed, id)
	}
	unread := maps.Clone(*c.unread.Load())
	maps.DeleteFunc(unread, func(id sale.ID, _ bool) bool { return !is[id] })
	c.unread.Store(&unread)
	gone := func(id sale.ID) bool { return !is[id] }
	maps.DeleteFunc(p.away, func(id sale.ID, _ time.Time) bool { return gone(id) })
	p.failures.Forget(func(id sale.ID) bool { return id != "" && gone(id) })
	maps.DeleteFunc(p.glances, func(id sale.ID, _ sale.Glance) bool { return gone(id) })
	return listed
}

// denied notes which sales there are that can't be read: this node does not know them, and must
// not answer that they do not exist.
func (c *Catalog) denied(unread []sale.ID, fresh []*Seller) {
	old := *c.unread.Load()
	if len(unread) == 0 && len(old) == 0 {
		return
	}
	all := maps.Clone(old)
	for _, s := range fresh {
		delete(all, s.id)
	}
	for _, id := range unread {
		all[id] = true
	}
	c.unread.Store(&all)
}

// Unread reports whether Redis has a sale that this node could not read, so that it has no seller of it.
func (c *Catalog) Unread(id sale.ID) bool { return (*c.unread.Load())[id] }
