package remotestock

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"onsale/internal/sale"
)

// Orders in Redis are written as lua/order.lua describes; this file is the one
// place where Go reads and writes them.

const idLength = 16

// encodeID is an order's id as Redis keeps it, 16 bytes; false where it is no UUID
// in its canonical text, so none that a node made.
func encodeID(id sale.OrderID) (string, bool) {
	b, ok := binaryID(id)
	if !ok {
		return "", false
	}
	return string(b[:]), true
}

// binaryID is encodeID without an allocation.
func binaryID(id sale.OrderID) (b [idLength]byte, ok bool) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return b, false
	}
	n := 0
	for i := range len(id) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		digit := id[i]
		switch {
		case '0' <= digit && digit <= '9':
			digit -= '0'
		case 'a' <= digit && digit <= 'f':
			digit -= 'a' - 10
		default:
			return b, false
		}
		b[n/2] = b[n/2]<<4 | digit
		n++
	}
	return b, true
}

// decodeID is the inverse of encodeID.
func decodeID(b string) sale.OrderID {
	var text [36]byte
	var digits [2 * idLength]byte
	hex.Encode(digits[:], []byte(b))
	n := 0
	for i := range text {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			text[i] = '-'
			continue
		}
		text[i] = digits[n]
		n++
	}
	return sale.OrderID(text[:])
}

var letters = map[byte]sale.State{
	'h': sale.StateHeld, 'p': sale.StatePaid, 'c': sale.StateCancelled, 'e': sale.StateExpired, 'r': sale.StateRefunded,
}

func letterOf(s sale.State) byte {
	for letter, state := range letters {
		if state == s {
			return letter
		}
	}
	return '?'
}

// termsLength is how long an order's terms are: a letter, and three numbers of two,
// six and five bytes, the highest byte first.
const termsLength = 1 + quantityLength + 6 + 5

// quantityLength is how many bytes a quantity takes.
const quantityLength = 2

// parseTerms reads an order's terms: state, quantity, grant and deadline.
func parseTerms(o *sale.Order, text string) error {
	if len(text) == termsLength {
		if state, known := letters[text[0]]; known {
			o.State, o.Quantity = state, int(unpack(text[1:3]))
			o.Created = sale.Instant(unpack(text[3:9]))
			o.Expires = o.Created + sale.Instant(unpack(text[9:]))
			return nil
		}
	}
	return fmt.Errorf("%w: an order has the terms %q", ErrReply, text)
}

func termsOf(o sale.Order) string {
	b := append(make([]byte, 0, termsLength), letterOf(o.State))
	b = pack(b, int64(o.Quantity), 2)
	b = pack(b, int64(o.Created), 6)
	return string(pack(b, int64(o.Expires-o.Created), 5))
}

// pack appends a number in so many bytes, the highest first.
func pack(b []byte, n int64, width int) []byte {
	for i := width - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

func unpack(b string) (n int64) {
	for i := range len(b) {
		n = n<<8 | int64(b[i])
	}
	return n
}

// parseRow reads an order with its buyer: buyer, "\n", id and terms.
func parseRow(row string) (sale.Order, error) {
	buyer, rest, found := strings.Cut(row, "\n")
	if !found || buyer == "" || len(rest) < idLength {
		return sale.Order{}, fmt.Errorf("%w: an order is written as %q", ErrReply, row)
	}
	o := sale.Order{ID: decodeID(rest[:idLength]), Buyer: sale.Buyer(buyer)}
	return o, parseTerms(&o, rest[idLength:])
}

// parseRows reads orders of an event, joined by "\n", and the ids of all of them. Id
// and terms may have any byte, but they have a fixed length.
func parseRows(rows string) (orders []sale.Order, ids string, err error) {
	for rest := rows; len(rest) > 0; {
		at := strings.IndexByte(rest, '\n')
		end := at + 1 + idLength + termsLength
		if at < 0 || end > len(rest) {
			return orders, ids, fmt.Errorf("%w: orders are written as %q", ErrReply, rows)
		}
		o, err := parseRow(rest[:end])
		if err != nil {
			return orders, ids, err
		}
		orders, ids = append(orders, o), ids+rest[at+1:at+1+idLength]
		rest = rest[min(end+1, len(rest)):]
	}
	return orders, ids, nil
}

// seqLength is how many bytes the number of an event takes.
const seqLength = 6

// parseEnded reads an ended order as {sale}:orders keeps it: "\1", terms, the seq of
// its ending, and the buyer.
func parseEnded(id, value string) (sale.Order, error) {
	if len(value) <= 1+termsLength+seqLength {
		return sale.Order{}, fmt.Errorf("%w: an ended order is written as %q", ErrReply, value)
	}
	o := sale.Order{ID: decodeID(id), Buyer: sale.Buyer(value[1+termsLength+seqLength:])}
	return o, parseTerms(&o, value[1:1+termsLength])
}

// endedValue is the inverse of parseEnded.
func endedValue(o sale.Order, seq int64) string {
	return string(pack([]byte("\x01"+termsOf(o)), seq, seqLength)) + string(o.Buyer)
}

// Order returns the record of an order, whosever it is, or [sale.ErrNoOrder].
func (s *Store) Order(ctx context.Context, id sale.ID, order sale.OrderID) (sale.Order, error) {
	binary, ok := encodeID(order)
	if !ok {
		return sale.Order{}, sale.ErrNoOrder
	}
	return s.find(ctx, id, binary)
}

// OrderOf returns the buyer's live order, or [sale.ErrNoOrder].
func (s *Store) OrderOf(ctx context.Context, id sale.ID, buyer sale.Buyer) (sale.Order, error) {
	return s.find(ctx, id, "", string(buyer))
}

// find looks an order up. A read has no outcome to lose: whatever went wrong, ask
// again.
func (s *Store) find(ctx context.Context, id sale.ID, what ...any) (sale.Order, error) {
	r, err := s.ask(ctx, id, findScript, 0, what...)
	if err != nil {
		return sale.Order{}, unavailable(err)
	}
	row, err := r.text("order")
	if err != nil {
		return sale.Order{}, classify("find", err)
	}
	if row == "" {
		return sale.Order{}, sale.ErrNoOrder
	}
	o, err := parseRow(row)
	return o, classify("find", err)
}
