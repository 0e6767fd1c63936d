package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"onsale/bench/judge"
	"onsale/internal/pause"
	"onsale/internal/payment"
	"onsale/internal/sale"
)

// buy makes a hold. It expires unless it is cancelled or paid.
func (c *clients) buy(ctx context.Context, buyer string) (document, error) {
	const body = `{"quantity":1}`
	status, o, err := c.ask(ctx, http.MethodPost, "/v1/sales/"+benchSale+"/orders", buyer, body)
	switch {
	case err != nil:
	case status != http.StatusCreated && status != http.StatusOK:
		err = fmt.Errorf("buying: %d %s", status, o.Code)
	case o.Quantity != 1:
		err = fmt.Errorf("buying one ticket: the site answers with an order of %d", o.Quantity)
	}
	if err != nil {
		c.mu.Lock()
		c.unanswered++
		c.mu.Unlock()
		return o, err
	}
	c.note(o.ID, sale.StateExpired)
	if c.outage.Load() {
		c.mu.Lock()
		c.inOutage++
		c.mu.Unlock()
	}
	return o, nil
}

// patience is how long a client asks again that finds the site unavailable, as a
// client would: the documented 503s, and connections that break, come to pass.
const clientPatience = 10 * time.Second

// patiently is the time for one thing that a client asks for. An interruption
// does not cut it off: its outcome would not be known.
func patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), clientPatience)
}

// refund asks until it is done; refunding twice is no error. Who is refused
// finally is refused after all the patience too, and it is a fault then.
func (c *clients) refund(ctx context.Context, o document) (err error) {
	ctx, cancel := patiently(ctx)
	defer cancel()
	for {
		_, rerr := c.cluster.AdminCall(ctx, http.MethodPost, "/admin/v1/sales/"+benchSale+"/orders/"+string(o.ID)+"/refund", nil)
		if rerr == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("refunding: %w", cmp.Or(err, rerr))
		}
		err = rerr
		pause.For(ctx, 200*time.Millisecond)
	}
}

// send pays; the payer asks again by itself.
func (c *clients) send(ctx context.Context, o document) (outcome string, err error) {
	ctx, cancel := patiently(ctx)
	defer cancel()
	a, err := c.payer.Pay(ctx, payment.Data{Sale: benchSale, Order: o.ID, Amount: o.Amount, Currency: "EUR"})
	if err != nil {
		return "", err
	}
	var receipt struct{ Outcome, Reason string }
	if err := json.Unmarshal(a.Body, &receipt); err != nil || a.Status != http.StatusOK {
		return "", fmt.Errorf("paying: %d %s", a.Status, a.Body)
	}
	if receipt.Reason != "" {
		c.mu.Lock()
		c.reasons[receipt.Reason]++
		c.mu.Unlock()
	}
	return receipt.Outcome, nil
}

func (c *clients) cancel(ctx context.Context, buyer string, o document) error {
	status, got, err := c.ask(ctx, http.MethodDelete, "/v1/sales/"+benchSale+"/orders/"+string(o.ID), buyer, "")
	switch {
	case err != nil:
		c.note(o.ID, judge.Unsure)
		return err
	case status == http.StatusOK:
		c.note(o.ID, sale.StateCancelled)
	case got.Code != "not-cancellable": // it had expired before
		return fmt.Errorf("cancelling: %d %s", status, got.Code)
	}
	return nil
}

// ask sends a request until it is answered: Nginx closes idle connections when
// it reloads, and every request here may be sent twice.
func (c *clients) ask(ctx context.Context, method, path, buyer, body string) (status int, d document, err error) {
	token, err := c.cluster.Issuer.Token(buyer, time.Hour)
	if err != nil {
		return 0, d, err
	}
	ctx, cancel := patiently(ctx)
	defer cancel()
	for ctx.Err() == nil {
		r, rerr := http.NewRequestWithContext(ctx, method, c.cluster.Front()+path, bytes.NewReader([]byte(body)))
		if rerr != nil {
			return 0, d, rerr
		}
		r.Header.Set("Authorization", "Bearer "+token)
		answer, rerr := c.client.Do(r)
		if rerr != nil {
			err = cmp.Or(err, rerr) // the first is the cause; the last is that the patience ended
			pause.For(ctx, 50*time.Millisecond)
			continue
		}
		raw, rerr := io.ReadAll(answer.Body)
		answer.Body.Close()
		if rerr != nil || answer.StatusCode == http.StatusServiceUnavailable {
			err = errors.Join(fmt.Errorf("%s %s: %s", method, path, answer.Status), rerr)
			pause.For(ctx, 200*time.Millisecond)
			continue
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			return 0, d, fmt.Errorf("%s %s: %s: %w", method, path, answer.Status, err)
		}
		return answer.StatusCode, d, nil
	}
	return 0, d, err
}
