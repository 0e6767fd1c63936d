package remotestock

import (
	"context"
	"net"
	"strings"

	"onsale/internal/sale"
	"onsale/lua"
)

// DecideBatch sends exactly these claims in one call of deduct, and reads the
// reply as the group commit does.
func (c *Committer) DecideBatch(claims []sale.Claim) ([]sale.Decision, error) {
	batch := make([]*entry, len(claims))
	for i, claim := range claims {
		id, _ := binaryID(claim.Order)
		batch[i] = &entry{claim: claim, id: id, answer: make(chan answer, 1)}
	}
	r, err := c.store.call(context.Background(), c.sale, deductScript, len(batch), c.watcher.Generation(), arguments(nil, batch)...)
	if err != nil {
		return nil, classify("deduct", err)
	}
	if err := c.deliver(batch, r); err != nil {
		return nil, err
	}
	decisions := make([]sale.Decision, len(batch))
	for i, e := range batch {
		a := <-e.answer
		if a.err != nil {
			return nil, a.err
		}
		decisions[i] = a.decision
	}
	return decisions, nil
}

// Queued is how many claims wait for a call; -1 while no call is under way.
func (c *Committer) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights == 0 {
		return -1
	}
	return len(c.queue)
}

// SettleAtOnce has the scripts remove ended orders without waiting until no call with
// their claims can be under way. undo ends that.
func SettleAtOnce() (undo func()) {
	const as = "KEPT, SETTLES = 3, 10000"
	before := []*lua.Script{resolveScript, refillScript}
	for script, source := range map[**lua.Script]string{&resolveScript: lua.Resolve, &refillScript: lua.Refill} {
		changed := strings.Replace(source, as, "KEPT, SETTLES = 3, -1", 1)
		if changed == source {
			panic("lua/order.lua has no " + as)
		}
		*script = lua.NewScript((*script).Name, changed)
	}
	return func() { resolveScript, refillScript = before[0], before[1] }
}

// EncodeID is an order's id as Redis keeps it.
func EncodeID(id sale.OrderID) string {
	b, ok := encodeID(id)
	if !ok {
		panic("no order id: " + id)
	}
	return b
}

// ParseRows reads the orders of an event.
func ParseRows(rows string) ([]sale.Order, error) {
	orders, _, err := parseRows(rows)
	return orders, err
}

// InScripts are the commands that scripts may send.
var InScripts = inScripts

// Late makes a connection that is read after its deadline.
func Late(c net.Conn) net.Conn { return lateConn{c} }
