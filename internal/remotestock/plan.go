package remotestock

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"onsale/internal/sale"
)

// Read is a node's poll: the sale's definition and a reading. The error wraps
// [sale.ErrUnreachable] too where no server answered that could have read it.
func (s *Store) Read(ctx context.Context, id sale.ID, known sale.Generation) (sale.Sale, sale.Reading, error) {
	r, err := s.ask(ctx, id, readScript, known, bookNames...)
	return s.polled(id, r, err)
}

// polled is what a node's poll takes from a reply.
func (s *Store) polled(id sale.ID, r reply, err error) (sale.Sale, sale.Reading, error) {
	if err != nil {
		return sale.Sale{}, sale.Reading{}, reached(err)
	}
	h, d, _, err := r.books()
	if err == nil {
		life := h["life"]
		s.seen(id).life.Store(&life)
	}
	return d, r.reading, err
}

// reached adds [sale.ErrUnreachable] to the error of a read that no server answered.
func reached(err error) error {
	if err != nil && unreachable(err) {
		return fmt.Errorf("%w: %w", sale.ErrUnreachable, err)
	}
	return err
}

// Survey reads all that planning needs, in one script: definition, books, and
// every node's share of the plan with what it has claimed. It changes nothing, so an answer that was
// lost is [sale.ErrUnavailable], too.
func (s *Store) Survey(ctx context.Context, id sale.ID) (sale.Survey, error) {
	seen := s.seen(id)
	r, err := s.send(ctx, seen, readScript, 0, append([]any{everybody, 0, seen.text()}, bookNames...))
	if err != nil {
		return sale.Survey{}, unavailable(classify("read", err))
	}
	h, d, c, err := r.books()
	v := sale.Survey{Reading: r.reading, Mark: r.mark}
	if err != nil {
		return v, unavailable(err)
	}
	read, err := h.number("read")
	if err != nil {
		return v, unavailable(classify("read", err))
	}
	v.Sale, v.Counters, v.Lost, v.Recorded = d, c, h["lost"], h["ledger"] == "0" || read > 0
	// The allotment in this header is that of a node named '*'.
	v.Reading.Allotment = sale.Allotment{}
	shares, err := r.list("shares")
	planned, err2 := r.number("planned")
	if err := errors.Join(err, err2); err != nil {
		return v, unavailable(classify("read", err))
	}
	v.Planned = sale.Generation(planned)
	for of := range slices.Chunk(shares, 3) {
		share, err := parseShare(of)
		if err != nil {
			return v, unavailable(classify("read", err))
		}
		v.Shares = append(v.Shares, share)
	}
	return v, nil
}

// parseShare reads a node's name, its record and what it has claimed.
func parseShare(of []any) (sale.Share, error) {
	if len(of) != 3 {
		return sale.Share{}, fmt.Errorf("%w: a share is %v", ErrReply, of)
	}
	node, ok := of[0].(string)
	record, ok2 := of[1].(string)
	claimed, err := number("claimed", of[2])
	if err != nil || !ok || !ok2 || node == "" {
		return sale.Share{}, errors.Join(err, fmt.Errorf("%w: a share is %v", ErrReply, of))
	}
	share := sale.DecodeShare(record)
	share.Node, share.Claimed = node, claimed
	return share, nil
}

// everybody asks read for the shares of all nodes.
const everybody = "*"

// WritePlan replaces the plan. It fails with [sale.ErrFenced] where a later
// lease holder has written, and with [sale.ErrStale] where the stock
// generation is no longer the one planned for.
func (s *Store) WritePlan(ctx context.Context, id sale.ID, token, stock sale.Generation, shares []sale.Share) (sale.Generation, error) {
	args := []any{int64(token), int64(stock)}
	for _, sh := range shares {
		args = append(args, sh.Node, sh.Encode())
	}
	r, err := s.ask(ctx, id, planScript, 0, args...)
	if err != nil {
		return 0, err
	}
	switch outcome, err := r.text("outcome"); {
	case err != nil:
		return 0, classify("plan", err)
	case outcome == "fenced":
		return 0, sale.ErrFenced
	case outcome == "stale":
		return 0, sale.ErrStale
	case outcome != "planned":
		return 0, classify("plan", fmt.Errorf("%w: plan answered %q", ErrReply, outcome))
	}
	return r.reading.Plan, nil
}
