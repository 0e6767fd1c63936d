package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	appledger "onsale/internal/app/ledger"
	"onsale/internal/operate"
	"onsale/internal/operate/report"
	"onsale/internal/sale"
)

type saleReport struct {
	Sale       id                      `arg:"" help:"The sale's id."`
	To         toFile                  `embed:""`
	Prometheus string                  `env:"ONSALE_PROMETHEUS_URL" placeholder:"URL" help:"A Prometheus that scrapes the site, such as http://10.0.0.6:9090: refusals, failures and alerts are what it has kept. Without it they are not known."`
	Timeout    time.Duration           `default:"30s" help:"How long one query of Prometheus may take."`
	Database   appledger.DatabaseFlags `embed:"" prefix:"database-"`
}

// Validate reports an address that is none, see kong.
func (v *saleReport) Validate() error {
	if v.Prometheus == "" {
		return nil
	}
	if err := report.CheckURL(v.Prometheus); err != nil {
		return fmt.Errorf("--prometheus: %w", err)
	}
	return nil
}

// Run writes the page. Where Prometheus fails, what it would have added is not known; the page is written all the same, and the failure is reported.
func (v *saleReport) Run(ctx context.Context, c *console) error {
	history, err := operate.History(ctx, v.Database, sale.ID(v.Sale))
	if errors.Is(err, operate.ErrNoDatabase) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	r := report.Report{History: history, Unasked: "no address of one was given (--prometheus)"}
	var failed error
	if v.Prometheus != "" {
		if err := r.During(ctx, report.Prometheus{URL: v.Prometheus, HTTP: &http.Client{Timeout: v.Timeout}}); err != nil {
			failed = fmt.Errorf("the report is without what Prometheus has: %w", err)
			r.Unasked = "it did not answer"
		}
	}
	if !r.Over() {
		c.logLine("the sale is not over: figures will change")
	}
	return errors.Join(v.To.write(c, r.WriteHTML), failed)
}
