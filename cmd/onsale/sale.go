package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/google/uuid"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/sale"
)

// sales are the verbs about sales.
type sales struct {
	Create  saleCreate  `cmd:"" help:"Open a sale. The same definition again changes nothing."`
	List    saleList    `cmd:"" help:"List the sales, by id."`
	Show    saleShow    `cmd:"" help:"Show a sale, its stock and its plan."`
	Change  saleChange  `cmd:"" help:"Change terms of a sale: those that are named."`
	Close   saleClose   `cmd:"" help:"Stop selling."`
	Reopen  saleReopen  `cmd:"" help:"Go on selling after a close."`
	Restock saleRestock `cmd:"" help:"Change the total."`
	Report  saleReport  `cmd:"" help:"Write one page about a sale that is over, which opens offline."`
}

// saleTerms are the members of a definition that may change, as flags. The API has their bounds and defaults.
type saleTerms struct {
	Title       *string  `json:"title,omitempty" help:"What is sold."`
	Subtitle    *string  `json:"subtitle,omitempty" help:"A second line."`
	Price       *int64   `json:"price,omitempty" help:"Of one ticket, in the currency's minor unit: 4200 is 42.00 EUR. 0: orders are paid when they are taken."`
	Rules       *string  `json:"rules,omitempty" help:"Text for buyers."`
	OpensAt     *string  `json:"opens_at,omitempty" placeholder:"TIME" help:"Such as 2030-05-01T18:00:00+02:00."`
	ClosesAt    *string  `json:"closes_at,omitempty" placeholder:"TIME" help:"When it ends."`
	Limit       *int64   `json:"limit,omitempty" help:"Tickets that a buyer may have."`
	Lapses      *int64   `json:"lapses,omitempty" help:"A buyer who let so many holds lapse gets no more."`
	HoldSeconds *float64 `json:"hold_seconds,omitempty" help:"How long a hold waits for its payment."`
	LineRate    *int64   `json:"line_rate,omitempty" help:"How many people a second are expected to show up, of admission by line."`
	LineLimit   *int64   `json:"line_limit,omitempty" help:"How many places the line has."`
	ProofEasy   *int64   `json:"proof_easy,omitempty" help:"Largest number of a challenge while few join this line, 1 to 80000; 0: what the nodes have."`
	PayURL      *string  `json:"pay_url,omitempty" help:"Address where buyers pay, with the order's values in place of {order}, {sale}, {amount}, {currency} and {return}."`
}

// saleDefinition is what a sale is opened with.
type saleDefinition struct {
	ID        string    `json:"id,omitempty" arg:"" optional:"" help:"The sale's id: a-z, 0-9 and '-'."`
	Kind      *string   `json:"kind,omitempty" help:"ticket, product or voucher."`
	Currency  *string   `json:"currency,omitempty" help:"Such as EUR."`
	FaceValue *int64    `json:"face_value,omitempty" help:"Of a voucher, in the minor unit."`
	Total     *int64    `json:"total,omitempty" help:"How many tickets there are."`
	Closed    bool      `json:"closed,omitempty" help:"Open it closed: it sells once it is reopened."`
	Admission *string   `json:"admission,omitempty" help:"Who may buy: open (all), pass (all who have joined) or line (those, by turns)."`
	DrawAt    *string   `json:"draw_at,omitempty" placeholder:"TIME" help:"When the order of those who have joined is drawn, a minute before the opening at the latest."`
	Beacon    *string   `json:"beacon,omitempty" help:"Source and round of the public beacon that the draw waits for."`
	Terms     saleTerms `json:"-" embed:""`
}

// MarshalJSON has all members that were given on one level.
func (d saleDefinition) MarshalJSON() ([]byte, error) {
	type own saleDefinition
	return json.Marshal(struct {
		own
		saleTerms
	}{own(d), d.Terms})
}

// fromFile is where a JSON object may come from.
type fromFile struct {
	From string `placeholder:"FILE" help:"JSON object with members as the API names them, see docs/api.md; - is standard input. Flags come before it."`
}

// with returns the object of the file, with the members that flags have given.
func (f fromFile) with(flags any) (json.RawMessage, error) {
	given, err := json.Marshal(flags)
	if err != nil || f.From == "" {
		return given, err
	}
	in := os.Stdin
	if f.From != "-" {
		if in, err = os.Open(f.From); err != nil {
			return nil, usageError{err}
		}
		defer in.Close()
	}
	text, err := io.ReadAll(io.LimitReader(in, maxFile))
	if err != nil {
		return nil, usageError{err}
	}
	if string(given) == "{}" {
		return text, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, usageError{fmt.Errorf("--from %s: want a JSON object: %w", f.From, err)}
	}
	if err := json.Unmarshal(given, &members); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// maxFile is more than the API takes: what is longer is for the API to refuse.
const maxFile = 1 << 20

type saleCreate struct {
	Definition saleDefinition `embed:""`
	From       fromFile       `embed:""`
	Operators  operators      `embed:""`
}

// Run opens the sale, and waits for as long as the API waits for the ledger.
func (v *saleCreate) Run(ctx context.Context, c *console) error {
	body, err := v.From.with(v.Definition)
	if err != nil {
		return err
	}
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		s, created, err := at.CreateSale(ctx, body)
		if err != nil {
			return err
		}
		switch {
		case !s.Recorded:
			c.logLine("created; it does not sell until the ledger has recorded it: look again with `onsale sale show " + s.ID + "`")
		case created:
			c.logLine("created")
		default:
			c.logLine("it was there already; nothing was changed")
		}
		return printSale(c, v.Operators, s)
	})
}

type saleList struct {
	Limit     int       `default:"0" help:"How many at most; 0: all."`
	Operators operators `embed:""`
}

// Validate reports a flag that makes no sense, see kong.
func (v *saleList) Validate() error { return checkLimit(v.Limit) }

// Run lists the sales. One that can't be read does not keep the others, and fails in the end.
func (v *saleList) Run(ctx context.Context, c *console) error {
	return v.Operators.call(ctx, c, "", func(at client.Client) error {
		unreadable := 0
		err := listed(c, v.Operators, "there is no sale", saleColumns, saleRow, func(yield func(client.Listed, error) bool) {
			for s, err := range at.Sales(ctx, v.Limit) {
				if s.Code != "" {
					unreadable++
				}
				if !yield(s, err) {
					return
				}
			}
		})
		if err == nil && unreadable > 0 {
			return fmt.Errorf("sales that can't be read: %d", unreadable)
		}
		return err
	})
}

type saleShow struct {
	Of ofSale `embed:""`
}

// Run shows the sale.
func (v *saleShow) Run(ctx context.Context, c *console) error {
	return v.Of.call(ctx, c, client.Client.Sale)
}

type saleChange struct {
	Sale      id        `arg:"" help:"The sale's id."`
	Terms     saleTerms `embed:""`
	From      fromFile  `embed:""`
	Operators operators `embed:""`
}

// Run changes what was named.
func (v *saleChange) Run(ctx context.Context, c *console) error {
	body, err := v.From.with(v.Terms)
	if err != nil {
		return err
	}
	return withSale(ctx, c, v.Operators, "", func(at client.Client) (adminapi.Status, error) {
		return at.ChangeSale(ctx, sale.ID(v.Sale), body)
	})
}

type saleClose struct {
	Of ofSale `embed:""`
}

// Run closes the sale.
func (v *saleClose) Run(ctx context.Context, c *console) error {
	return v.Of.call(ctx, c, client.Client.CloseSale)
}

type saleReopen struct {
	Of ofSale `embed:""`
}

// Run reopens the sale.
func (v *saleReopen) Run(ctx context.Context, c *console) error {
	return v.Of.call(ctx, c, client.Client.ReopenSale)
}

type saleRestock struct {
	Sale      id        `arg:"" help:"The sale's id."`
	Delta     int64     `required:"" help:"So many tickets more; less with --delta=-5."`
	Key       string    `help:"Names this change: with the same key it is made once, however often it is sent. Without it each run is another change."`
	Operators operators `embed:""`
}

// Run changes the total.
func (v *saleRestock) Run(ctx context.Context, c *console) error {
	made := ""
	if v.Key == "" {
		v.Key = uuid.NewString()
		made = v.Key
	}
	return withSale(ctx, c, v.Operators, made, func(at client.Client) (adminapi.Status, error) {
		return at.Restock(ctx, sale.ID(v.Sale), v.Delta, v.Key)
	})
}

// ofSale is a verb that takes a sale and nothing else.
type ofSale struct {
	Sale      id        `arg:"" help:"The sale's id."`
	Operators operators `embed:""`
}

func (v ofSale) call(ctx context.Context, c *console, verb func(client.Client, context.Context, sale.ID) (adminapi.Status, error)) error {
	return withSale(ctx, c, v.Operators, "", func(at client.Client) (adminapi.Status, error) { return verb(at, ctx, sale.ID(v.Sale)) })
}

// withSale calls the API and prints the sale that it answers.
func withSale(ctx context.Context, c *console, o operators, key string, ask func(client.Client) (adminapi.Status, error)) error {
	return o.call(ctx, c, key, func(at client.Client) error {
		s, err := ask(at)
		if err != nil {
			return err
		}
		return printSale(c, o, s)
	})
}

// checkLimit checks --limit of a list.
func checkLimit(limit int) error {
	if limit < 0 {
		return fmt.Errorf("--limit %d: want 1 or more, or 0 for all", limit)
	}
	return nil
}
