package remotestock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/internal/sale"
)

// Read is a node's poll: the sale's definition and a reading.
func (s *Store) Read(ctx context.Context, id sale.ID, known sale.Generation) (sale.Sale, sale.Reading, error) {
	k := keysOf(id)
	r, err := s.ask(ctx, readScript, k.all[:2], s.node, int64(known))
	if err != nil {
		return sale.Sale{}, sale.Reading{}, err
	}
	d, _, err := r.definition()
	return d, r.reading, classify("read", err)
}

// Survey reads all that planning needs, in one script: definition, books, and
// every node's share of the plan with what it has claimed.
func (s *Store) Survey(ctx context.Context, id sale.ID) (sale.Survey, error) {
	k := keysOf(id)
	r, err := s.ask(ctx, readScript, k.all[:2], "*", 0)
	if err != nil {
		return sale.Survey{}, err
	}
	v := sale.Survey{Reading: r.reading}
	if v.Sale, v.Counters, err = r.definition(); err != nil {
		return v, classify("read", err)
	}
	// The allotment in this header is that of a node named '*'.
	v.Reading.Allotment = sale.Allotment{}
	planned, err := r.number(definitionLength)
	if err != nil {
		return v, classify("read", err)
	}
	v.Planned = sale.Generation(planned)
	for i := definitionLength + 1; i < len(r.rest); i += 4 {
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

// definitionLength is how many elements of read's reply describe the sale.
const definitionLength = 15

// definition reads id title kind price currency total opens closes limit hold
// face rules closed held paid.
func (r reply) definition() (sale.Sale, sale.Counters, error) {
	var errs []error
	text := func(i int) string {
		s, err := r.text(i)
		errs = append(errs, err)
		return s
	}
	number := func(i int) int64 {
		n, err := r.number(i)
		errs = append(errs, err)
		return n
	}
	d := sale.Sale{
		ID: sale.ID(text(0)), Title: text(1), Kind: sale.Kind(text(2)), Price: number(3), Currency: text(4),
		Total: number(5), Opens: sale.Instant(number(6)), Closes: sale.Instant(number(7)),
		Limit: int(number(8)), HoldFor: time.Duration(number(9)) * time.Millisecond,
		FaceValue: number(10), Rules: text(11), Closed: number(12) == 1,
	}
	c := sale.Counters{Total: d.Total, Remaining: r.reading.Remaining, Held: number(13), Paid: number(14)}
	return d, c, errors.Join(errs...)
}
