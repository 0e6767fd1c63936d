package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/pause"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// market is a site with many sales, and what was measured of it.
type market struct {
	*sales
	cluster *testbed.Site
	client  *http.Client
	buyers  atomic.Int64
	result  *salesResult

	mu      sync.Mutex // guards the result while several buy or create
	answers map[sale.ID]judge.Answers
}

func newMarket(s *sales, c *testbed.Site, origin outcome) *market {
	return &market{
		sales: s, cluster: c, answers: map[sale.ID]judge.Answers{},
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		result: &salesResult{
			outcome: origin, Answers: map[string]int{},
			Opened: []float64{}, Returned: []float64{},
		},
	}
}

func (m *market) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{m.createAll, m.idle, m.sell, m.restart, m.open, m.giveBack, m.audit} {
		if err := step(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

func idleID(n int) string { return "idle-" + strconv.Itoa(n) }

// create opens a sale through the admin API, which answers once the ledger has recorded it.
func (m *market) create(ctx context.Context, id string, total int64) (took time.Duration, err error) {
	body, err := json.Marshal(adminapi.Definition{ID: id, Title: "One of many", Currency: "EUR", Price: 4200, Total: total, Limit: 4, HoldSeconds: 3600})
	if err != nil {
		return 0, err
	}
	began := time.Now()
	_, err = m.cluster.AdminCall(ctx, http.MethodPost, "/admin/v1/sales", body)
	return time.Since(began), err
}

// createAll creates the sales, several at a time. A refusal is a fault, not the end: the first few
// are shown.
func (m *market) createAll(ctx context.Context) error {
	logLine(fmt.Sprintf("creating %d sales", m.Sales))
	began := time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	for range m.Creators {
		group.Go(func() {
			for n := int(next.Add(1)) - 1; n < m.Sales && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
				took, err := m.create(ctx, idleID(n), 1_000_000)
				m.mu.Lock()
				m.result.Slowest = max(m.result.Slowest, took.Seconds())
				switch {
				case err == nil:
					m.result.Created++
				case ctx.Err() == nil && len(m.result.Faults) < 5:
					m.result.Faults = append(m.result.Faults, "a sale was not created: "+err.Error())
				}
				m.mu.Unlock()
			}
		})
	}
	group.Wait()
	m.result.CreateSeconds = time.Since(began).Seconds()
	return nil
}

// coldAfter is longer than a sale stays hot after the last who asked for it.
const coldAfter = 12 * time.Second

// idle measures the site while nobody wants anything.
func (m *market) idle(ctx context.Context) (err error) {
	logLine("waiting until all sales are cold")
	if !pause.For(ctx, m.Settle) {
		return nil
	}
	logLine(fmt.Sprintf("idling for %v", m.For))
	m.result.Idle, m.result.IdleLog, err = m.measure(func() { pause.For(ctx, m.For) })
	return err
}

// sell measures it while buyers buy the hot sales, at a steady rate.
func (m *market) sell(ctx context.Context) (err error) {
	logLine(fmt.Sprintf("selling %d of them for %v", m.Hot, m.For))
	limiter := rate.NewLimiter(rate.Limit(m.Rate), 1)
	m.result.Selling, m.result.SellingLog, err = m.measure(func() {
		ctx, end := context.WithTimeout(ctx, m.For)
		defer end()
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				for limiter.Wait(ctx) == nil {
					n := int(m.buyers.Load())
					status, _, err := m.buy(context.WithoutCancel(ctx), m.cluster.Nodes[n%len(m.cluster.Nodes)], idleID(n%m.Hot))
					m.mu.Lock()
					if answer := strconv.Itoa(status); err != nil {
						m.result.Answers[err.Error()]++
					} else if m.result.Answers[answer]++; status == http.StatusCreated {
						m.result.Bought++
					}
					m.mu.Unlock()
				}
			})
		}
		group.Wait()
	})
	return err
}

// restart times a node that starts while there are all these sales.
func (m *market) restart(ctx context.Context) error {
	n := m.cluster.Nodes[len(m.cluster.Nodes)-1]
	if err := n.Stop(15 * time.Second); err != nil {
		return err
	}
	began := time.Now()
	if err := n.Start(); err != nil {
		return err
	}
	if err := n.Await(ctx, func() error { return process.Get("http://" + n.Admin + "/readyz") }); err != nil {
		return err
	}
	m.result.Ready = time.Since(began).Seconds()
	known, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return m.cluster.AwaitUpstream(known, len(m.cluster.Nodes))
}

// open times how long a new sale takes until every node has sold a ticket of it.
func (m *market) open(ctx context.Context) error {
	for i := range m.Openings {
		id := fmt.Sprintf("new-%d", i)
		if _, err := m.create(ctx, id, 1000); err != nil {
			return err
		}
		began := time.Now()
		for _, n := range m.cluster.Nodes {
			if err := m.awaitSold(ctx, began, func() (int, error) { status, _, err := m.buy(ctx, n, id); return status, err }); err != nil {
				return err
			}
		}
		m.result.Opened = append(m.result.Opened, time.Since(began).Seconds())
	}
	return nil
}

// giveBack times how long a ticket that returns to a sold-out cold sale takes until it is sold
// again through Nginx.
func (m *market) giveBack(ctx context.Context) error {
	for i := range m.Returns {
		id := fmt.Sprintf("returned-%d", i)
		if _, err := m.create(ctx, id, 1); err != nil {
			return err
		}
		began := time.Now()
		var o document
		var buyer string
		err := m.awaitSold(ctx, began, func() (status int, err error) {
			buyer = m.buyer()
			status, o, err = m.ask(ctx, http.MethodPost, m.cluster.Nodes[0].Listen, "/v1/sales/"+id+"/orders", buyer)
			return status, err
		})
		if err != nil {
			return err
		}
		if !pause.For(ctx, min(m.Settle, coldAfter)) {
			return nil
		}
		last := m.cluster.Nodes[len(m.cluster.Nodes)-1]
		front := m.cluster.Nginx.URL()[len("http://"):]
		if status, _, err := m.ask(ctx, http.MethodPost, front, "/v1/sales/"+id+"/orders", m.buyer()); err != nil || status != http.StatusConflict {
			return fmt.Errorf("a sale that is sold out answered %d (%v)", status, err)
		}
		status, _, err := m.ask(ctx, http.MethodDelete, last.Listen, "/v1/sales/"+id+"/orders/"+string(o.ID), buyer)
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("cancelling: %d (%v)", status, err)
		}
		began = time.Now()
		err = m.awaitSold(ctx, began, func() (int, error) {
			status, _, err := m.ask(ctx, http.MethodPost, front, "/v1/sales/"+id+"/orders", m.buyer())
			return status, err
		})
		if err != nil {
			return err
		}
		m.result.Returned = append(m.result.Returned, time.Since(began).Seconds())
	}
	return nil
}

// awaitSold buys again and again until it gets a ticket.
func (m *market) awaitSold(ctx context.Context, began time.Time, buy func() (status int, err error)) error {
	for {
		status, err := buy()
		if err == nil && status == http.StatusCreated || ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > 20*time.Second {
			return fmt.Errorf("nothing was sold within 20 s: %d (%v)", status, err)
		}
		pause.For(ctx, 20*time.Millisecond)
	}
}

// answered notes what a buyer of a sale was answered to a purchase.
func (m *market) answered(id sale.ID, buyer string, status int, d document, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.answers[id]
	switch {
	case err == nil && (status == http.StatusCreated || status == http.StatusOK):
		a.Acks = append(a.Acks, generator.Ack{Buyer: buyer, Order: string(d.ID)})
		if d.Quantity != 1 {
			a.WrongQuantity++
		}
	case d.Code == "sold-out":
		a.Refused++
	default:
		a.Unanswered = append(a.Unanswered, buyer)
	}
	m.answers[id] = a
}

// audit compares Redis and ledger about the sales that sold.
func (m *market) audit(ctx context.Context) error {
	for n := range m.Hot {
		a, err := operate.Audit(ctx, m.cluster.Stores(), sale.ID(idleID(n)), 0, zap.NewNop())
		if err != nil {
			return err
		}
		id := sale.ID(idleID(n))
		m.result.Faults = append(m.result.Faults, judge.Faults(id, judge.FromAudit(a), m.answers[id])...)
	}
	return nil
}
