package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"syscall"
	"time"

	appledger "onsale/internal/app/ledger"
	"onsale/internal/ledger/postgres"
	"onsale/internal/operate"
	"onsale/internal/output"
	"onsale/internal/sale"
)

// toFile is where a verb writes what is more than a screen.
type toFile struct {
	Output string `short:"o" placeholder:"FILE" type:"path" help:"Write to this file, which only you can read, in place of standard output. One that is there is replaced once all is written."`
}

// write has work write, and takes a reader who has had enough for done.
func (f toFile) write(c *console, work func(io.Writer) error) error {
	err := output.ToFile(f.Output, c.out, work)
	var written *fs.PathError
	if errors.As(err, &written) && errors.Is(written, syscall.EPIPE) {
		return nil
	}
	return err
}

type orderExport struct {
	Sale     id                      `arg:"" help:"The orders' sale."`
	To       toFile                  `embed:""`
	Database appledger.DatabaseFlags `embed:"" prefix:"database-"`
}

// exported are the columns of an export, in their order: new ones are added at the end, so that readers by number go on. docs/cli.md
// explains each.
var exported = []struct {
	name string
	of   func(id string, r postgres.OrderRow) string
}{
	{"order", func(_ string, r postgres.OrderRow) string { return string(r.ID) }},
	{"sale", func(id string, _ postgres.OrderRow) string { return id }},
	{"buyer", func(_ string, r postgres.OrderRow) string { return string(r.Buyer) }},
	{"quantity", func(_ string, r postgres.OrderRow) string { return strconv.Itoa(r.Quantity) }},
	{"state", func(_ string, r postgres.OrderRow) string { return string(r.State) }},
	{"created_at", func(_ string, r postgres.OrderRow) string { return exportedTime(r.Created) }},
	{"expires_at", func(_ string, r postgres.OrderRow) string {
		if r.Free() {
			return ""
		}
		return exportedTime(r.Expires)
	}},
	{"changed_at", func(_ string, r postgres.OrderRow) string { return exportedTime(r.Changed) }},
	{"payment", func(_ string, r postgres.OrderRow) string { return string(r.Payment) }},
	{"paid_at", func(_ string, r postgres.OrderRow) string { return exportedTime(r.PaidAt) }},
	{"received", func(_ string, r postgres.OrderRow) string { return number(r.Received) }},
	{"due", func(_ string, r postgres.OrderRow) string { return number(r.Due) }},
	{"returned", func(_ string, r postgres.OrderRow) string { return number(r.Returned) }},
	{"currency", func(_ string, r postgres.OrderRow) string { return r.Currency }},
}

// exportedTime is empty for none.
func exportedTime(at sale.Instant) string {
	if at == 0 {
		return ""
	}
	return at.Time().UTC().Format("2006-01-02T15:04:05.000Z")
}

// Run writes the orders as they come.
func (v *orderExport) Run(ctx context.Context, c *console) error {
	return v.To.write(c, func(w io.Writer) error {
		fields := make([]string, len(exported))
		for i, column := range exported {
			fields[i] = column.name
		}
		headed, rows, next := false, 0, time.Now().Add(slow)
		record := func(fields []string) error { return output.WriteCSV(w, fields...) }
		err := operate.EachOrder(ctx, v.Database, sale.ID(v.Sale), func(r postgres.OrderRow) error {
			if !headed { // so that a sale which nobody knows has no header
				headed = true
				if err := record(fields); err != nil {
					return err
				}
			}
			for i, column := range exported {
				fields[i] = column.of(string(v.Sale), r)
			}
			if rows++; time.Now().After(next) {
				c.logLine("orders so far: " + strconv.Itoa(rows))
				next = time.Now().Add(5 * slow)
			}
			return record(fields)
		})
		if errors.Is(err, operate.ErrNoDatabase) {
			return usageError{err}
		}
		if err == nil && !headed {
			return record(fields)
		}
		return err
	})
}
