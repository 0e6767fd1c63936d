package remotestock

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"onsale/internal/sale"
)

// reply is what a script of a sale sent back: its header, parsed, and the rest.
type reply struct {
	reading sale.Reading
	rest    []any
}

// headerLength is how many elements the header has: now, remaining, stock
// generation, plan generation, slice, buffer.
const headerLength = 6

func parse(raw []any, sent time.Time) (reply, error) {
	if len(raw) < headerLength {
		return reply{}, fmt.Errorf("%w: %d elements, want at least %d", ErrReply, len(raw), headerLength)
	}
	var n [headerLength]int64
	for i := range n {
		v, ok := raw[i].(int64)
		if !ok {
			return reply{}, fmt.Errorf("%w: header element %d is a %T, want an integer", ErrReply, i, raw[i])
		}
		n[i] = v
	}
	if n[0] <= 0 || n[1] < 0 || n[2] <= 0 || n[3] < 0 || n[4] < -1 || n[5] < 0 {
		return reply{}, fmt.Errorf("%w: header %v is out of range", ErrReply, n)
	}
	r := reply{rest: raw[headerLength:], reading: sale.Reading{
		Sent: sent, At: sale.Instant(n[0]), Remaining: n[1],
		Stock: sale.Generation(n[2]), Plan: sale.Generation(n[3]),
	}}
	if n[4] >= 0 {
		r.reading.Allotment = sale.Allotment{Generation: r.reading.Plan, Slice: n[4], Buffer: n[5]}
	}
	return r, nil
}

// text returns element i of the rest, which must be a string.
func (r reply) text(i int) (string, error) {
	if i >= len(r.rest) {
		return "", fmt.Errorf("%w: element %d is missing", ErrReply, i+headerLength)
	}
	s, ok := r.rest[i].(string)
	if !ok {
		return "", fmt.Errorf("%w: element %d is a %T, want a string", ErrReply, i+headerLength, r.rest[i])
	}
	return s, nil
}

// number returns element i of the rest, an integer or one in decimal text.
func (r reply) number(i int) (int64, error) {
	if i < len(r.rest) {
		if n, ok := r.rest[i].(int64); ok {
			return n, nil
		}
	}
	s, err := r.text(i)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: element %d: %q is no integer", ErrReply, i+headerLength, s)
	}
	return n, nil
}

// decision reads the outcome and the detail of claim i.
func decision(claim sale.Claim, r reply, i int) (sale.Decision, error) {
	word, err := r.text(2 * i)
	detail, err2 := r.text(2*i + 1)
	if err = errors.Join(err, err2); err != nil {
		return sale.Decision{}, err
	}
	d := sale.Decision{}
	switch word {
	case "held":
		d.Outcome = sale.Held
		d.Order, err = parseOrder(claim.Order, detail)
	case "known":
		d.Outcome = sale.Replayed
		d.Order, err = parseOrder(claim.Order, detail)
	case "ordered":
		id, record, _ := strings.Cut(detail, " ")
		d.Order, err = parseOrder(sale.OrderID(id), record)
		d.Outcome = sale.Replayed
		if d.Order.Quantity != claim.Quantity {
			d.Outcome = sale.AlreadyOrdered
		}
	case "sold-out":
		d.Outcome = sale.SoldOut
	case "not-enough":
		d.Outcome = sale.NotEnough
		d.Remaining, err = strconv.ParseInt(detail, 10, 64)
		if err != nil {
			err = fmt.Errorf("%w: not-enough with %q", ErrReply, detail)
		}
	case "late":
		d.Outcome = sale.Late
	case "closed":
		d.Outcome = sale.Closed
	case "not-open":
		d.Outcome = sale.NotOpen
	case "broken":
		err = fmt.Errorf("%w: claim refused: %s", sale.ErrUnavailable, detail)
	case "unreadable":
		err = fmt.Errorf("%w: %s", sale.ErrUnknown, detail)
	default:
		err = fmt.Errorf("%w: claim outcome %q", ErrReply, word)
	}
	return d, err
}

// parseOrder reads a record, "state quantity created expires buyer", as the
// scripts write it to the orders hash and to the stream.
func parseOrder(id sale.OrderID, record string) (sale.Order, error) {
	var n [3]int64
	state, rest, ok := strings.Cut(record, " ")
	for i := 0; ok && i < len(n); i++ {
		var field string
		if field, rest, ok = strings.Cut(rest, " "); ok {
			v, err := strconv.ParseInt(field, 10, 64)
			n[i], ok = v, err == nil
		}
	}
	if !ok || state == "" || rest == "" {
		return sale.Order{}, fmt.Errorf("%w: order %s has the record %q", ErrReply, id, record)
	}
	return sale.Order{
		ID: id, Buyer: sale.Buyer(rest), Quantity: int(n[0]), State: sale.State(state),
		Created: sale.Instant(n[1]), Expires: sale.Instant(n[2]),
	}, nil
}
