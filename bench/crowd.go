package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"onsale/internal/buyerapi"
	"onsale/internal/operate"
	"onsale/internal/payment"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// crowd are clients that hold, pay, cancel, forget and want their money back,
// at random, and remember what they were told.
type crowd struct {
	cluster *testbed.Site
	client  *http.Client
	payer   *payment.Payer
	pace    *rate.Limiter
	hold    time.Duration
	outage  atomic.Bool

	late sync.WaitGroup // payments that wait until their hold has expired

	mu       sync.Mutex
	left     int // holds still to be made
	buyers   int
	inOutage int
	told     map[sale.OrderID]sale.State
	unheard  int // purchases without an answer: each may have made an order
	reasons  map[string]int
	errs     []error
}

// newCrowd makes clients who make so many holds, at a rate a second.
func newCrowd(c *testbed.Site, clients, holds int, perSecond float64, hold time.Duration) (*crowd, error) {
	config := payment.DefaultConfig()
	config.URL = c.Front() + buyerapi.WebhookPath
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	payer, err := payment.NewPayer(c.Payments, client, config, payment.Hooks{})
	if err != nil {
		return nil, err
	}
	return &crowd{
		cluster: c, client: client, payer: payer, left: holds, hold: hold, pace: rate.NewLimiter(rate.Limit(perSecond), 1),
		told: map[sale.OrderID]sale.State{}, reasons: map[string]int{},
	}, nil
}

// document is an order as the buyers' API shows it, or a problem.
type document struct {
	ID       sale.OrderID `json:"id"`
	State    sale.State   `json:"state"`
	Quantity int          `json:"quantity"`
	Amount   int64        `json:"amount"`
	Code     string       `json:"code"`
}

// unsure is what a client remembers of an order of which it asked something
// without hearing an answer.
const unsure = sale.State("unsure")

// run returns once every hold was made and every client is done with its own. A
// client that fails leaves, and its failure is one of the faults. When ctx ends
// no hold is made any more, and whoever is being served is served to the end.
func (c *crowd) run(ctx context.Context, clients int) {
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for c.pace.Wait(ctx) == nil {
				buyer, ok := c.next()
				if !ok {
					return
				}
				if err := c.live(ctx, buyer); err != nil {
					c.failed(err)
					return
				}
			}
		})
	}
	group.Wait()
	c.late.Wait()
}

func (c *crowd) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

// faults are the clients' failures, the first few in words.
func (c *crowd) faults() (faults []string) {
	const shown = 5
	for i, err := range c.errs {
		if i == shown {
			return append(faults, fmt.Sprintf("%d more clients failed", len(c.errs)-shown))
		}
		faults = append(faults, "a client failed: "+err.Error())
	}
	return faults
}

// settle puts what the clients were told beside what Redis and the ledger keep. Of
// a buyer's ended orders Redis keeps the last ones; the ledger keeps all.
func (c *crowd) settle(a operate.Audited, r *ordersResult) {
	for id, told := range c.told {
		r.Told[string(told)]++
		same := func(o sale.Order) bool {
			return o.State == told || told == unsure || r.Interrupted && told == sale.StateExpired && o.State == sale.StateHeld
		}
		inRedis, ok := a.Orders[id]
		kept, ok2 := a.Book.Orders[id]
		switch {
		case !ok2, !ok && kept.State.Live():
			r.Lost++
		case !same(kept), ok && !same(inRedis):
			r.Contradicted++
		}
	}
	if n := len(a.Book.Orders); n < len(c.told) || n > len(c.told)+c.unheard {
		r.Faults = append(r.Faults, fmt.Sprintf("the ledger has %d orders, the clients were told of %d", n, len(c.told)))
	}
}

// next takes one of the holds to be made.
func (c *crowd) next() (buyer string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return "", false
	}
	c.left--
	c.buyers++
	return fmt.Sprint("buyer-", c.buyers), true
}

// again reports whether the same buyer may make one more hold.
func (c *crowd) again() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return false
	}
	c.left--
	return true
}

func (c *crowd) tell(id sale.OrderID, s sale.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told[id] = s
}

// live is one buyer's story.
func (c *crowd) live(ctx context.Context, buyer string) error {
	o, err := c.buy(ctx, buyer)
	if err != nil {
		return err
	}
	switch n := rand.IntN(100); {
	case n < 40:
		return c.pay(ctx, o, n < 4, n >= 4 && n < 10)
	case n < 70:
		if err := c.cancel(ctx, buyer, o); err != nil {
			return err
		}
		// The same buyer again: the ledger must end the old order before it
		// begins the new one, or its index of live orders refuses it.
		if n < 55 && c.again() {
			return c.live(ctx, buyer)
		}
	case n < 75: // a payment that comes when the hold has expired
		c.late.Go(func() {
			if sleep(ctx, c.hold+3*time.Second); ctx.Err() != nil {
				return
			}
			if err := c.pay(ctx, o, false, false); err != nil {
				c.failed(err)
			}
		})
	}
	return nil
}

// buy makes a hold. Until somebody says otherwise it is left to expire.
func (c *crowd) buy(ctx context.Context, buyer string) (document, error) {
	const body = `{"quantity":1}`
	status, o, err := c.ask(ctx, http.MethodPost, "/v1/sales/"+saleID+"/orders", buyer, body)
	switch {
	case err != nil:
	case status != http.StatusCreated && status != http.StatusOK:
		err = fmt.Errorf("buying: %d %s", status, o.Code)
	case o.Quantity != 1:
		err = fmt.Errorf("buying one ticket: the site answers with an order of %d", o.Quantity)
	}
	if err != nil {
		c.mu.Lock()
		c.unheard++
		c.mu.Unlock()
		return o, err
	}
	c.tell(o.ID, sale.StateExpired)
	if c.outage.Load() {
		c.mu.Lock()
		c.inOutage++
		c.mu.Unlock()
	}
	return o, nil
}

// pay pays, perhaps twice, and perhaps wants the money back. Whether the hold
// had expired before, the site says.
func (c *crowd) pay(ctx context.Context, o document, twice, back bool) error {
	outcome, err := c.send(ctx, o)
	if err != nil {
		c.tell(o.ID, unsure)
		return err
	}
	if outcome != "paid" {
		return nil // it had expired, and the money is due
	}
	c.tell(o.ID, sale.StatePaid)
	if twice {
		outcome, err := c.send(ctx, o)
		if err != nil {
			return fmt.Errorf("paying twice: %w", err)
		}
		if outcome != "refund-due" {
			return fmt.Errorf("paying twice: the site answers %q, want refund-due", outcome)
		}
	}
	if back {
		if err := c.refund(ctx, o); err != nil {
			c.tell(o.ID, unsure)
			return err
		}
		c.tell(o.ID, sale.StateRefunded)
	}
	return nil
}

// patience is how long a client asks again that finds the site unavailable, as a
// client would: the documented 503s, and connections that break, come to pass.
const patience = 10 * time.Second

// patiently is the time for one thing that a client asks for. An interruption
// does not cut it off: its outcome would not be known.
func patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}

// refund asks until it is done; refunding twice is no error. Who is refused
// finally is refused after all the patience too, and it is a fault then.
func (c *crowd) refund(ctx context.Context, o document) (err error) {
	ctx, cancel := patiently(ctx)
	defer cancel()
	for {
		_, rerr := c.cluster.AdminCall(ctx, http.MethodPost, "/admin/v1/sales/"+saleID+"/orders/"+string(o.ID)+"/refund", nil)
		if rerr == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("refunding: %w", cmp.Or(err, rerr))
		}
		err = rerr
		sleep(ctx, 200*time.Millisecond)
	}
}

// send pays; the payer asks again by itself.
func (c *crowd) send(ctx context.Context, o document) (outcome string, err error) {
	ctx, cancel := patiently(ctx)
	defer cancel()
	a, err := c.payer.Pay(ctx, payment.Data{Sale: saleID, Order: o.ID, Amount: o.Amount, Currency: "EUR"})
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

func (c *crowd) cancel(ctx context.Context, buyer string, o document) error {
	status, got, err := c.ask(ctx, http.MethodDelete, "/v1/sales/"+saleID+"/orders/"+string(o.ID), buyer, "")
	switch {
	case err != nil:
		c.tell(o.ID, unsure)
		return err
	case status == http.StatusOK:
		c.tell(o.ID, sale.StateCancelled)
	case got.Code != "not-cancellable": // it had expired before
		return fmt.Errorf("cancelling: %d %s", status, got.Code)
	}
	return nil
}

// ask sends a request until it is answered: Nginx closes idle connections when
// it reloads, and every request here may be sent twice.
func (c *crowd) ask(ctx context.Context, method, path, buyer, body string) (status int, d document, err error) {
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
			err = cmp.Or(err, rerr) // the first says why; the last is that the patience ended
			sleep(ctx, 50*time.Millisecond)
			continue
		}
		raw, rerr := io.ReadAll(answer.Body)
		answer.Body.Close()
		if rerr != nil || answer.StatusCode == http.StatusServiceUnavailable {
			err = errors.Join(fmt.Errorf("%s %s: %s", method, path, answer.Status), rerr)
			sleep(ctx, 200*time.Millisecond)
			continue
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			return 0, d, fmt.Errorf("%s %s: %s: %w", method, path, answer.Status, err)
		}
		return answer.StatusCode, d, nil
	}
	return 0, d, err
}
