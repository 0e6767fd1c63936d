package remotestock

import (
	"context"
	"slices"
	"strconv"

	"onsale/internal/sale"
)

// call sends a batch, as a span of it if any of its claims is traced.
func (c *Committer) call(seen *seen, batch []*entry, args []any) (reply, error) {
	traced, places := c.traced(batch), placesOf(batch)
	if len(traced) > 0 || places != "" {
		args = append(args, sale.FormatTraces(traced))
	}
	if places != "" {
		args = append(args, places)
	}
	if len(traced) > 0 {
		end := c.store.hooks.Traced(c.sale, len(batch), traced)
		r, err := c.store.send(context.Background(), seen, deductScript, len(batch), args)
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

// placesOf are the places of a batch with commas between them; empty where none has one.
func placesOf(batch []*entry) string {
	if !slices.ContainsFunc(batch, func(e *entry) bool { return e.claim.Place > 0 }) {
		return ""
	}
	b := make([]byte, 0, 8*len(batch))
	for i, e := range batch {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, max(0, e.claim.Place), 10)
	}
	return string(b)
}
