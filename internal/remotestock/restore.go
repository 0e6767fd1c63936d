package remotestock

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// Restore puts what the records say in the place of whatever Redis holds of the
// sale, all at once and at the end. The sale is closed afterwards. The error is
// [sale.ErrConflict] where the sale is in Redis and not closed, [sale.ErrStale]
// where its stream has entries that the records may lack, or of the infrastructure.
// Whoever restores must keep every ledger from the sale's stream meanwhile.
func (s *Store) Restore(ctx context.Context, id sale.ID, r sale.Records) error {
	k := keysOf(id)
	rebuilt := []string{k.sale + ":rebuilt:orders", k.sale + ":rebuilt:buyers", k.sale + ":rebuilt:deadlines", k.sale + ":rebuilt:payments"}
	counts, err := s.rebuild(ctx, rebuilt, r)
	if err != nil {
		return fmt.Errorf("restore: %w: %w", sale.ErrUnavailable, err)
	}
	d, c := r.Sale, r.Counters()
	d.Total = r.Opened
	args := append(append(counts, definitionArgs(d)...), "total", c.Total, "remaining", c.Remaining, "held", c.Held, "paid", c.Paid)
	for key, delta := range r.Restocks {
		args = append(args, "change:"+key, delta)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	raw, err := restoreScript.Call(ctx, s.client, slices.Concat(k.all, rebuilt), args)
	if err != nil {
		return classify("restore", err)
	}
	switch {
	case len(raw) == 1 && raw[0] == "done":
	case len(raw) == 1 && raw[0] == "open":
		return sale.Conflict("sale %s is not closed", id)
	case len(raw) == 1 && raw[0] == "undrained":
		return fmt.Errorf("sale %s has events that the ledger lacks: %w", id, sale.ErrStale)
	default:
		return classify("restore", fmt.Errorf("%w: restore said %v", ErrReply, raw))
	}
	if err := s.client.SAdd(ctx, salesKey, string(id)).Err(); err != nil {
		return fmt.Errorf("sale %s is restored but not yet listed, restore it again: %w: %w", id, sale.ErrUnknown, err)
	}
	return nil
}

// rebuildAtOnce is how many fields one command of a restore sets.
const rebuildAtOnce = 1000

// rebuild writes orders, buyers, deadlines and payments under keys of their own,
// and returns how many of each.
func (s *Store) rebuild(ctx context.Context, to []string, r sale.Records) ([]any, error) {
	if err := s.client.Del(ctx, to...).Err(); err != nil {
		return nil, err
	}
	var orders, buyers, payments []any
	var deadlines []redis.Z
	for _, id := range slices.Sorted(maps.Keys(r.Orders)) {
		o := r.Orders[id]
		orders = append(orders, string(id), orderRecord(o))
		if o.State.Live() {
			buyers = append(buyers, string(o.Buyer), string(id))
		}
		if o.State == sale.StateHeld {
			deadlines = append(deadlines, redis.Z{Score: float64(o.Expires), Member: string(id)})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.Payments)) {
		p := r.Payments[id]
		payments = append(payments, "p:"+string(id), paymentRecord(p), "m:"+string(p.Message), string(id))
		// A refunded order still names the payment that had paid it.
		if p.State == sale.PaymentApplied || p.Reason == sale.ReasonRefunded {
			payments = append(payments, "o:"+string(p.Order), string(id))
		}
	}
	for key, fields := range map[string][]any{to[0]: orders, to[1]: buyers, to[3]: payments} {
		for chunk := range slices.Chunk(fields, 2*rebuildAtOnce) {
			if err := s.client.HSet(ctx, key, chunk...).Err(); err != nil {
				return nil, err
			}
		}
	}
	for chunk := range slices.Chunk(deadlines, rebuildAtOnce) {
		if err := s.client.ZAdd(ctx, to[2], chunk...).Err(); err != nil {
			return nil, err
		}
	}
	return []any{len(orders) / 2, len(buyers) / 2, len(deadlines), len(payments) / 2}, nil
}

// orderRecord is the inverse of parseOrder.
func orderRecord(o sale.Order) string {
	return fmt.Sprintf("%s %d %d %d %s", o.State, o.Quantity, o.Created, o.Expires, o.Buyer)
}
