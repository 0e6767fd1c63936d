package remotestock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"onsale/internal/sale"
)

// Former reads a sale that was written in the first layout, before sales had a chain: by
// onsale up to the version of November 2026. Programs of that version must have been
// stopped. It can't be sold from until it is reconciled, which writes today's layout.
func (s *Store) Former(ctx context.Context, id sale.ID) (sale.Snapshot, error) {
	k := s.config.Prefix.Sale(id)
	v := sale.Snapshot{Records: sale.NewRecords()}
	var fields []string
	hash := func(name, value string) error {
		fields = append(fields, name, value)
		return restockOf(&v.Records, name, value)
	}
	orders := func(id, record string) error {
		o, err := parseFormerOrder(sale.OrderID(id), record)
		v.Orders[o.ID] = o
		return err
	}
	payments := func(field, record string) error { return addPayment(&v, field, record) }
	err := errors.Join(s.scan(ctx, k.Sale, s.client.HScan, scanAtOnce, hash), s.scan(ctx, k.Orders, s.client.HScan, scanAtOnce, orders),
		s.scan(ctx, k.Payments, s.client.HScan, scanAtOnce, payments))
	if err != nil {
		return v, fmt.Errorf("snapshot of sale %s in its former layout: %w", id, err)
	}
	// Neither Redis nor the ledger had a chain: whatever the ledger has came from here.
	fields = append(fields, "life", "", "read", "0", "lost", "")
	if err := readFields(&v, fields); err != nil {
		return v, fmt.Errorf("snapshot of sale %s in its former layout: %w", id, err)
	}
	v.Chain.Seq = 1
	if v.At, err = s.Time(ctx); err != nil {
		return v, err
	}
	return v, nil
}

// parseFormerOrder reads "state quantity created expires buyer".
func parseFormerOrder(id sale.OrderID, record string) (sale.Order, error) {
	w := strings.SplitN(record, " ", 5)
	if len(w) != 5 || w[0] == "" || w[4] == "" {
		return sale.Order{}, fmt.Errorf("%w: order %s has the record %q", ErrReply, id, record)
	}
	quantity, err := strconv.Atoi(w[1])
	created, err2 := strconv.ParseInt(w[2], 10, 64)
	expires, err3 := strconv.ParseInt(w[3], 10, 64)
	if err := errors.Join(err, err2, err3); err != nil {
		return sale.Order{}, fmt.Errorf("%w: order %s has the record %q", ErrReply, id, record)
	}
	return sale.Order{
		ID: id, Buyer: sale.Buyer(w[4]), Quantity: quantity, State: sale.State(w[0]),
		Created: sale.Instant(created), Expires: sale.Instant(expires),
	}, nil
}

// Time is Redis time.
func (s *Store) Time(ctx context.Context) (sale.Instant, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	t, err := s.client.Time(ctx).Result()
	if err != nil {
		return 0, fmt.Errorf("time: %w: %w", sale.ErrUnavailable, err)
	}
	return sale.Instant(t.UnixMilli()), nil
}
