package remotestock

import (
	"context"
	"errors"
	"fmt"

	"onsale/internal/sale"
)

// Read is a node's poll: the sale's definition and a reading. The error wraps
// [sale.ErrUnreachable] too where no server answered that could have read it.
func (s *Store) Read(ctx context.Context, id sale.ID, known sale.Generation) (sale.Sale, sale.Reading, error) {
	k := keysOf(id)
	r, err := s.ask(ctx, readScript, k.all[:2], append([]any{s.node, int64(known)}, bookNames...)...)
	if unreachable(err) {
		err = fmt.Errorf("%w: %w", sale.ErrUnreachable, err)
	}
	if err != nil {
		return sale.Sale{}, sale.Reading{}, err
	}
	d, _, err := r.definition()
	return d, r.reading, err
}

// Survey reads all that planning needs, in one script: definition, books, and
// every node's share of the plan with what it has claimed.
func (s *Store) Survey(ctx context.Context, id sale.ID) (sale.Survey, error) {
	k := keysOf(id)
	r, err := s.ask(ctx, readScript, k.all[:2], append([]any{"*", 0}, bookNames...)...)
	if err != nil {
		return sale.Survey{}, err
	}
	v := sale.Survey{Reading: r.reading}
	if v.Sale, v.Counters, err = r.definition(); err != nil {
		return v, err
	}
	// The allotment in this header is that of a node named '*'.
	v.Reading.Allotment = sale.Allotment{}
	planned, err := r.number(1)
	if err != nil {
		return v, classify("read", err)
	}
	v.Planned = sale.Generation(planned)
	for i := 2; i < len(r.rest); i += 4 {
		var share sale.Share
		var errs [4]error
		share.Node, errs[0] = r.text(i)
		share.Slice, errs[1] = r.number(i + 1)
		share.Buffer, errs[2] = r.number(i + 2)
		share.Claimed, errs[3] = r.number(i + 3)
		if err := errors.Join(errs[:]...); err != nil {
			return v, classify("read", err)
		}
		v.Shares = append(v.Shares, share)
	}
	return v, nil
}

// WritePlan replaces the plan. It fails with [sale.ErrFenced] where a later
// lease holder has written, and with [sale.ErrStale] where the stock
// generation is no longer the one planned for.
func (s *Store) WritePlan(ctx context.Context, id sale.ID, token, stock sale.Generation, shares []sale.Share) (sale.Generation, error) {
	args := []any{int64(token), int64(stock)}
	for _, sh := range shares {
		args = append(args, sh.Node, sh.Slice, sh.Buffer)
	}
	k := keysOf(id)
	r, err := s.ask(ctx, planScript, k.all[:2], args...)
	if err != nil {
		return 0, err
	}
	switch word, err := r.text(0); {
	case err != nil:
		return 0, classify("plan", err)
	case word == "fenced":
		return 0, sale.ErrFenced
	case word == "stale":
		return 0, sale.ErrStale
	case word != "planned":
		return 0, classify("plan", fmt.Errorf("%w: plan said %q", ErrReply, word))
	}
	return r.reading.Plan, nil
}
