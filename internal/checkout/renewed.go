package checkout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// A reconciliation asks each node once what it remembers. Until a node learns of the
// promotion, an old master may go on to answer it: what that grants after the question is
// in no record. So each node looks itself whether its holds are there afterwards.

// verifyAfter is how long after a sale's reconciliation was seen a node looks: by then each
// call that an old master has answered is remembered, or is being sent again.
const verifyAfter = time.Second

// renewals are the sales that were reconciled, until this node has looked.
type renewals struct {
	mu    sync.Mutex
	sales map[sale.ID]*renewal
	// shut are the holds for which this node had a sale shut: they were asked for since, and
	// one that is missing even so has ended. Only verify uses it.
	shut map[sale.OrderID]bool
}

type renewal struct {
	epoch int64
	at    time.Time
	holds map[sale.OrderID]bool // of earlier epochs
}

// Reconciled notes that a sale is in a later epoch than it was. It is called before a reading of
// that epoch is observed, while nothing is forgotten of the sale.
func (c *Catalog) Reconciled(id sale.ID, epoch int64) {
	holds := c.earlier(id, epoch)
	c.renewed.mu.Lock()
	defer c.renewed.mu.Unlock()
	if before := c.renewed.sales[id]; before != nil {
		maps.Copy(holds, before.holds)
	}
	if c.renewed.sales == nil {
		c.renewed.sales = map[sale.ID]*renewal{}
	}
	c.renewed.sales[id] = &renewal{epoch, time.Now(), holds}
}

// earlier are the holds that this node remembers from before an epoch.
func (c *Catalog) earlier(id sale.ID, epoch int64) map[sale.OrderID]bool {
	holds := map[sale.OrderID]bool{}
	for _, r := range c.Remembered(id) {
		if r.Mark.Epoch < epoch {
			holds[r.Order.ID] = true
		}
	}
	return holds
}

// verify has a sale reconciled again that lacks holds which this node acknowledged.
func (c *Catalog) verify(ctx context.Context) {
	c.renewed.mu.Lock()
	due := map[sale.ID]*renewal{}
	for id, r := range c.renewed.sales {
		if time.Since(r.at) >= verifyAfter {
			due[id] = r
		}
	}
	c.renewed.mu.Unlock()
	for id, r := range due {
		if err := c.verifySale(ctx, id, r); err != nil {
			c.log.Debug("not known yet whether a reconciled sale has all holds", zap.String("sale", string(id)), zap.Error(err))
			continue // the next poll tries again
		}
		c.renewed.mu.Lock()
		if c.renewed.sales[id] == r { // or it was reconciled once more
			delete(c.renewed.sales, id)
		}
		c.renewed.mu.Unlock()
	}
}

func (c *Catalog) verifySale(ctx context.Context, id sale.ID, r *renewal) error {
	holds := c.earlier(id, r.epoch)
	maps.Copy(holds, r.holds)
	maps.DeleteFunc(holds, func(o sale.OrderID, _ bool) bool { return c.renewed.shut[o] })
	missing, err := c.store.Missing(ctx, id, slices.Sorted(maps.Keys(holds)))
	if err != nil || len(missing) == 0 {
		return err
	}
	c.log.Error("holds that this node acknowledged are missing since the sale was reconciled; it is shut and reconciled again",
		zap.String("sale", string(id)), zap.Int("holds", len(missing)))
	err = c.store.Shut(ctx, id, fmt.Sprintf("%d holds that a node acknowledged are missing since it was reconciled", len(missing)))
	if errors.Is(err, sale.ErrNoSale) {
		return nil // it is lost anew, and will be in a later epoch
	}
	if err != nil {
		return err
	}
	if c.renewed.shut == nil || len(c.renewed.shut) > maxRemembered {
		c.renewed.shut = map[sale.OrderID]bool{}
	}
	for _, o := range missing {
		c.renewed.shut[o] = true
	}
	return nil
}
