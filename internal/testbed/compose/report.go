package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
)

// audit compares what buyers were answered with the ledger, and Redis with the ledger.
func (t *test) audit(ctx context.Context) error {
	t.log("auditing")
	var errs []error
	found := map[string]bool{}
	var last error
	_, err := await(ctx, time.Minute, "the ledger has every order", func(ctx context.Context) bool {
		text, err := t.project.compose(ctx, "exec", "-T", "postgres", "psql", "-U", "onsale", "-d", "onsale", "-Atc", "SELECT id FROM orders")
		if last = err; err != nil {
			return false
		}
		for _, id := range strings.Fields(text) {
			found[id] = true
		}
		return !slices.ContainsFunc(t.buyers.orders, func(id string) bool { return !found[id] })
	})
	errs = append(errs, err, last)
	if more := len(found) - len(t.buyers.orders); more > t.buyers.unknown {
		errs = append(errs, fmt.Errorf("the ledger has %d orders that nobody was answered about, want at most %d", more, t.buyers.unknown))
	}
	audit, err := t.project.compose(ctx, "exec", "-T", "ledger", "onsale", "audit", saleID)
	t.log("\n" + audit)
	return errors.Join(append(errs, err)...)
}

// report writes what was measured.
func (t *test) report(out io.Writer) error {
	events := table.NewWriter()
	events.SetStyle(table.StyleLight)
	events.AppendHeader(table.Row{"event", "sent", "failed", "of these", "longest pause, s"})
	sent, failed := 0, 0
	for _, p := range t.buyers.periods {
		var kinds []string
		for _, kind := range slices.Sorted(maps.Keys(p.Failures)) {
			kinds = append(kinds, fmt.Sprint(p.Failures[kind], " ", kind))
		}
		events.AppendRow(table.Row{p.Name, p.Sent, p.Failed(), strings.Join(kinds, ", "), fmt.Sprintf("%.2f", p.Pause.Seconds())})
		sent, failed = sent+p.Sent, failed+p.Failed()
	}
	events.AppendFooter(table.Row{"", sent, failed, "", ""})
	times := table.NewWriter()
	times.SetStyle(table.StyleLight)
	times.AppendHeader(table.Row{"what", "s"})
	for _, f := range t.figures {
		times.AppendRow(table.Row{f.what, fmt.Sprintf("%.2f", f.took.Seconds())})
	}
	_, err := fmt.Fprintf(out, "%s\n%s\n", events.Render(), times.Render())
	return err
}
