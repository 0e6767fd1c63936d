package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/pause"
	"onsale/internal/payment"
	"onsale/internal/sale"
)

// pay plays the payment provider: it reports to the site that an order was paid, or that
// money of a payment went back.
type pay struct {
	Order    string        `arg:"" help:"The order's id."`
	Sale     string        `default:"demo" help:"The order's sale."`
	Quantity int           `default:"1" help:"Tickets in the order: what it costs is the sale's price so many times."`
	Amount   int64         `default:"-1" help:"Amount in the minor unit in place of the price; a wrong one is refused, as a refund that is due."`
	Currency string        `help:"Currency in place of the sale's."`
	Payment  string        `help:"The payment's id; without it each run is a new payment."`
	Refund   string        `xor:"part" help:"Report a refund of the payment, by this id: with --amount, of a part of it."`
	Dispute  string        `xor:"part" help:"Report that the buyer's bank took the payment back, by this id: with --amount, a part of it."`
	Front    string        `default:"http://127.0.0.1:8080" help:"Where buyers arrive."`
	Secrets  string        `default:"${secrets}" type:"path" help:"File with the provider's secret that dev saved."`
	Wait     time.Duration `default:"30s" help:"How long to try, both for the price and for the payment."`
}

// askEvery is the wait before a site that gave no price is asked again.
const askEvery = 250 * time.Millisecond

// Validate reports every fault at once, or nil.
func (p *pay) Validate() error {
	var faults []error
	if u, err := url.Parse(p.Front); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		faults = append(faults, fmt.Errorf("--front %q: want an address such as %s", p.Front, defaultFront))
	}
	if p.Quantity < 1 || p.Quantity > sale.MaxLimit {
		faults = append(faults, fmt.Errorf("--quantity %d: want 1 to %d", p.Quantity, sale.MaxLimit))
	}
	if p.Refund+p.Dispute != "" && p.Payment == "" {
		faults = append(faults, errors.New("--refund and --dispute: name the payment with --payment"))
	}
	return errors.Join(faults...)
}

// Run pays, and prints what the site answered. A payment that did not pay the
// order is an error, and so is a refund or dispute that was not recorded.
func (p *pay) Run(ctx context.Context, c *console) error {
	secrets, err := payment.LoadSecrets(p.Secrets)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no provider's secret in %s: start `onsale dev` first, it saves one", p.Secrets)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, p.Wait)
	defer cancel()
	payer, err := newPayer(secrets[0], p.Front, c)
	if err != nil {
		return err
	}
	d := payment.Data{
		Payment: sale.PaymentID(p.Payment), Refund: sale.PaymentID(p.Refund), Dispute: sale.PaymentID(p.Dispute), Sale: sale.ID(p.Sale), Order: sale.OrderID(p.Order), Amount: p.Amount, Currency: p.Currency,
	}
	if err := p.price(ctx, c, &d); err != nil {
		return err
	}
	a, err := payer.Pay(ctx, d)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.out, "%s\n", a.Body); err != nil {
		return err
	}
	var answer struct{ Outcome, Code string }
	want := buyerapi.Paid
	if p.Refund+p.Dispute != "" {
		want = buyerapi.Recorded
	}
	if err := json.Unmarshal(a.Body, &answer); err != nil || answer.Outcome != want.String() {
		return fmt.Errorf("payment %s: the site answers %d %s%s", a.Payment, a.Status, answer.Outcome, answer.Code)
	}
	return nil
}

// price asks the site for what was not given: the order's amount and currency.
// A site that is away or fails is asked again, until ctx ends.
func (p *pay) price(ctx context.Context, c *console, d *payment.Data) error {
	if d.Amount >= 0 && d.Currency != "" {
		return nil
	}
	if _, err := sale.ParseID(p.Sale); err != nil {
		return err
	}
	address, err := url.JoinPath(p.Front, "v1", "sales", p.Sale)
	if err != nil {
		return fmt.Errorf("--front: %w", err)
	}
	var last error
	for {
		again, err := p.ask(ctx, address, d)
		if !again {
			return err
		}
		if last == nil {
			c.logLine(fmt.Sprintf("%v; trying on for up to %v", err, p.Wait))
		}
		// A request that ctx cut short shows nothing about the site.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if !pause.For(ctx, askEvery) {
			return fmt.Errorf("the price was not to be had within %v: %w", p.Wait, last)
		}
	}
}

// ask asks for the price once, and returns whether to ask again.
func (p *pay) ask(ctx context.Context, address string, d *payment.Data) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, fmt.Errorf("--front: %w", err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return true, fmt.Errorf("no answer from the site, does `onsale dev` run? %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return true, fmt.Errorf("the site broke off its answer: %w", err)
	}
	var s struct {
		Price    int64
		Currency string
	}
	if answer.StatusCode != http.StatusOK || json.Unmarshal(body, &s) != nil {
		again = answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= http.StatusInternalServerError
		return again, fmt.Errorf("sale %s: the site answers %s: %s", p.Sale, answer.Status, body)
	}
	if d.Amount < 0 && s.Price == 0 {
		return false, fmt.Errorf("sale %s costs nothing: its orders are paid when they are taken", p.Sale)
	}
	if d.Amount < 0 {
		d.Amount = s.Price * int64(p.Quantity)
	}
	if d.Currency == "" {
		d.Currency = s.Currency
	}
	return false, nil
}

// newPayer makes the provider of a site, which reports its retries on the console.
func newPayer(secret payment.Secret, front string, c *console) (*payment.Payer, error) {
	config := payment.DefaultConfig()
	config.URL = strings.TrimSuffix(front, "/") + buyerapi.WebhookPath
	return payment.NewPayer(secret, http.DefaultClient, config, payment.Hooks{
		Retrying: func(_ int, reason error, wait time.Duration) {
			c.logLine(fmt.Sprintf("%v; trying again in %v", reason, wait.Round(time.Millisecond)))
		},
	})
}
