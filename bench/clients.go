package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"onsale/bench/judge"
	"onsale/internal/buyerapi"
	"onsale/internal/operate"
	"onsale/internal/pause"
	"onsale/internal/payment"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// clients are clients that hold, pay, cancel, forget and want their money back,
// at random, and remember what they were answered.
type clients struct {
	cluster *testbed.Site
	client  *http.Client
	payer   *payment.Payer
	limiter *rate.Limiter
	hold    time.Duration
	outage  atomic.Bool

	late sync.WaitGroup // payments that wait until their hold has expired

	mu         sync.Mutex
	left       int // holds still to be made
	buyers     int
	inOutage   int
	answered   map[sale.OrderID]sale.State
	unanswered int // purchases without an answer: each may have made an order
	reasons    map[string]int
	errs       []error
}

// newClients makes clients who make so many holds, at a rate a second.
func newClients(c *testbed.Site, count, holds int, perSecond float64, hold time.Duration) (*clients, error) {
	config := payment.DefaultConfig()
	config.URL = c.Front() + buyerapi.WebhookPath
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: count}}
	payer, err := payment.NewPayer(c.Payments, client, config, payment.Hooks{})
	if err != nil {
		return nil, err
	}
	return &clients{
		cluster: c, client: client, payer: payer, left: holds, hold: hold, limiter: rate.NewLimiter(rate.Limit(perSecond), 1),
		answered: map[sale.OrderID]sale.State{}, reasons: map[string]int{},
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

// run returns once every hold was made and every client is done with its own. A
// client that fails leaves, and its failure is one of the faults. When ctx ends
// no hold is made any more, and a buyer who is being served is served to the end.
func (c *clients) run(ctx context.Context, count int) {
	var group sync.WaitGroup
	for range count {
		group.Go(func() {
			for c.limiter.Wait(ctx) == nil {
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

func (c *clients) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

// faults are the clients' failures, the first few as text.
func (c *clients) faults() (faults []string) {
	const shown = 5
	for i, err := range c.errs {
		if i == shown {
			return append(faults, fmt.Sprintf("%d more clients failed", len(c.errs)-shown))
		}
		faults = append(faults, "a client failed: "+err.Error())
	}
	return faults
}

// settle has the judge compare what the clients were answered with Redis and the ledger.
func (c *clients) settle(a operate.Audited, r *ordersResult) {
	for _, state := range c.answered {
		r.Answered[string(state)]++
	}
	v := judge.JudgeEnds(judge.Ends{States: c.answered, Unanswered: c.unanswered, Interrupted: r.Interrupted}, a)
	r.Lost, r.Contradicted, r.Faults = r.Lost+v.Lost, r.Contradicted+v.Contradicted, append(r.Faults, v.Faults...)
}

// next takes one of the holds to be made.
func (c *clients) next() (buyer string, ok bool) {
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
func (c *clients) again() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return false
	}
	c.left--
	return true
}

func (c *clients) note(id sale.OrderID, s sale.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered[id] = s
}

// live is all that one buyer does.
func (c *clients) live(ctx context.Context, buyer string) error {
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
			if !pause.For(ctx, c.hold+3*time.Second) {
				return
			}
			if err := c.pay(ctx, o, false, false); err != nil {
				c.failed(err)
			}
		})
	}
	return nil
}

// pay pays, perhaps twice, and perhaps wants the money back. The site decides whether the hold
// had expired before.
func (c *clients) pay(ctx context.Context, o document, twice, back bool) error {
	outcome, err := c.send(ctx, o)
	if err != nil {
		c.note(o.ID, judge.Unsure)
		return err
	}
	if outcome != "paid" {
		return nil // it had expired, and the money is due
	}
	c.note(o.ID, sale.StatePaid)
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
			c.note(o.ID, judge.Unsure)
			return err
		}
		c.note(o.ID, sale.StateRefunded)
	}
	return nil
}
