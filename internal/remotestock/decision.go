package remotestock

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"onsale/internal/sale"
)

// decisions reads what deduct answered of a batch: a letter a claim, and details of
// those that need them. See lua/deduct.lua.
func decisions(batch []*entry, r reply) ([]answer, error) {
	outcomes, err := r.text("outcomes")
	details, err2 := r.texts("details")
	hold, err3 := r.number("hold")
	if err := errors.Join(err, err2, err3); err != nil {
		return nil, err
	}
	if r.reading.Remaining < 0 {
		return nil, fmt.Errorf("%w: %d tickets remain", ErrReply, r.reading.Remaining)
	}
	if len(outcomes) != len(batch) {
		return nil, fmt.Errorf("%w: %d results for %d claims", ErrReply, len(outcomes), len(batch))
	}
	front, err := r.front()
	if err != nil {
		return nil, err
	}
	answers := make([]answer, len(batch))
	expires := r.now + sale.Instant(hold)
	for i, e := range batch {
		a, detailed := &answers[i], true
		detail := ""
		switch outcomes[i] {
		case 'k', 'o', 'b', 'u', 't':
			if len(details) == 0 {
				return nil, fmt.Errorf("%w: a detail of claim %d is missing", ErrReply, i)
			}
			detail, details = details[0], details[1:]
		default:
			detailed = false
		}
		if detailed {
			a.decision, a.err = detailedDecision(e.claim, outcomes[i], detail)
		} else {
			a.decision, a.err = plainDecision(e.claim, outcomes[i], r, expires)
		}
		if errors.Is(a.err, ErrReply) {
			return nil, a.err
		}
		a.decision.Front = front
	}
	return answers, nil
}

// plainDecision is that of a claim for which the script returned a letter alone.
func plainDecision(c sale.Claim, letter byte, r reply, expires sale.Instant) (sale.Decision, error) {
	switch letter {
	case 'h', 'p':
		return sale.Decision{Outcome: sale.Held, Order: sale.Order{
			ID: c.Order, Buyer: c.Buyer, Quantity: c.Quantity, State: letters[letter], Created: r.now, Expires: expires,
		}}, nil
	case 's':
		return sale.Decision{Outcome: sale.SoldOut}, nil
	case 'm':
		// What is left is of the end of the call: others in it may have had the rest.
		if r.reading.Remaining == 0 {
			return sale.Decision{Outcome: sale.SoldOut}, nil
		}
		return sale.Decision{Outcome: sale.NotEnough, Remaining: r.reading.Remaining}, nil
	case 'x':
		return sale.Decision{Outcome: sale.HoldLimit}, nil
	case 'f':
		return sale.Decision{}, ErrFull
	case 'e':
		return sale.Decision{}, errEarly
	case 'l':
		return sale.Decision{Outcome: sale.Late}, nil
	case 'c':
		return sale.Decision{Outcome: sale.Closed}, nil
	case 'n':
		return sale.Decision{Outcome: sale.NotOpen}, nil
	}
	return sale.Decision{}, fmt.Errorf("%w: claim outcome %q", ErrReply, letter)
}

// detailedDecision is that of a claim which met something in Redis.
func detailedDecision(c sale.Claim, letter byte, detail string) (d sale.Decision, err error) {
	switch letter {
	case 'b':
		return d, fmt.Errorf("%w: claim refused: %s", sale.ErrUnavailable, detail)
	case 'u':
		return d, fmt.Errorf("%w: %s", sale.ErrUnknown, detail)
	case 't':
		d.Outcome = sale.NotYourTurn
		d.Ahead, err = ahead(detail)
		return d, err
	}
	d.Outcome = sale.Replayed
	if d.Order, err = parseRow(detail); err == nil && letter == 'o' && d.Order.Quantity != c.Quantity {
		d.Outcome = sale.AlreadyOrdered
	}
	return d, err
}

// ahead is how many are called before one in the late line: its ordinal and the last one called.
func ahead(detail string) (int64, error) {
	if detail == "" {
		return 0, nil
	}
	own, called, _ := strings.Cut(detail, " ")
	n, err := strconv.ParseInt(own, 10, 64)
	m, err2 := strconv.ParseInt(called, 10, 64)
	if err := errors.Join(err, err2); err != nil || n <= m {
		return 0, fmt.Errorf("%w: an ordinal in the late line is %q", ErrReply, detail)
	}
	return n - m - 1, nil
}

// front is how far a line has been admitted; 0 where the sale has none.
func (r reply) front() (int64, error) {
	for i := 0; i+1 < len(r.rest); i += 2 {
		if r.rest[i] == "front" {
			return number("front", r.rest[i+1])
		}
	}
	return 0, nil
}
