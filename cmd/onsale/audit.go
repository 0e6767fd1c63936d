package main

import (
	"context"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"

	"onsale/internal/cluster"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// audit checks one sale in Redis.
type audit struct {
	Sale  string             `arg:"" help:"The sale's id. A sale that still sells shows faults that are none: close it first."`
	Redis cluster.RedisFlags `embed:"" prefix:"redis-"`
}

// Run prints the audit. Faults found are an error.
func (a *audit) Run(ctx context.Context, c *console) error {
	id, err := sale.ParseID(a.Sale)
	if err != nil {
		return err
	}
	return report(ctx, c, a.Redis, id)
}

// report audits a sale and prints what came out.
func report(ctx context.Context, c *console, redis cluster.RedisFlags, id sale.ID) error {
	found, err := cluster.Audit(ctx, redis, id, c.log)
	if err != nil {
		return fmt.Errorf("audit of %s: %w", id, err)
	}
	if err := printAudit(c.out, found); err != nil {
		return err
	}
	if n := len(found.Faults); n > 0 {
		return fmt.Errorf("audit of %s: a promise is broken, faults found: %d", id, n)
	}
	return nil
}

// printAudit writes the books as a table, and every fault below it.
func printAudit(w io.Writer, a remotestock.Audit) error {
	buyers := map[sale.Buyer]bool{}
	for _, o := range a.Orders {
		buyers[o.Buyer] = true
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"sale", "total", "remaining", "held", "paid", "orders", "buyers", "faults"})
	t.AppendRow(table.Row{a.Sale.ID, a.Counters.Total, a.Counters.Remaining, a.Counters.Held, a.Counters.Paid,
		len(a.Orders), len(buyers), len(a.Faults)})
	text := t.Render() + "\n"
	for _, fault := range a.Faults {
		text += "fault: " + fault + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
