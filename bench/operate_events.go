package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"onsale/internal/adminapi/client"
	"onsale/internal/pause"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// operatingEvents are what operators do, one after the other.
type operatingEvents struct {
	*operating
	site   *testbed.Site
	buyers *keptBuyers
	result *operatingResult
}

const (
	upgradeEvent = "Nginx's program is replaced (binary upgrade)"
	// operatingPatience is more than any event takes.
	operatingPatience = 60 * time.Second
	// operatingStop is how long a node may take to end: it drains, and finishes.
	operatingStop = 20 * time.Second
)

func (e *operatingEvents) admin() client.Client {
	return client.Client{Addr: e.site.Allocators[0].Admin, Token: e.site.AdminToken}
}

// run makes all events, and returns once ctx has ended.
func (e *operatingEvents) run(ctx context.Context) error {
	few, most := e.Nodes, e.Most
	for _, event := range []struct {
		name    string // empty: it only puts things back, and has no row
		planned bool
		do      func(context.Context) error
	}{
		{fmt.Sprintf("%d → %d nodes join", few, most), true, func(ctx context.Context) error { return e.join(ctx, most-few) }},
		{fmt.Sprintf("SIGTERM %d → %d", most, few), true, func(ctx context.Context) error { return e.stop(ctx, e.running()[few:]...) }},
		{"", true, func(ctx context.Context) error { return e.start(ctx) }},
		{fmt.Sprintf("rolling restart of %d", most), true, e.restartAll},
		{fmt.Sprintf("kill -9 %d → 2", most), false, func(ctx context.Context) error { return e.kill(ctx, e.running()[2:]...) }},
		{"a node of weight 3 joins", true, func(ctx context.Context) error { return e.start(ctx, "--weight", "3") }},
		{"weight 3 is set, and taken back", true, e.weigh},
		{"drain and return", true, e.drainOne},
		{upgradeEvent, true, func(ctx context.Context) error { return e.site.Nginx.Upgrade(ctx) }},
		{"", true, e.toFew},
		{fmt.Sprintf("%d → %d nodes join at once", few, e.Wide), true, e.widen},
		{fmt.Sprintf("%d → %d nodes are drained, and stopped", e.Wide, few), true, e.narrow},
	} {
		if ctx.Err() != nil {
			return nil
		}
		if event.name == "" {
			if err := e.limited(ctx, event.do); err != nil {
				return err
			}
			pause.For(ctx, e.Settle)
			e.buyers.turn()
			continue
		}
		begin := time.Now()
		err := e.limited(ctx, event.do)
		row := operatingRow{Event: event.name, Planned: event.planned, Seconds: time.Since(begin).Seconds()}
		pause.For(ctx, e.Settle)
		s := e.buyers.turn()
		pause.For(ctx, 100*time.Millisecond) // the last of them are answered
		if row.spell = e.buyers.read(s); err != nil {
			return fmt.Errorf("%s: %w", event.name, err)
		}
		e.result.Rows = append(e.result.Rows, row)
		logLine(fmt.Sprintf("%-45s %d of %d failed %v, %d closed while idle, %.2f s", row.Event, row.Failed, row.Sent, row.Kinds, row.Closed, row.Seconds))
	}
	return nil
}

func (e *operatingEvents) limited(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, operatingPatience)
	defer cancel()
	return do(ctx)
}

// running are the nodes whose processes run, in the order in which they were added.
func (e *operatingEvents) running() (nodes []*testbed.Member) {
	for _, n := range e.site.Nodes {
		if n.Running() {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// follows waits until the upstream's file has these nodes, with these weights.
func (e *operatingEvents) follows(ctx context.Context, want map[string]int) error {
	for {
		got, err := e.site.Upstream()
		if err == nil && maps.Equal(got, want) {
			return nil
		}
		if !pause.For(ctx, 5*time.Millisecond) {
			return errors.Join(err, fmt.Errorf("the upstream has %v, want %v: %w", got, want, ctx.Err()))
		}
	}
}

// upstream is what the file has now, with changes: a weight, or 0 for a node that is to be gone.
func (e *operatingEvents) upstream(changes map[string]int) (map[string]int, error) {
	want, err := e.site.Upstream()
	if err != nil {
		return nil, err
	}
	maps.Copy(want, changes)
	maps.DeleteFunc(want, func(_ string, weight int) bool { return weight == 0 })
	return want, nil
}

// changed makes a change, and waits until the upstream has followed.
func (e *operatingEvents) changed(ctx context.Context, changes map[string]int, change func() error) error {
	want, err := e.upstream(changes)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	return e.follows(ctx, want)
}

// join adds nodes.
func (e *operatingEvents) join(ctx context.Context, count int) error {
	changes := map[string]int{}
	for i := range count {
		changes[fmt.Sprintf("n%03d", len(e.site.Nodes)+i+1)] = 1
	}
	return e.changed(ctx, changes, func() error {
		for range count {
			if _, err := e.site.AddNode(); err != nil {
				return err
			}
		}
		return nil
	})
}

// start starts a node that has ended, with more flags; without flags all of them.
func (e *operatingEvents) start(ctx context.Context, flags ...string) error {
	ended := slices.DeleteFunc(slices.Clone(e.site.Nodes), (*testbed.Member).Running)
	changes := map[string]int{}
	for _, n := range ended {
		if changes[n.Name] = 1; len(flags) > 0 {
			changes[n.Name], ended = 3, ended[:1]
			break
		}
	}
	return e.changed(ctx, changes, func() error {
		for _, n := range ended {
			if err := n.StartWith(flags...); err != nil {
				return err
			}
		}
		return nil
	})
}

// stop ends nodes by SIGTERM, all at once, and returns when they have gone.
func (e *operatingEvents) stop(ctx context.Context, nodes ...*testbed.Member) error {
	return e.end(ctx, nodes, func(n *testbed.Member) error { return n.Stop(operatingStop) })
}

// kill ends them by SIGKILL.
func (e *operatingEvents) kill(ctx context.Context, nodes ...*testbed.Member) error {
	return e.end(ctx, nodes, func(n *testbed.Member) error { return n.Kill() })
}

func (e *operatingEvents) end(ctx context.Context, nodes []*testbed.Member, how func(*testbed.Member) error) error {
	changes := map[string]int{}
	for _, n := range nodes {
		changes[n.Name] = 0
	}
	return e.changed(ctx, changes, func() error {
		errs := make([]error, len(nodes))
		var group sync.WaitGroup
		for i, n := range nodes {
			group.Go(func() { errs[i] = how(n) })
		}
		group.Wait()
		return errors.Join(errs...)
	})
}

// restartAll stops and starts each node, one after the other.
func (e *operatingEvents) restartAll(ctx context.Context) error {
	for _, n := range e.running() {
		if err := e.stop(ctx, n); err != nil {
			return err
		}
		if err := e.changed(ctx, map[string]int{n.Name: 1}, n.Start); err != nil {
			return err
		}
	}
	return nil
}

// weigh changes a weight, and changes it back.
func (e *operatingEvents) weigh(ctx context.Context) error {
	name := e.running()[0].Name
	for _, step := range []struct{ set, want int }{{3, 3}, {0, 1}} {
		err := e.changed(ctx, map[string]int{name: step.want}, func() error {
			_, err := e.admin().WeighNode(ctx, name, step.set)
			return err
		})
		if err != nil {
			return err
		}
		pause.For(ctx, e.Settle)
	}
	return nil
}

// drainOne drains a node, waits until it is idle, and lets it return.
func (e *operatingEvents) drainOne(ctx context.Context) error {
	name := e.running()[0].Name
	err := e.changed(ctx, map[string]int{name: 0}, func() error {
		_, err := e.admin().DrainNode(ctx, name, false)
		return err
	})
	if err != nil {
		return err
	}
	if err := e.idle(ctx, name); err != nil {
		return err
	}
	return e.changed(ctx, map[string]int{name: 1}, func() error {
		_, err := e.admin().UndrainNode(ctx, name)
		return err
	})
}

// idle waits until nobody asks the nodes any more.
func (e *operatingEvents) idle(ctx context.Context, names ...string) error {
	for {
		list, err := e.admin().Nodes(ctx)
		left := 0
		for _, n := range list.Nodes {
			if slices.Contains(names, n.Name) && !n.Idle {
				left++
			}
		}
		if err == nil && left == 0 {
			return nil
		}
		if !pause.For(ctx, 50*time.Millisecond) {
			return errors.Join(err, fmt.Errorf("%d drained nodes are still asked: %w", left, ctx.Err()))
		}
	}
}

// sellOut takes back all tickets but the last few, and sells those.
func (e *operatingEvents) sellOut(ctx context.Context) error {
	v, err := e.admin().Sale(ctx, benchSale)
	if err != nil {
		return err
	}
	spare := int64(e.result.Rate*e.Settle.Seconds()) + operatingLast // some are sold meanwhile
	if _, err := e.admin().Restock(ctx, sale.ID(benchSale), spare-v.Remaining, "last-tickets"); err != nil {
		return err
	}
	e.buyers.ending.Store(true)
	for !e.buyers.soldOut.Load() {
		if !pause.For(ctx, 10*time.Millisecond) {
			return fmt.Errorf("the last tickets do not sell: %w", ctx.Err())
		}
	}
	return nil
}
