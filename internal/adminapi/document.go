package adminapi

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"onsale/internal/sale"
)

// Definition is a sale as an operator writes it. Prices are in the currency's
// minor unit. What is left out has its default; how it is read is creation's business.
type Definition struct {
	ID          string     `json:"id"`
	Title       string     `json:"title"`
	Subtitle    string     `json:"subtitle,omitempty"`
	Kind        string     `json:"kind,omitempty"` // ticket (the default), voucher or product
	Price       int64      `json:"price"`
	Currency    string     `json:"currency"`
	FaceValue   int64      `json:"face_value,omitempty"` // of a voucher
	Rules       string     `json:"rules,omitempty"`
	Total       int64      `json:"total"`
	OpensAt     *time.Time `json:"opens_at,omitempty"`     // absent: open at once
	ClosesAt    *time.Time `json:"closes_at,omitempty"`    // absent: never by itself
	Limit       int        `json:"limit,omitempty"`        // tickets a buyer; 1 by default
	Lapses      int        `json:"lapses,omitempty"`       // so many holds a buyer may let lapse; 3 by default
	HoldSeconds float64    `json:"hold_seconds,omitempty"` // 600 by default
	Closed      bool       `json:"closed"`
	Admission   string     `json:"admission,omitempty"`  // open (the default, and then left out), pass or line
	DrawAt      *time.Time `json:"draw_at,omitempty"`    // absent: the line is in the order of joining
	LineRate    int        `json:"line_rate,omitempty"`  // people a second; 100 by default
	LineLimit   int        `json:"line_limit,omitempty"` // places; 1,000,000 by default
	ProofEasy   int64      `json:"proof_easy,omitempty"` // largest number of a challenge while few join; 0: the nodes' --proof-easy
	Beacon      string     `json:"beacon,omitempty"`     // source and round
	PayURL      string     `json:"pay_url,omitempty"`    // where buyers pay, see [sale.PayURL]
}

// Sale is what the definition opens: as an operator's request with these members would.
func (d Definition) Sale() (sale.Sale, error) {
	var c creation
	text, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return sale.Sale{}, err
	}
	return c.sale()
}

// newDefinition is a sale as an operator would write it.
func newDefinition(s sale.Sale) Definition {
	d := Definition{
		ID: string(s.ID), Title: s.Title, Subtitle: s.Subtitle, Kind: string(s.Kind), Price: s.Price, Currency: s.Currency,
		FaceValue: s.FaceValue, Rules: s.Rules, Total: s.Total, Limit: s.Limit, Lapses: s.Lapses, HoldSeconds: s.HoldFor.Seconds(), Closed: s.Closed,
		Admission: string(s.Admission), LineRate: s.LineRate, LineLimit: s.LineLimit, ProofEasy: s.ProofEasy, Beacon: s.Beacon, PayURL: string(s.PayURL),
	}
	if s.DrawAt != 0 {
		t := s.DrawAt.Time()
		d.DrawAt = &t
	}
	if s.Opens != 0 {
		t := s.Opens.Time()
		d.OpensAt = &t
	}
	if s.Closes != 0 {
		t := s.Closes.Time()
		d.ClosesAt = &t
	}
	return d
}

// Status is a sale with its books and its plan.
type Status struct {
	Definition
	Remaining       int64           `json:"remaining"`
	Held            int64           `json:"held"`
	Paid            int64           `json:"paid"`
	RedisTime       time.Time       `json:"redis_time"`
	StockGeneration sale.Generation `json:"stock_generation"`
	PlanGeneration  sale.Generation `json:"plan_generation"`
	// Recorded: the ledger has recorded the opening, or there is none. Before, the sale
	// does not sell.
	Recorded bool `json:"recorded"`
	// Lost is why the sale is shut until it is reconciled.
	Lost string  `json:"lost,omitempty"`
	Plan []Share `json:"plan"`
}

// Unreadable stands in a list for a sale that can't be read: its id, and the problem.
type Unreadable struct {
	ID     string `json:"id"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Share is one node's line of the plan.
type Share struct {
	Node    string `json:"node"`
	Slice   int64  `json:"slice"`
	Buffer  int64  `json:"buffer"`
	Claimed int64  `json:"claimed"`
}

// Order is an order as an operator sees it.
type Order struct {
	ID        string     `json:"id"`
	Sale      string     `json:"sale"`
	Buyer     string     `json:"buyer"`
	Quantity  int        `json:"quantity"`
	State     string     `json:"state"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // absent: it cost nothing, and was paid at once
	Payments  []Payment  `json:"payments"`
	Next      string     `json:"next,omitempty"` // ?cursor= of the order's other payments
}

// Payment is a payment as an operator sees it.
type Payment struct {
	ID       string `json:"id"`
	Order    string `json:"order"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	State    string `json:"state"` // applied, due or settled
	// Reason is why it is due: late, doubled, amount, refunded or orphan; of a part, partial,
	// returned or disputed.
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at"`
	Of       string    `json:"of,omitempty"`       // the payment that this is a part of
	Refunded int64     `json:"refunded,omitempty"` // how much of it goes back in parts, or has
}

func newOrder(id sale.ID, o sale.Order, payments sale.PaymentPage) Order {
	d := Order{
		ID: string(o.ID), Sale: string(id), Buyer: string(o.Buyer), Quantity: o.Quantity, State: string(o.State),
		CreatedAt: o.Created.Time(), Payments: newPayments(payments),
	}
	if !o.Free() {
		t := o.Expires.Time()
		d.ExpiresAt = &t
	}
	if payments.Next != "" {
		d.Next = cursor(payments.Next)
	}
	return d
}

func newPayments(page sale.PaymentPage) []Payment {
	list := []Payment{}
	for _, p := range page.Payments {
		list = append(list, newPayment(p, page.Refunded[p.ID]))
	}
	return list
}

func newPayment(p sale.Payment, refunded int64) Payment {
	return Payment{
		ID: string(p.ID), Order: string(p.Order), Amount: p.Amount, Currency: p.Currency,
		State: string(p.State), Reason: string(p.Reason), At: p.At.Time(), Of: string(p.Of), Refunded: refunded,
	}
}

func newStatus(v sale.Survey) Status {
	d := Status{
		Definition: newDefinition(v.Sale),
		Remaining:  v.Counters.Remaining, Held: v.Counters.Held, Paid: v.Counters.Paid,
		RedisTime: v.Reading.At.Time(), StockGeneration: v.Reading.Stock, PlanGeneration: v.Reading.Plan,
		Recorded: v.Recorded, Lost: v.Lost, Plan: []Share{},
	}
	for _, share := range v.Shares {
		d.Plan = append(d.Plan, Share(share))
	}
	slices.SortFunc(d.Plan, func(a, b Share) int { return cmp.Compare(a.Node, b.Node) })
	return d
}
