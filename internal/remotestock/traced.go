package remotestock

import (
	"context"

	"onsale/internal/sale"
)

// call sends a batch, as a span of it if any of its claims is traced.
func (c *Committer) call(seen *seen, batch []*entry, args []any) (reply, error) {
	if traced := c.traced(batch); len(traced) > 0 {
		end := c.store.hooks.Traced(c.sale, len(batch), traced)
		r, err := c.store.send(context.Background(), seen, deductScript, len(batch), append(args, sale.FormatTraces(traced)))
		end(err)
		return r, err
	}
	return c.store.send(context.Background(), seen, deductScript, len(batch), args)
}

// traced are the claims of a batch that are recorded in traces; none where nothing is traced.
func (c *Committer) traced(batch []*entry) (traced []sale.TracedClaim) {
	if c.store.hooks.Traced == nil {
		return nil
	}
	for _, e := range batch {
		if e.claim.Trace != nil {
			traced = append(traced, sale.TracedClaim{Trace: *e.claim.Trace, Since: e.giveUp.Add(-c.store.config.Patience)})
		}
	}
	return traced
}
