package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// till is a run of [refunds] on a site.
type till struct {
	*refunds
	cluster *testbed.Site
	store   *remotestock.Store
	result  *refundsResult
	answers judge.Answers
	cursor  string // where the operator is in the list
}

// on fills the sale, compares turns, and audits what came of them.
func (f *refunds) on(ctx context.Context, c *testbed.Site, r *refundsResult) (err error) {
	store, closeStore, err := connect(c.Redis.Addr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	t := &till{refunds: f, cluster: c, store: store, result: r}
	perTurn := int(math.Ceil(f.Rate * f.Turn.Seconds()))
	total := f.Payments + 2*f.Pairs*perTurn
	d := adminapi.Definition{ID: refundsSale, Title: "Refunds", Currency: "EUR", Price: 4200, Total: int64(total), Limit: 1, HoldSeconds: 4 * 3600}
	if err := c.Open(ctx, d); err != nil {
		return err
	}
	if err := awaitPlan(ctx, store, refundsSale); err != nil {
		return err
	}
	if f.begun != nil {
		f.begun()
	}
	if err := t.fill(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	if err := t.compare(ctx, perTurn); err != nil || ctx.Err() != nil {
		return err
	}
	found, err := operate.Audit(ctx, c.Stores(), refundsSale, 0, zap.NewNop())
	if err != nil {
		return err
	}
	r.Faults = append(r.Faults, judge.Faults(refundsSale, judge.FromAudit(found), t.answers)...)
	return nil
}

// fill sells, pays and refunds so many orders, straight through the product's scripts, and
// returns once the ledger has it all.
func (t *till) fill(ctx context.Context) error {
	begin := time.Now()
	var acks []generator.Ack
	direct := &claims{store: t.store, sale: refundsSale, name: "direct", keep: func(o sale.Order) {
		acks = append(acks, generator.Ack{Buyer: string(o.Buyer), Order: string(o.ID)})
	}}
	if err := direct.sell(ctx, 0, t.Payments); err != nil || ctx.Err() != nil {
		return err
	}
	logLine(fmt.Sprintf("sold %d in %.0f s", len(acks), time.Since(begin).Seconds()))
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range endingsAtOnce {
		group.Go(func() {
			for working.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(acks) {
					return
				}
				if err := t.payBack(working, sale.OrderID(acks[i].Order)); err != nil {
					stop(err)
				}
			}
		})
	}
	group.Wait()
	if err := context.Cause(working); err != nil {
		return err
	}
	logLine(fmt.Sprintf("paid and refunded after %.0f s", time.Since(begin).Seconds()))
	t.result.Filling = time.Since(begin).Seconds()
	if err := recorded(ctx, t.store, refundsSale); err != nil {
		return err
	}
	return t.flush(ctx)
}

// flush has PostgreSQL write now what the filling left to be written: its checkpoint takes minutes, and
// meanwhile Redis waits for the same disk, in some turns and not in others.
func (t *till) flush(ctx context.Context) error {
	logLine("PostgreSQL writes what it has")
	db, err := pgx.Connect(ctx, t.cluster.Postgres.URL())
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	for _, statement := range []string{"VACUUM (ANALYZE)", "CHECKPOINT"} {
		if _, err := db.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// payBack pays an order and refunds it. What was not decided is asked again: both are idempotent.
func (t *till) payBack(ctx context.Context, order sale.OrderID) error {
	p := sale.Payment{ID: sale.PaymentID("p" + order), Message: sale.MessageID("m" + order), Order: order, Amount: 4200, Currency: "EUR"}
	for _, do := range []func() error{
		func() error { _, _, err := t.store.Pay(ctx, refundsSale, 0, p); return err },
		func() error { _, err := t.store.Refund(ctx, refundsSale, order); return err },
	} {
		err := do()
		for ctx.Err() == nil && (errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown)) {
			pause.For(ctx, 20*time.Millisecond)
			err = do()
		}
		if err != nil {
			return fmt.Errorf("order %s: %w", order, err)
		}
	}
	return nil
}

// compare has buyers come through Nginx and the nodes, with the operator and without, in
// turns. Whose turn is first alternates.
func (t *till) compare(ctx context.Context, perTurn int) error {
	// The first list is no part of a turn: it counts the payments.
	all, err := t.page(ctx, "")
	for cursor := all.Next; err == nil && ctx.Err() == nil; cursor = all.Next {
		t.result.Payments += len(all.Refunds)
		if cursor == "" {
			break
		}
		all, err = t.page(ctx, cursor)
	}
	if err != nil || ctx.Err() != nil {
		return err
	}
	g, err := generator.Start(ctx, filepath.Join(t.cluster.Dir, "keys.json"), 2*t.Pairs*perTurn)
	if err != nil {
		return err
	}
	defer func() {
		if err := g.Stop(); err != nil {
			logLine(err.Error())
		}
	}()
	watch := &slowWatch{pid: t.cluster.Redis.Pid()}
	if watch.client, err = remotestock.Dial(t.cluster.StoreConfig()); err != nil {
		return err
	}
	defer watch.client.Close()
	if err := watch.begin(ctx); err != nil {
		return err
	}
	o := generator.Order{Addr: t.cluster.Front()[len("http://"):], Sale: refundsSale, Requests: perTurn, Connections: min(t.Connections, perTurn),
		Rate: t.Rate, Late: 5 * time.Second, Timeout: 20 * time.Second}
	r := t.result
	for n := range t.Pairs {
		var pair [2]float64 // without, with
		for _, with := range []bool{n%2 == 1, n%2 == 0} {
			if err := settleMemory(); err != nil {
				return err
			}
			p99, err := t.turn(ctx, g, &o, with)
			if err != nil || ctx.Err() != nil {
				return err
			}
			logLine(fmt.Sprintf("p99 %.2f ms at %.0f a second, operator %v", p99, t.Rate, with))
			if with {
				pair[1] = p99
			} else {
				pair[0] = p99
			}
		}
		r.Without, r.With = append(r.Without, pair[0]), append(r.With, pair[1])
		q := ratioOf("p99 of buyers with the operator : without", r.With, r.Without, maxP99Ratio, false)
		r.Ratio = &q
	}
	s, err := watch.end(ctx, "turns")
	r.Turns = &s
	return err
}

// turn is one run of buyers, and their p99 in milliseconds.
func (t *till) turn(ctx context.Context, g *generator.Process, o *generator.Order, with bool) (float64, error) {
	var group sync.WaitGroup
	var werr error
	paging, done := context.WithCancel(ctx)
	defer done()
	if with {
		group.Go(func() {
			var w walk
			w, werr = t.walk(paging)
			t.result.Walks = append(t.result.Walks, w)
		})
	}
	run, err := g.Run(ctx, *o)
	done()
	group.Wait()
	o.First += o.Requests
	t.result.Bought += len(run.Acks)
	t.answers = t.answers.And(judge.FromRun(run))
	// 200: the claim was sent again, as Redis had stalled for longer than a call may take.
	if err == nil && ctx.Err() == nil && run.Statuses[http.StatusCreated]+run.Statuses[http.StatusOK] != int64(o.Requests) {
		err = fmt.Errorf("answers %v, errors %v: want a ticket for each of %d buyers", run.Statuses, run.Errors, o.Requests)
	}
	return run.Latencies[generator.ClassSold].Quantile(0.99).Seconds() * 1000, errors.Join(err, werr)
}

// refundsPage is a page of the admin API's list.
type refundsPage struct {
	Refunds []adminapi.Payment `json:"refunds"`
	Next    string             `json:"next"`
}

func (t *till) page(ctx context.Context, cursor string) (page refundsPage, err error) {
	query := url.Values{"limit": {fmt.Sprint(t.Page)}, "cursor": {cursor}}
	raw, err := t.cluster.AdminCall(ctx, http.MethodGet, "/admin/v1/sales/"+refundsSale+"/refunds?"+query.Encode(), nil)
	if err == nil {
		err = json.Unmarshal(raw, &page)
	}
	return page, err
}

// walk pages through the list, each page as soon as the last has come, until ctx ends; the next
// turn goes on there, and at the end of the list it begins anew.
func (t *till) walk(ctx context.Context) (w walk, err error) {
	begin := time.Now()
	for ; ctx.Err() == nil; w.Pages++ {
		asked := time.Now()
		page, err := t.page(ctx, t.cursor)
		if ctx.Err() != nil {
			break // the turn is over
		}
		if err != nil {
			return w, err
		}
		w.Slowest = max(w.Slowest, time.Since(asked).Seconds()*1000)
		if t.cursor = page.Next; t.cursor == "" {
			w.Whole++
		}
	}
	w.Seconds = time.Since(begin).Seconds()
	return w, nil
}
