package buyerapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"onsale/internal/problem"
	"onsale/internal/sale"
)

// parsers read what buyers send; fastjson because encoding/json would be the
// largest part of a purchase's cost on the node, and matches names in any case.
var parsers fastjson.ParserPool

// maxOrder bounds an order's JSON. It also bounds how deep a hostile body can
// nest: fastjson's errors grow with the square of that, and its own validation
// took seconds for four kilobytes of brackets.
const maxOrder = 256

// decodeOrder reads {"quantity":n}, the one thing that a purchase may send, and
// returns n, at least 1. Any member beside it is refused: a buyer must not buy
// something else than was meant.
func decodeOrder(body []byte) (int, error) {
	if quantity, ok := plainOrder(body); ok {
		return quantity, nil
	}
	body = bytes.TrimSpace(body)
	switch {
	case len(body) > maxOrder:
		return 0, fmt.Errorf("want at most %d bytes", maxOrder)
	case !json.Valid(body):
		return 0, errors.New("the body is not JSON")
	}
	p := parsers.Get()
	defer parsers.Put(p)
	v, err := p.ParseBytes(body)
	if err != nil {
		return 0, fmt.Errorf("the body is not JSON: %w", err)
	}
	o, err := v.Object()
	if err != nil || o.Len() != 1 || o.Get("quantity") == nil {
		return 0, errors.New("want a JSON object with the member quantity and nothing beside it")
	}
	quantity, err := o.Get("quantity").Int()
	switch {
	case err != nil:
		return 0, errors.New("quantity: want a whole number, without fraction or exponent")
	case quantity < 1:
		return 0, errors.New("quantity: want at least 1")
	}
	return quantity, nil
}

// plainOrder reads an order as nearly all clients write it, {"quantity":n} with a small n, which takes a tenth of the
// time. What it does not read may still be an order.
func plainOrder(body []byte) (quantity int, ok bool) {
	const before, digits = `{"quantity":`, 4
	if len(body) < len(before)+2 || len(body) > len(before)+digits+1 || string(body[:len(before)]) != before || body[len(body)-1] != '}' || body[len(before)] == '0' {
		return 0, false
	}
	for _, c := range body[len(before) : len(body)-1] {
		if c < '0' || c > '9' {
			return 0, false
		}
		quantity = 10*quantity + int(c-'0')
	}
	return quantity, true
}

// appendOrder renders an order as its buyer sees it. The amount is price times
// quantity, in the currency's minor unit. An order that is free never expires. Written by hand because it is part of
// every purchase; every text in it comes from an alphabet that JSON does not
// escape, but pay, the address where the buyer pays, which may be empty.
func appendOrder(b []byte, s *sale.Sale, o sale.Order, pay string) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, o.ID...)
	b = append(b, `","sale":"`...)
	b = append(b, s.ID...)
	b = append(b, `","state":"`...)
	b = append(b, o.State...)
	b = append(b, `","quantity":`...)
	b = strconv.AppendInt(b, int64(o.Quantity), 10)
	b = append(b, `,"amount":`...)
	b = strconv.AppendInt(b, s.Amount(o.Quantity), 10)
	b = append(b, `,"currency":"`...)
	b = append(b, s.Currency...)
	b = append(b, `","created_at":"`...)
	b = o.Created.Time().AppendFormat(b, time.RFC3339Nano)
	if !o.Free() {
		b = append(b, `","expires_at":"`...)
		b = o.Expires.Time().AppendFormat(b, time.RFC3339Nano)
	}
	b = append(b, '"')
	if pay != "" {
		b = append(append(b, `,"pay_url":`...), problem.Quote(pay)...)
	}
	return append(b, '}')
}

// saleDocument is a sale as everybody sees it.
type saleDocument struct {
	ID         sale.ID       `json:"id"`
	Title      string        `json:"title"`
	Subtitle   string        `json:"subtitle,omitempty"`
	Kind       sale.Kind     `json:"kind"`
	Price      int64         `json:"price"`
	Currency   string        `json:"currency"`
	FaceValue  int64         `json:"face_value,omitempty"` // of a voucher, in the currency's minor unit
	Rules      string        `json:"rules,omitempty"`
	Limit      int           `json:"limit"`
	Lapses     int           `json:"lapses,omitempty"` // so many holds a buyer may let lapse
	Hold       float64       `json:"hold_seconds"`     // so long a hold waits for its payment
	OpensAt    time.Time     `json:"opens_at"`
	ClosesAt   *time.Time    `json:"closes_at,omitempty"`
	ServerTime time.Time     `json:"server_time"`
	State      sale.Phase    `json:"state"`               // never unknown
	Remaining  int64         `json:"remaining"`           // approximate: at most a poll old
	Admission  string        `json:"admission,omitempty"` // pass or line
	DrawAt     *time.Time    `json:"draw_at,omitempty"`
	Line       *lineDocument `json:"line,omitempty"`
}

// lineDocument is the line of a sale as everybody sees it.
type lineDocument struct {
	Joined int64  `json:"joined"`
	Drawn  *int64 `json:"drawn,omitempty"` // absent before the draw
	Front  int64  `json:"front"`
	Rate   int    `json:"rate,omitempty"` // people a second
	// Commitment is the SHA-256 of the seed's bytes, from the first; List that of the sorted entries
	// that were drawn; Seed is there after that, and after the beacon's value.
	Commitment string `json:"commitment,omitempty"`
	List       string `json:"list,omitempty"`
	Seed       string `json:"seed,omitempty"`
	Beacon     string `json:"beacon,omitempty"`
	// BeaconValue is what the beacon has published, as the operator has given it.
	BeaconValue string `json:"beacon_value,omitempty"`
	// OperatorTrusted: no beacon takes part in the draw, so buyers have to trust the operator.
	OperatorTrusted bool `json:"operator_trusted,omitempty"`
}

// newLineDocument is nil for a sale that has no line.
func newLineDocument(s *sale.Sale, l *sale.Line) *lineDocument {
	if l == nil || !s.HasLine() {
		return nil
	}
	d := &lineDocument{Joined: l.Joined, Front: l.Front, Rate: s.LineRate}
	if l.Over {
		d.Drawn = &l.Drawn
	}
	if s.DrawAt != 0 {
		d.Commitment, d.Beacon, d.OperatorTrusted = s.LineSeed.Commitment(), s.Beacon, s.Beacon == ""
		d.List, d.BeaconValue = l.List, l.BeaconValue
		if l.Settled(s) {
			d.Seed = string(s.LineSeed)
		}
	}
	return d
}

func newSaleDocument(s *sale.Sale, phase sale.Phase, r sale.Reading) saleDocument {
	d := saleDocument{
		ID: s.ID, Title: s.Title, Subtitle: s.Subtitle, Kind: s.Kind, Price: s.Price, Currency: s.Currency,
		FaceValue: s.FaceValue, Rules: s.Rules, Limit: s.Limit, Lapses: s.Lapses, Hold: s.HoldFor.Seconds(),
		OpensAt: s.Opens.Time(), ServerTime: r.At.Time(), State: phase, Remaining: r.Remaining,
		Admission: string(s.Admission), Line: newLineDocument(s, r.Line),
	}
	if s.Closes != 0 {
		t := s.Closes.Time()
		d.ClosesAt = &t
	}
	if s.DrawAt != 0 {
		t := s.DrawAt.Time()
		d.DrawAt = &t
	}
	if phase == sale.PhaseSoldOut {
		d.Remaining = 0
	}
	return d
}
