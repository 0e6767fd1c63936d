package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"

	"onsale/internal/operate"
	"onsale/internal/sale"
	"onsale/internal/throttle"
)

// audit compares Redis and the ledger.
type audit struct {
	Sale   string             `arg:"" optional:"" help:"The sale's id; without it every sale."`
	Rest   throttle.Rest      `default:"3" help:"How long to rest after each piece that is read, in multiples of the time that it took; 0: not at all. Raised, buyers notice less of the audit of a sale that sells; lowered, it is done sooner."`
	Stores operate.StoreFlags `embed:""`
}

// Validate reports a flag that makes no sense, see kong.
func (a *audit) Validate() error {
	if !(a.Rest >= 0 && a.Rest <= maxRest) {
		return fmt.Errorf("--rest is %v, want 0 to %v", a.Rest, maxRest)
	}
	return nil
}

// maxRest makes an audit a hundred times as long: more is a typing error.
const maxRest = 100

// Run prints the audit. Faults found are an error.
func (a *audit) Run(ctx context.Context, c *console) error {
	if a.Sale != "" {
		id, err := sale.ParseID(a.Sale)
		if err != nil {
			return err
		}
		return auditEach(ctx, c, a.Stores, a.Rest, id)
	}
	ids, err := operate.Sales(ctx, a.Stores, c.log)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if len(ids) == 0 {
		c.logLine("there is no sale")
	}
	slices.Sort(ids)
	return auditEach(ctx, c, a.Stores, a.Rest, ids...)
}

// auditEach audits the sales and prints what came out, for all of them even where
// one is broken.
func auditEach(ctx context.Context, c *console, at operate.StoreFlags, rest throttle.Rest, ids ...sale.ID) error {
	var errs []error
	for _, id := range ids {
		found, err := operate.Audit(ctx, at, id, rest, c.log)
		if err != nil {
			errs = append(errs, fmt.Errorf("audit of %s: %w", id, err))
			continue
		}
		if err := printAudit(c.out, found); err != nil {
			return err
		}
		if n := len(found.Faults); n > 0 {
			errs = append(errs, fmt.Errorf("audit of %s: a promise is broken, faults found: %d", id, n))
		}
	}
	return errors.Join(errs...)
}

// printAudit writes the books side by side, and every fault below them.
func printAudit(w io.Writer, a operate.Audited) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"sale", "in", "total", "remaining", "held", "paid", "orders", "payments", "refunds due"})
	row := func(where string, c sale.Counters, r sale.Records) {
		t.AppendRow(table.Row{a.Sale.ID, where, c.Total, c.Remaining, c.Held, c.Paid, len(r.Orders), len(r.Payments), r.Due()})
	}
	row("redis", a.Counters, a.Records)
	if a.Book != nil {
		row("ledger", a.Book.Counters(), a.Book.Records)
		inFlight := sale.NewRecords()
		for _, e := range a.Stream {
			inFlight.Apply(e)
		}
		t.AppendRow(table.Row{a.Sale.ID, "flight", "", "", "", "", len(inFlight.Orders), len(inFlight.Payments), inFlight.Due()})
	}
	t.AppendFooter(table.Row{"", "", "", "", "", "", "", "faults", len(a.Faults)})
	text := t.Render() + "\n"
	for _, fault := range a.Faults {
		text += "fault: " + fault + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
