package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"onsale/bench/judge"
	"onsale/bench/report"
	"onsale/internal/ledger/postgres"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// records are the places that keep orders.
type records struct {
	redis  *remotestock.Store
	ledger *postgres.Store
	close  func()
}

func (f *failover) openRecords(ctx context.Context, c *testbed.Site) (*records, error) {
	remotestock.SetLog(zap.NewNop())
	config := c.StoreConfig()
	config.Call = 10 * time.Second // it reads everything at once
	client, err := remotestock.Dial(config)
	if err != nil {
		return nil, err
	}
	kept, err := postgres.Open(ctx, c.Postgres.URL())
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &records{remotestock.New(client, "bench", config, remotestock.Hooks{}, zap.NewNop()), kept, func() {
		kept.Close()
		if err := client.Close(); err != nil {
			logLine(err.Error())
		}
	}}, nil
}

// failoverLedgerTimeout is how long a ledger may take for the last holds, before it counts as stuck.
const failoverLedgerTimeout = 5 * time.Second

// count puts what was acknowledged beside what the records hold. A sale that a
// record does not have is an empty one.
func (s *records) count(ctx context.Context, id sale.ID, total int64, answers judge.Answers, r *round) error {
	inRedis := map[sale.OrderID]sale.Order{}
	for limit := time.Now().Add(failoverLedgerTimeout); ; pause.For(ctx, 20*time.Millisecond) {
		entries, _, _, err := s.redis.Backlog(ctx, id)
		if errors.Is(err, sale.ErrNoSale) || err == nil && entries == 0 {
			break
		}
		if time.Now().After(limit) {
			r.LedgerStuck = true
			break
		}
	}
	found, err := s.redis.Snapshot(ctx, id)
	if err == nil {
		inRedis = found.Orders
	} else if !errors.Is(err, sale.ErrNoSale) {
		return err
	}
	book, err := s.ledger.Book(ctx, id)
	if err != nil && !errors.Is(err, sale.ErrNoSale) {
		return err
	}
	r.judge(inRedis, book.Orders, total, answers)
	return nil
}

// judge counts losses and what is sold twice. No order of a round ends, so an order that one
// record has live is live.
func (r *round) judge(inRedis, kept map[sale.OrderID]sale.Order, total int64, answers judge.Answers) {
	union := judge.Judge(judge.FromUnion(total, inRedis, kept), answers)
	r.LostInRedis = judge.Judge(judge.FromUnion(total, inRedis), answers).LostAcks
	r.LostInUnion, r.Oversold, r.Doubled, r.WrongQuantity = union.LostAcks, union.Oversold, union.Duplicates, union.WrongQuantity
}

// judge lists every broken promise, and what the rounds should have shown and did not.
func (r *failoverResult) judge() {
	for _, row := range r.Rows {
		name := fmt.Sprintf("%s, %d replicas", row.Kind, row.Replicas)
		sum := row.sum()
		for _, check := range []struct {
			count int64
			what  string
		}{
			{sum.LostInRedis, "acknowledged orders are lost in Redis"}, {sum.LostInUnion, "acknowledged orders are in no record"},
			{sum.Oversold, "tickets are oversold"}, {sum.Doubled, "live orders are a buyer's second"},
			{sum.WrongQuantity, "answers have an order of another number of tickets than were asked for"},
		} {
			if check.count > 0 {
				r.Faults = append(r.Faults, fmt.Sprintf("%s: %d %s", name, check.count, check.what))
			}
		}
		if dead := row.count(func(r round) bool { return !r.Resumed }); dead > 0 && !r.Interrupted {
			r.Faults = append(r.Faults, fmt.Sprintf("%s: %d of %d sales did not sell on by themselves", name, dead, len(row.Rounds)))
		}
		for _, sold := range row.Rounds {
			for answer, n := range sold.Wrong {
				r.Faults = append(r.Faults, fmt.Sprintf("%s: %d buyers were answered %s", name, n, answer))
			}
		}
		if stuck := row.count(func(r round) bool { return r.LedgerStuck }); stuck > 0 {
			r.Faults = append(r.Faults, fmt.Sprintf("%s: the ledger stood still in %d of %d sales", name, stuck, len(row.Rounds)))
		}
	}
	slices.Sort(r.Faults)
}

func (row failoverRow) count(is func(round) bool) (n int) {
	for _, r := range row.Rounds {
		if is(r) {
			n++
		}
	}
	return n
}

// sum adds the rounds' counts up.
func (row failoverRow) sum() (all round) {
	for _, r := range row.Rounds {
		all.Acknowledged += r.Acknowledged
		all.LostInRedis += r.LostInRedis
		all.LostInUnion += r.LostInUnion
		all.Oversold += r.Oversold
		all.Doubled += r.Doubled
		all.WrongQuantity += r.WrongQuantity
	}
	return all
}

// spread is the median and the largest of the rounds that sold again.
func (row failoverRow) spread(of func(round) float64) string {
	var all []float64
	for _, r := range row.Rounds {
		if r.Resumed {
			all = append(all, of(r))
		}
	}
	if len(all) == 0 {
		return "never"
	}
	slices.Sort(all)
	return fmt.Sprintf("%.1f / %.1f", all[len(all)/2], all[len(all)-1])
}

func (r *failoverResult) show() report.Sheet {
	rounds := report.Table{Head: []string{"master", "replicas", "rounds", "acknowledged", "lost in Redis", "lost in all", "oversold", "two orders", "s of 503, median / max", "s until selling"}}
	for _, row := range r.Rows {
		sum := row.sum()
		rounds.Add(row.Kind, row.Replicas, len(row.Rounds), sum.Acknowledged, sum.LostInRedis, sum.LostInUnion, sum.Oversold, sum.Doubled,
			row.spread(func(r round) float64 { return r.Seconds503 }), row.spread(func(r round) float64 { return r.SecondsDry }))
	}
	cost := report.Table{Head: []string{"replicas to wait for", "holds a second", "p50 ms", "p99 ms"}}
	for _, c := range r.Cost {
		cost.Add(c.Replicas, fmt.Sprintf("%.0f", c.Rate), fmt.Sprintf("%.2f", c.Millis.P50), fmt.Sprintf("%.2f", c.Millis.P99))
	}
	return r.sheet("Failovers of Redis", rounds, cost)
}
