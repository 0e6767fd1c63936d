// Package sale is the vocabulary of onsale: sales, orders, outcomes, stock
// readings and the nodes that sell. It imports only the standard library and
// does no I/O, so every other package can use the same names.
package sale

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// ID names a sale. It is part of every Redis key of the sale and of every
// URL, so its alphabet is small: see [ParseID].
type ID string

// MaxIDLength bounds a sale's id, in bytes.
const MaxIDLength = 64

// ParseID accepts 1 to 64 of a-z, 0-9 and '-', not starting with '-'. The
// alphabet keeps an id from breaking out of a Redis hash tag, a URL path or a
// metric label.
func ParseID(s string) (ID, error) {
	if s == "" || len(s) > MaxIDLength || s[0] == '-' {
		return "", fmt.Errorf("sale id %q: want 1 to %d of a-z, 0-9 and '-', not starting with '-'", clip(s), MaxIDLength)
	}
	for i := range len(s) {
		c := s[i]
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return "", fmt.Errorf("sale id %q: byte %d is not one of a-z, 0-9 and '-'", clip(s), i)
		}
	}
	return ID(s), nil
}

// Buyer identifies who buys: the `sub` of a verified token, never a body field.
type Buyer string

// MaxBuyerLength bounds a buyer's identity, in bytes; it is stored once an order.
const MaxBuyerLength = 128

// ParseBuyer accepts 1 to 128 bytes of UTF-8 without control characters: the identity
// is stored in Redis records whose fields are separated by line ends, and shown to
// operators in JSON, which has no form for other bytes.
func ParseBuyer(s string) (Buyer, error) {
	if s == "" || len(s) > MaxBuyerLength {
		return "", fmt.Errorf("buyer %q: want 1 to %d bytes", clip(s), MaxBuyerLength)
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return "", fmt.Errorf("buyer %q: byte %d is a control character", clip(s), i)
		}
	}
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("buyer %q: want UTF-8", clip(s))
	}
	return Buyer(s), nil
}

// Kind is what is sold. All kinds share one purchase path.
type Kind string

// The kinds of sale. An ordinary voucher, always to be had, is a sale without a
// window; one in a flash sale has one, like everything else.
const (
	Ticket  Kind = "ticket"
	Voucher Kind = "voucher"
	Product Kind = "product"
)

// Instant is a moment of Redis time, in milliseconds since the Unix epoch.
// Nodes never compare it with their own wall clock: only Redis time counts.
type Instant int64

// Time renders the instant in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// Add returns the instant d later, in whole milliseconds.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d.Milliseconds()) }

// Sub returns i − j.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Millisecond }

// Sale is the definition of one thing on sale.
type Sale struct {
	ID       ID
	Title    string
	Subtitle string // may be empty
	Kind     Kind
	Price    int64  // in the currency's minor unit
	Currency string // ISO 4217, such as "EUR"
	// FaceValue is what a voucher is worth when it is used, in the currency's
	// minor unit; 0 for the other kinds.
	FaceValue int64
	Rules     string // the terms that a buyer accepts; may be empty
	Total     int64  // tickets in the sale, sold or not
	Opens     Instant
	Closes    Instant       // 0: never closes by itself
	Limit     int           // tickets one buyer may hold in the sale's one live order
	HoldFor   time.Duration // how long a hold waits for payment
	Lapses    int           // after so many holds that a buyer let lapse the sale takes no more of them; 0: any number
	Admission Admission     // who may buy
	DrawAt    Instant       // when the order of those who have joined is drawn; 0: in the order of joining
	LineRate  int           // people expected to show up per second, of admission by line
	LineLimit int           // places at most
	ProofEasy int64         // the largest number of a challenge while few join; 0: what the site has
	// Beacon is source and round of the public beacon that the draw waits for; may be empty, and
	// then buyers have to trust the operator.
	Beacon     string
	LineSecret Secret // derives what buyers can prove of their places
	LineSeed   Secret // orders the draw; public after it, its hash from the first
	PayURL     PayURL // where buyers pay; empty: the sale knows no address
	Closed     bool   // closed by the operator, whatever the window
}

// fields are the definition's in records: Redis's hash and its stream. Total is
// what the sale was opened with. A field that is added must be optional.
var fields = []field[Sale]{
	text("id", func(s *Sale) *ID { return &s.ID }),
	text("title", func(s *Sale) *string { return &s.Title }),
	text("kind", func(s *Sale) *Kind { return &s.Kind }),
	number("price", 1, func(s *Sale) *int64 { return &s.Price }),
	text("currency", func(s *Sale) *string { return &s.Currency }),
	number("opened", 1, func(s *Sale) *int64 { return &s.Total }),
	number("opens", 1, func(s *Sale) *Instant { return &s.Opens }),
	number("closes", 1, func(s *Sale) *Instant { return &s.Closes }),
	number("limit", 1, func(s *Sale) *int { return &s.Limit }),
	number("hold", time.Millisecond, func(s *Sale) *time.Duration { return &s.HoldFor }),
	number("face", 1, func(s *Sale) *int64 { return &s.FaceValue }),
	optional(text("rules", func(s *Sale) *string { return &s.Rules })),
	optional(text("subtitle", func(s *Sale) *string { return &s.Subtitle })),
	optional(number("lapses", 1, func(s *Sale) *int { return &s.Lapses })),
	optional(text("admission", func(s *Sale) *Admission { return &s.Admission })),
	optional(number("draw_at", 1, func(s *Sale) *Instant { return &s.DrawAt })),
	optional(number("line_rate", 1, func(s *Sale) *int { return &s.LineRate })),
	optional(number("line_limit", 1, func(s *Sale) *int { return &s.LineLimit })),
	optional(number("proof_easy", 1, func(s *Sale) *int64 { return &s.ProofEasy })),
	optional(text("beacon", func(s *Sale) *string { return &s.Beacon })),
	optional(text("line_secret", func(s *Sale) *Secret { return &s.LineSecret })),
	optional(text("line_seed", func(s *Sale) *Secret { return &s.LineSeed })),
	optional(text("pay_url", func(s *Sale) *PayURL { return &s.PayURL })),
}

// Bounds of a definition. They keep every counter inside what a Lua number
// (a double) counts exactly, and every batch inside what Redis unpacks.
const (
	MaxTotal       = 1_000_000_000
	MaxLimit       = 1_000
	MaxLapses      = 255   // as many as Redis counts
	MaxTitleLength = 200   // bytes, of title and subtitle alike
	MaxRulesLength = 2_000 // bytes; every node reads them with every poll
	MaxAmount      = 1e15  // in minor units, of one order: Price × Limit
	MaxHoldFor     = 30 * 24 * time.Hour
	MinHoldFor     = time.Second
	// MaxInstant is the last of the year 9999: JSON and PostgreSQL have no form for
	// a later one, and every node shows the window to anyone who asks.
	MaxInstant Instant = 253_402_300_799_999
)

// Validate reports every fault of the definition at once, or nil.
func (s Sale) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	_, err := ParseID(string(s.ID))
	check(err == nil, "%w", err)
	check(s.Title != "" && len(s.Title) <= MaxTitleLength, "title: want 1 to %d bytes, got %d", MaxTitleLength, len(s.Title))
	check(len(s.Subtitle) <= MaxTitleLength && utf8.ValidString(s.Subtitle), "subtitle: want at most %d bytes of UTF-8, got %d", MaxTitleLength, len(s.Subtitle))
	check(s.Kind == Ticket || s.Kind == Voucher || s.Kind == Product, "kind %q: want ticket, voucher or product", s.Kind)
	check(s.Price >= 0 && s.Price <= MaxAmount/int64(max(1, s.Limit)), "price %d: want 0 to %d minor units, divided by the limit", s.Price, int64(MaxAmount))
	check(s.FaceValue >= 0 && s.FaceValue <= MaxAmount, "face value %d: want 0 to %d minor units", s.FaceValue, int64(MaxAmount))
	check(s.FaceValue != 0 || s.Kind != Voucher, "face value: a voucher needs one above 0")
	check(s.FaceValue <= 0 || s.Kind == Voucher, "face value %d: only a voucher has one, not a %s", s.FaceValue, s.Kind)
	check(len(s.Rules) <= MaxRulesLength && utf8.ValidString(s.Rules), "rules: want at most %d bytes of UTF-8, got %d", MaxRulesLength, len(s.Rules))
	payable := s.PayURL.check()
	check(payable == nil, "pay_url: %w", payable)
	check(validCurrency(s.Currency), "currency %q: want three capital letters", s.Currency)
	check(s.Total >= 0 && s.Total <= MaxTotal, "total %d: want 0 to %d", s.Total, MaxTotal)
	check(s.Limit >= 1 && s.Limit <= MaxLimit, "limit %d: want 1 to %d", s.Limit, MaxLimit)
	check(s.HoldFor >= MinHoldFor && s.HoldFor <= MaxHoldFor, "hold time of %.10g seconds: want %g to %.10g", s.HoldFor.Seconds(), MinHoldFor.Seconds(), MaxHoldFor.Seconds())
	check(s.Lapses >= 0 && s.Lapses <= MaxLapses, "lapses %d: want 1 to %d", s.Lapses, MaxLapses)
	check(s.Opens >= 0 && s.Closes >= 0, "opens and closes must not be before 1970")
	check(s.Opens <= MaxInstant && s.Closes <= MaxInstant, "opens and closes must not be after the year 9999")
	check(s.Closes == 0 || s.Closes > s.Opens, "closes must be after opens")
	s.checkLine(check)
	return errors.Join(faults...)
}

// Amount is what so many tickets cost, in the currency's minor unit.
func (s *Sale) Amount(quantity int) int64 { return s.Price * int64(quantity) }

// WindowAt returns the sale's phase at now by its window and its operator:
// scheduled, on sale or closed. It does not know the stock.
func (s *Sale) WindowAt(now Instant) Phase {
	switch {
	case s.Closed, s.Closes != 0 && now >= s.Closes:
		return PhaseClosed
	case now < s.Opens:
		return PhaseScheduled
	}
	return PhaseOnSale
}

func validCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range 3 {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

// clip keeps hostile input short in error messages.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
