package adminapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"onsale/internal/sale"
)

// given is a member of a request. One that is left out has its default. Null and a value of
// another type are faults: what an operator wrote must not turn into a default in silence.
type given[T any] struct {
	set, null, bad bool
	value          T
}

// UnmarshalJSON implements json.Unmarshaler. Faults are reported by take, all at once and
// with the member's name.
func (g *given[T]) UnmarshalJSON(text []byte) error {
	*g = given[T]{set: true, null: string(text) == "null"}
	g.bad = !g.null && json.Unmarshal(text, &g.value) != nil
	return nil
}

// faults collects what is wrong with a request.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

// err is nil, or all faults as one error that is the operator's.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", errInput, errors.Join(f...))
}

// take puts a member where it belongs if it was given, and reports whether it was.
func take[T any](f *faults, name string, g given[T], into *T) bool {
	switch {
	case !g.set:
	case g.null:
		f.add("%s: null is no value: leave it out", name)
	case g.bad:
		f.add("%s: want %s", name, kindOf(g.value))
	default:
		*into = g.value
		return true
	}
	return false
}

// kindOf is what a member of this type wants, in words.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int, int64:
		return "a whole number, without fraction or exponent"
	case float64:
		return "a number"
	}
	return "a time such as 2030-05-01T18:00:00+02:00"
}

// terms are the members of a definition that may change while a sale sells.
type terms struct {
	Title       given[string]    `json:"title"`
	Subtitle    given[string]    `json:"subtitle"`
	Price       given[int64]     `json:"price"`
	Rules       given[string]    `json:"rules"`
	OpensAt     given[time.Time] `json:"opens_at"`
	ClosesAt    given[time.Time] `json:"closes_at"`
	Limit       given[int]       `json:"limit"`
	Lapses      given[int]       `json:"lapses"`
	HoldSeconds given[float64]   `json:"hold_seconds"`
	LineRate    given[int]       `json:"line_rate"`
	LineLimit   given[int]       `json:"line_limit"`
	ProofEasy   given[int64]     `json:"proof_easy"`
	PayURL      given[string]    `json:"pay_url"`
}

// apply puts what was given into a sale.
func (t terms) apply(f *faults, s *sale.Sale) {
	take(f, "title", t.Title, &s.Title)
	take(f, "subtitle", t.Subtitle, &s.Subtitle)
	take(f, "price", t.Price, &s.Price)
	take(f, "rules", t.Rules, &s.Rules)
	takeTime(f, "opens_at", t.OpensAt, &s.Opens)
	takeTime(f, "closes_at", t.ClosesAt, &s.Closes)
	take(f, "limit", t.Limit, &s.Limit)
	if take(f, "lapses", t.Lapses, &s.Lapses) && s.Lapses == 0 {
		f.add("lapses 0: want 1 to %d", sale.MaxLapses)
	}
	take(f, "line_rate", t.LineRate, &s.LineRate)
	take(f, "line_limit", t.LineLimit, &s.LineLimit)
	take(f, "proof_easy", t.ProofEasy, &s.ProofEasy)
	take(f, "pay_url", t.PayURL, (*string)(&s.PayURL))
	var seconds float64
	if take(f, "hold_seconds", t.HoldSeconds, &seconds) {
		// Before it becomes a duration, which a large number would not fit.
		if least, most := sale.MinHoldFor.Seconds(), sale.MaxHoldFor.Seconds(); seconds < least || seconds > most {
			f.add("hold_seconds %.10g: want %g to %.10g", seconds, least, most)
			return
		}
		s.HoldFor = time.Duration(seconds * float64(time.Second)).Truncate(time.Millisecond)
	}
}

// changed puts what was given into a sale that there is, and checks what it comes to.
func (t terms) changed(s *sale.Sale) error {
	var f faults
	if t == (terms{}) {
		f.add("name what is to change: title, subtitle, price, rules, opens_at, closes_at, limit, lapses, hold_seconds, line_rate, line_limit, proof_easy or pay_url")
	}
	t.apply(&f, s)
	if err := s.Validate(); err != nil {
		f = append(f, err)
	}
	return f.err()
}

// takeTime takes a time that a sale may do without: 0 is none, so nobody can mean 1970.
func takeTime(f *faults, name string, g given[time.Time], into *sale.Instant) {
	var at time.Time
	if !take(f, name, g, &at) {
		return
	}
	if at.UnixMilli() <= 0 {
		f.add("%s: want a time after 1970, or leave it out", name)
		return
	}
	*into = sale.Instant(at.UnixMilli())
}

// creation is a definition as an operator writes it, see [Definition].
type creation struct {
	terms
	ID        given[string]    `json:"id"`
	Kind      given[string]    `json:"kind"`
	Currency  given[string]    `json:"currency"`
	FaceValue given[int64]     `json:"face_value"`
	Total     given[int64]     `json:"total"`
	Closed    given[bool]      `json:"closed"`
	Admission given[string]    `json:"admission"`
	DrawAt    given[time.Time] `json:"draw_at"`
	Beacon    given[string]    `json:"beacon"`
}

// sale checks the definition and fills in the defaults.
func (c creation) sale() (sale.Sale, error) {
	var f faults
	s := sale.Sale{Kind: sale.Ticket, Limit: 1, Lapses: 3, HoldFor: 10 * time.Minute}
	take(&f, "id", c.ID, (*string)(&s.ID))
	take(&f, "kind", c.Kind, (*string)(&s.Kind))
	take(&f, "currency", c.Currency, &s.Currency)
	take(&f, "face_value", c.FaceValue, &s.FaceValue)
	take(&f, "closed", c.Closed, &s.Closed)
	// A total that is left out is no total of 0, which an operator may well mean: such a
	// sale waits for its restock.
	if !c.Total.set || c.Total.null {
		f.add("total is missing: send how many tickets there are, 0 if a restock will bring them")
	} else {
		take(&f, "total", c.Total, &s.Total)
	}
	admission := sale.AdmitAll.String()
	take(&f, "admission", c.Admission, &admission)
	s.Admission = sale.ParseAdmission(admission)
	if s.HasLine() {
		s.LineLimit = 1_000_000
	}
	if s.Admission == sale.AdmitLine {
		s.LineRate = 100
	}
	takeTime(&f, "draw_at", c.DrawAt, &s.DrawAt)
	take(&f, "beacon", c.Beacon, &s.Beacon)
	c.apply(&f, &s)
	if err := s.Validate(); err != nil {
		f = append(f, err)
	}
	return s, f.err()
}
