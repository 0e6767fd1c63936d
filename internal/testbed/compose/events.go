package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"onsale/internal/pause"
)

// settle is how long an event's period lasts after it, so that what it causes counts there.
const settle = 3 * time.Second

// events happen one after the other while buyers buy.
func (t *test) events(ctx context.Context, begin time.Time) error {
	if _, err := await(ctx, time.Minute, "the first sale", func(context.Context) bool { return !t.buyers.firstSale().IsZero() }); err != nil {
		return err
	}
	t.measured("from docker-compose up to the first sale", t.buyers.firstSale().Sub(begin))
	for _, event := range []struct {
		name    string
		planned bool // by an operator, who may cost no buyer anything
		do      func(context.Context) error
	}{
		{"nothing happens", true, t.watched},
		{"scale 3 to 6", true, func(ctx context.Context) error { return t.grow(ctx, 6) }},
		{"scale 6 to 2", true, func(ctx context.Context) error { return t.shrink(ctx, 2) }},
		{"an allocator is killed, a node joins", false, t.loseAllocator},
		{"two allocators on one file, one is killed", false, t.standBy},
		{"a node is killed and started", false, t.loseNode},
		{"Redis crashes and restarts", false, func(ctx context.Context) error { return t.crash(ctx, "redis") }},
		{"an allocator crashes and restarts", false, func(ctx context.Context) error { return t.crash(ctx, "allocator-b") }},
		{"a node is cut off and comes back", false, t.cutOff},
		{"make roll", true, t.roll},
	} {
		t.log(event.name)
		t.buyers.begin(event.name, event.planned)
		if event.name == t.interrupt {
			time.AfterFunc(time.Second, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) }) // our own id exists
		}
		if err := event.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", event.name, err)
		}
		if !pause.For(ctx, settle) {
			return ctx.Err()
		}
	}
	return nil
}

// grow adds nodes, and measures from each container's start to its first sale.
func (t *test) grow(ctx context.Context, nodes int) error {
	known, err := t.project.containers(ctx, "node")
	if err != nil {
		return err
	}
	missing := nodes - len(known)
	scaled := make(chan error, 1)
	go func() { scaled <- t.project.scale(ctx, nodes) }()
	var group sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	var errs []error
	_, err = await(ctx, time.Minute, "new containers of nodes", func(looking context.Context) bool {
		all, err := t.project.containers(looking, "node")
		if err != nil {
			return false
		}
		for _, id := range all {
			if slices.Contains(known, id) {
				continue
			}
			known = append(known, id)
			missing--
			group.Go(func() {
				d, err := t.project.firstSale(ctx, id)
				mu.Lock()
				defer mu.Unlock()
				took, errs = append(took, d), append(errs, err)
			})
		}
		return missing == 0
	})
	group.Wait()
	if err := errors.Join(append(errs, err, <-scaled)...); err != nil {
		return err
	}
	t.measured("a new node, from its container's start to its first sale, at most", slices.Max(took))
	_, err = t.project.awaitSelling(ctx, nodes)
	return err
}

// shrink stops nodes with SIGTERM, all at once.
func (t *test) shrink(ctx context.Context, nodes int) error {
	if err := t.project.scale(ctx, nodes); err != nil {
		return err
	}
	_, err := t.project.awaitSelling(ctx, nodes)
	return err
}

// gone waits until neither allocator has a node among those that sell.
func (t *test) gone(ctx context.Context, id string) error {
	_, err := await(ctx, time.Minute, "the node has left both views", func(ctx context.Context) bool {
		for _, allocator := range allocators {
			if there, err := t.project.sells(ctx, allocator, id); err != nil || there {
				return false
			}
		}
		return true
	})
	return err
}

// loseNode kills a node, which stays away until it is noticed, and starts it again.
func (t *test) loseNode(ctx context.Context) error {
	all, err := t.project.containers(ctx, "node")
	if err != nil {
		return err
	}
	begin := time.Now()
	if _, err := docker(ctx, "kill", all[0]); err != nil {
		return err
	}
	if err := t.gone(ctx, all[0]); err != nil {
		return err
	}
	t.measured("a killed node, from docker kill until both allocators have noticed", time.Since(begin))
	if _, err := docker(ctx, "start", all[0]); err != nil {
		return err
	}
	took, err := t.project.firstSale(ctx, all[0])
	if err != nil {
		return err
	}
	t.measured("the same node, from its container's start to its first sale", took)
	_, err = t.project.awaitSelling(ctx, len(all))
	return err
}

// crash kills the process of a service's container. The restart policy brings it back.
func (t *test) crash(ctx context.Context, service string) error {
	nodes, err := t.project.containers(ctx, "node")
	if err != nil {
		return err
	}
	id, err := t.project.one(ctx, service)
	if err != nil {
		return err
	}
	before, err := started(ctx, id)
	if err != nil {
		return err
	}
	if err := t.project.crash(ctx, id); err != nil {
		return err
	}
	sold := t.buyers.sold()
	if _, err := await(ctx, 30*time.Second, service+" is started again by its restart policy", func(ctx context.Context) bool {
		now, err := started(ctx, id)
		return err == nil && now.After(before)
	}); err != nil {
		return err
	}
	if _, err := t.project.awaitSelling(ctx, len(nodes)); err != nil {
		return err
	}
	_, err = await(ctx, time.Minute, "more is sold", func(context.Context) bool { return t.buyers.sold() > sold+perSecond })
	return err
}

// cutOff disconnects a node from the network and connects it again.
func (t *test) cutOff(ctx context.Context) error {
	all, err := t.project.containers(ctx, "node")
	if err != nil {
		return err
	}
	network := t.project.name + "_default"
	begin := time.Now()
	if _, err := docker(ctx, "network", "disconnect", network, all[0]); err != nil {
		return err
	}
	if err := t.gone(ctx, all[0]); err != nil {
		return err
	}
	t.measured("a node that is cut off, until both allocators have noticed", time.Since(begin))
	if _, err := docker(ctx, "network", "connect", network, all[0]); err != nil {
		return err
	}
	took, err := t.project.awaitSelling(ctx, len(all))
	if err == nil {
		t.measured("the same node, from its return until both allocators have it", took)
	}
	return err
}

// roll replaces all nodes by the shipped command.
func (t *test) roll(ctx context.Context) error {
	before, err := t.project.containers(ctx, "node")
	if err != nil {
		return err
	}
	begin := time.Now()
	if _, err := run(ctx, nil, t.project.env, "make", "-s", "-C", t.project.root, "roll"); err != nil {
		return err
	}
	t.measured(fmt.Sprintf("make roll of %d nodes", len(before)), time.Since(begin))
	after, err := t.project.containers(ctx, "node")
	if err != nil {
		return err
	}
	for _, id := range after {
		if slices.Contains(before, id) {
			return fmt.Errorf("container %s was not replaced", id)
		}
	}
	_, err = t.project.awaitSelling(ctx, len(before))
	return err
}
