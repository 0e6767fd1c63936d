package remotestock

import (
	"context"

	"onsale/internal/sale"
)

// DecideBatch sends exactly these claims in one call of deduct, and reads the
// reply as the group commit does.
func (c *Committer) DecideBatch(claims []sale.Claim) ([]sale.Decision, error) {
	batch := make([]*entry, len(claims))
	for i, claim := range claims {
		batch[i] = &entry{claim: claim, answer: make(chan answer, 1)}
	}
	r, err := c.store.call(context.Background(), deductScript, len(batch), c.keys, c.arguments(nil, batch))
	if err != nil {
		return nil, err
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

// ParseOrder reads a record.
var ParseOrder = parseOrder
