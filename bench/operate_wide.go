package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"onsale/internal/pause"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// toFew puts as many nodes in place as there were at first, each with its own weight.
func (e *operatingEvents) toFew(ctx context.Context) error {
	heavy := e.running()[2:] // one of weight 3
	if err := e.stop(ctx, heavy...); err != nil {
		return err
	}
	for _, n := range heavy[:min(len(heavy), e.Nodes-2)] {
		if err := e.changed(ctx, map[string]int{n.Name: 1}, n.Start); err != nil {
			return err
		}
	}
	return nil
}

// widen adds nodes until there are many, all at once, and notes when each sold for the first time.
func (e *operatingEvents) widen(ctx context.Context) error {
	count := e.Wide - len(e.running())
	took, errs := make([]time.Duration, count), make([]error, count)
	begin := time.Now()
	var group sync.WaitGroup
	first := len(e.site.Nodes)
	var err error
	for i := 0; i < count && err == nil; i++ {
		started := time.Now()
		var n *testbed.Member
		if n, err = e.site.AddNode(); err == nil {
			group.Go(func() {
				errs[i] = served(ctx, n, func(orders int64) bool { return orders > 0 })
				took[i] = time.Since(started)
			})
		}
	}
	if err == nil {
		err = e.shares(ctx, e.site.Nodes[first:])
		e.result.Share = time.Since(begin).Seconds()
	}
	group.Wait()
	for _, ferr := range errs {
		if err == nil {
			err = ferr
		}
	}
	e.result.Joined = sortedSeconds(took)
	return err
}

// shares waits until plan and upstream have the nodes.
func (e *operatingEvents) shares(ctx context.Context, nodes []*testbed.Member) error {
	for {
		v, err := e.admin().Sale(ctx, sale.ID(benchSale))
		if err != nil {
			return err
		}
		up, err := e.site.Upstream()
		if err != nil {
			return err
		}
		share := map[string]bool{}
		for _, s := range v.Plan {
			share[s.Node] = s.Slice > 0
		}
		lacking := ""
		for _, n := range nodes {
			if !share[n.Name] || up[n.Name] == 0 {
				lacking = n.Name
			}
		}
		if lacking == "" {
			return nil
		}
		if !pause.For(ctx, 10*time.Millisecond) {
			return fmt.Errorf("node %s has no share: %w", lacking, ctx.Err())
		}
	}
}

// narrow drains all nodes but the first few, notes when each answered its last request, and stops them.
func (e *operatingEvents) narrow(ctx context.Context) error {
	leaving := e.running()[e.Nodes:]
	left, errs := make([]time.Duration, len(leaving)), make([]error, len(leaving))
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	var names []string
	var err error
	for i, n := range leaving {
		begin := time.Now()
		if _, err = e.admin().DrainNode(ctx, n.Name, false); err != nil {
			break
		}
		names = append(names, n.Name)
		group.Go(func() {
			last := int64(-1)
			errs[i] = served(watching, n, func(orders int64) bool {
				if orders != last {
					last, left[i] = orders, time.Since(begin)
				}
				return false
			})
		})
	}
	if err == nil {
		err = e.idle(ctx, names...)
	}
	stop()
	group.Wait()
	if err != nil {
		return err
	}
	e.result.Left = sortedSeconds(left)
	return e.stop(ctx, leaving...)
}

// served looks again and again at how many orders a node has answered, until done. A node that does not answer yet has
// answered none. The error is that ctx ended first.
func served(ctx context.Context, n *testbed.Member, done func(orders int64) bool) error {
	for {
		orders := int64(0)
		if status, metrics, err := process.Fetch("http://" + n.Admin + "/metrics"); err == nil && status == http.StatusOK {
			orders = created(metrics)
		}
		if done(orders) {
			return nil
		}
		if !pause.For(ctx, 20*time.Millisecond) {
			return fmt.Errorf("node %s: %w", n.Name, ctx.Err())
		}
	}
}

// createdSeries finds the purchases that a node has answered with a new order.
var createdSeries = regexp.MustCompile(`(?m)^onsale_buyerapi_answers_total\{[^}]*code="created"[^}]*\} (\S+)$`)

// created is how many those are, by the node's metrics.
func created(metrics []byte) (orders int64) {
	for _, m := range createdSeries.FindAllSubmatch(metrics, -1) {
		n, err := strconv.ParseFloat(string(m[1]), 64)
		if err == nil {
			orders += int64(n)
		}
	}
	return orders
}
