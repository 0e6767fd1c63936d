package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// throughNodesShare: one of so many tickets is kept for buyers who come through the nodes.
const throughNodesShare = 4

// acknowledge notes an order that the group commit was granted.
func (s *milestones) acknowledge(o sale.Order) {
	s.answers.Acks = append(s.answers.Acks, generator.Ack{Buyer: string(o.Buyer), Order: string(o.ID)})
	s.result.Acknowledged++
}

func (s *milestones) sell(ctx context.Context, n int) error {
	err := s.direct.sell(ctx, s.sold, n)
	s.sold += n
	return err
}

// sellAudited sells the first half through the group commit, and audits meanwhile.
func (s *milestones) sellAudited(ctx context.Context) error {
	selling, sold := context.WithCancel(ctx)
	defer sold()
	var group sync.WaitGroup
	var aerr error
	group.Go(func() { s.result.Audits, aerr = s.audits(selling, s.cluster) })
	begin := time.Now()
	err := s.sell(ctx, s.Tickets/2)
	took := time.Since(begin).Seconds()
	sold()
	group.Wait()
	logLine(fmt.Sprintf("sold %d in %.1f s, %.0f a second", s.sold, took, float64(s.sold)/took))
	return errors.Join(err, aerr)
}

// compareBuyers has buyers come through Nginx and the nodes, at half of what they can be
// served at, with audits and without.
func (s *milestones) compareBuyers(ctx context.Context) error {
	trial := s.Tickets / throughNodesShare / 8
	rest := s.Tickets/throughNodesShare - trial
	g, err := generator.Start(ctx, filepath.Join(s.cluster.Dir, "keys.json"), trial+rest)
	if err != nil {
		return err
	}
	defer func() {
		if err := g.Stop(); err != nil {
			logLine(err.Error())
		}
	}()
	o := generator.Order{Addr: s.cluster.Front()[len("http://"):], Sale: millionSale, Requests: trial, Connections: min(s.Connections, trial), Timeout: 20 * time.Second}
	run, err := s.come(ctx, g, &o)
	if err != nil {
		return err
	}
	b := &noticed{Capacity: float64(run.Completed) / run.Seconds}
	b.Rate = b.Capacity / 2
	o.Requests = min(rest/(2*s.Pairs), int(math.Ceil(b.Rate*s.Turn.Seconds())))
	o.Rate, o.Late = b.Rate, 5*time.Second
	for n := range s.Pairs {
		// Whose turn is first alternates.
		for _, audited := range []bool{n%2 == 1, n%2 == 0} {
			p99, err := s.turn(ctx, g, &o, audited, b)
			if err != nil || ctx.Err() != nil {
				return err
			}
			logLine(fmt.Sprintf("p99 %.2f ms at %.0f a second, audits %v", p99, b.Rate, audited))
			if audited {
				b.With = append(b.With, p99)
			} else {
				b.Without = append(b.Without, p99)
			}
		}
	}
	b.Ratio = ratioOf("p99 of buyers with audits : without", b.With, b.Without, maxP99Ratio, false)
	s.result.Buyers = b
	return nil
}

// turn is one run of buyers, and its p99 in milliseconds.
func (s *milestones) turn(ctx context.Context, g *generator.Process, o *generator.Order, withAudits bool, b *noticed) (float64, error) {
	var group sync.WaitGroup
	var aerr error
	auditing, done := context.WithCancel(ctx)
	defer done()
	if withAudits {
		group.Go(func() {
			all, err := s.audits(auditing, s.cluster)
			b.Audits, aerr = append(b.Audits, all...), err
		})
	}
	run, err := s.come(ctx, g, o)
	done()
	group.Wait()
	return run.Latencies[generator.ClassSold].Quantile(0.99).Seconds() * 1000, errors.Join(err, aerr)
}

// come has the next buyers come, and notes who got an order.
func (s *milestones) come(ctx context.Context, g *generator.Process, o *generator.Order) (generator.Run, error) {
	run, err := g.Run(ctx, *o)
	o.First += o.Requests
	s.answers = s.answers.And(judge.FromRun(run))
	s.result.Acknowledged += int64(len(run.Acks))
	if err == nil && len(run.Acks) == 0 {
		err = fmt.Errorf("no buyer got an order: answers %v, errors %v", run.Statuses, run.Errors)
	}
	if ctx.Err() != nil {
		err = nil
	}
	return run, err
}

// lose puts the sale's keys of an earlier moment in the place of today's, as a Redis does
// that comes back older, and waits until the site has found that out, put the sale together
// again by itself, and sells on.
func (s *milestones) lose(ctx context.Context) error {
	if err := s.settled(ctx, millionSale); err != nil {
		return err
	}
	restore, err := s.keep(ctx)
	if err != nil {
		return err
	}
	n := max(1, s.Tickets/20)
	if err := s.sell(ctx, n); err != nil {
		return err
	}
	if err := s.settled(ctx, millionSale); err != nil {
		return err
	}
	if err := resetPeak(s.cluster.Ledgers[0].Pid()); err != nil {
		return err
	}
	if err := restore(); err != nil {
		return err
	}
	// What the bench itself did to bring the loss about is no call of the product.
	if err := s.watch.begin(ctx); err != nil {
		return err
	}
	begin := time.Now()
	w := &reconciled{Lost: int64(n)}
	for w.Noticed == 0 && ctx.Err() == nil {
		if p, err := s.store.Page(ctx, millionSale, "", 0); err == nil && (p.Lost != "" || p.Chain.Epoch > 1) {
			w.Noticed = time.Since(begin).Seconds()
		}
		pause.For(ctx, 20*time.Millisecond)
	}
	if err := s.sell(ctx, 1); err != nil {
		return err
	}
	w.Selling = time.Since(begin).Seconds()
	w.Memory, err = peak(s.cluster.Ledgers[0].Pid())
	s.result.Reconciled = w
	return err
}

// keep copies the sale's keys. What it returns puts them back.
func (s *milestones) keep(ctx context.Context) (restore func() error, err error) {
	keys := remotestock.Keys(millionSale)
	var kept []string
	for _, key := range keys {
		n, err := s.client.Copy(ctx, key, key+":older", 0, true).Result()
		if err != nil {
			return nil, err
		}
		if n == 1 {
			kept = append(kept, key)
		}
	}
	return func() error {
		_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Unlink(ctx, keys...)
			for _, key := range kept {
				p.Rename(ctx, key+":older", key)
			}
			return nil
		})
		return err
	}, nil
}

// settled returns once the ledger has everything.
func (s *milestones) settled(ctx context.Context, id sale.ID) error {
	return recorded(ctx, s.store, id)
}

// recorded returns once the ledger has everything of a sale.
func recorded(ctx context.Context, store *remotestock.Store, id sale.ID) error {
	for ctx.Err() == nil {
		entries, _, _, err := store.Backlog(ctx, id)
		if err == nil && entries == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		pause.For(ctx, 20*time.Millisecond)
	}
	return nil
}

// sellRest sells the last ticket, and audits everything.
func (s *milestones) sellRest(ctx context.Context) error {
	v, err := s.store.Survey(ctx, millionSale)
	if err != nil {
		return err
	}
	if err := s.sell(ctx, int(v.Counters.Remaining)); err != nil || ctx.Err() != nil {
		return err
	}
	if err := s.settled(ctx, millionSale); err != nil {
		return err
	}
	a, err := s.auditAll(ctx, s.cluster, s.answers)
	if err != nil || ctx.Err() != nil {
		return err
	}
	s.result.Final, s.result.Sold = &a, a.Sold
	return nil
}
