package remotestock

import (
	"context"
	"fmt"
	"slices"

	"onsale/internal/sale"
)

// lookedForAtOnce is how many orders one command asks for.
const lookedForAtOnce = 500

// Missing are those of the orders that Redis does not have, live or ended. It asks no
// script, so that it changes nothing of the sale. The error is [sale.ErrUnavailable].
func (s *Store) Missing(ctx context.Context, id sale.ID, orders []sale.OrderID) (missing []sale.OrderID, err error) {
	key := s.config.Prefix.Sale(id).Orders
	for chunk := range slices.Chunk(orders, lookedForAtOnce) {
		fields := make([]string, len(chunk))
		for i, o := range chunk {
			fields[i], _ = encodeID(o) // no hold that was acknowledged has another form
		}
		call, cancel := context.WithTimeout(ctx, s.config.Call)
		found, err := s.client.HMGet(call, key, fields...).Result()
		cancel()
		if err != nil {
			return nil, fmt.Errorf("look for holds: %w: %w", sale.ErrUnavailable, err)
		}
		for i, value := range found {
			if value == nil {
				missing = append(missing, chunk[i])
			}
		}
	}
	return missing, nil
}
