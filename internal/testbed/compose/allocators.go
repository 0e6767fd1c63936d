package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// loseAllocator kills one for good: the other one plans, and its Nginx follows, until it is started.
func (t *test) loseAllocator(ctx context.Context) error {
	id, err := t.project.one(ctx, "allocator")
	if err != nil {
		return err
	}
	if _, err := docker(ctx, "kill", id); err != nil {
		return err
	}
	known, err := t.project.containers(ctx, "node")
	if err != nil {
		return err
	}
	if _, err := t.joins(ctx, known, "a new node with one allocator, to its first sale"); err != nil {
		return err
	}
	if _, err := docker(ctx, "start", id); err != nil {
		return err
	}
	took, err := t.project.awaitSelling(ctx, len(known)+1)
	if err == nil {
		t.measured("a killed allocator, from its start until it knows all nodes", took)
	}
	return err
}

// standBy starts a second allocator on the file of the first one, and kills the first: the second one
// writes the file from then on, and gives it back when it is stopped.
func (t *test) standBy(ctx context.Context) error {
	first, err := t.project.one(ctx, "allocator")
	if err != nil {
		return err
	}
	if err := t.project.scaleAllocator(ctx, 2); err != nil {
		return err
	}
	both, err := t.project.containers(ctx, "allocator")
	if err != nil {
		return err
	}
	if len(both) != 2 {
		return fmt.Errorf("%d containers of allocator run, want 2", len(both))
	}
	if err := t.project.awaitHealthy(ctx); err != nil {
		return err
	}
	for _, index := range []string{"1", "2"} {
		addr, err := t.project.compose(ctx, "port", "--index="+index, "allocator", "9080")
		if err != nil {
			return err
		}
		if _, err := get(ctx, "http://"+addr+"/readyz"); err != nil {
			return err
		}
	}
	if _, err := docker(ctx, "kill", first); err != nil {
		return err
	}
	begin := time.Now()
	known, err := t.project.containers(ctx, "node")
	if err != nil {
		return err
	}
	joined, err := t.joins(ctx, known, "a new node with an allocator that stood by, to its first sale")
	if err != nil {
		return err
	}
	if err := t.named(ctx, joined); err != nil {
		return err
	}
	t.measured("a killed allocator, until the one that stood by has named a new node", time.Since(begin))
	if _, err := docker(ctx, "start", first); err != nil {
		return err
	}
	if err := t.project.scaleAllocator(ctx, 1); err != nil {
		return err
	}
	if _, err := t.project.one(ctx, "allocator"); err != nil {
		return err
	}
	return t.shrink(ctx, len(known))
}

// named waits until the file of nodes that the first Nginx reads has the container of a node.
func (t *test) named(ctx context.Context, node string) error {
	edge, err := t.project.one(ctx, "nginx")
	if err != nil {
		return err
	}
	ip, err := address(ctx, node)
	if err != nil {
		return err
	}
	_, err = await(ctx, time.Minute, "the file of nodes names the new one", func(ctx context.Context) bool {
		text, err := docker(ctx, "exec", edge, "cat", "/srv/edge/site/peers")
		return err == nil && strings.Contains(text, "\n"+ip+":8081 1 up ")
	})
	return err
}

// joins starts one more node as an operator would who leaves the rest alone, and returns its container.
func (t *test) joins(ctx context.Context, known []string, what string) (string, error) {
	if _, err := t.project.compose(ctx, "up", "-d", "--no-build", "--no-deps", "--no-recreate", "--scale", fmt.Sprint("node=", len(known)+1), "node"); err != nil {
		return "", err
	}
	all, err := t.project.containers(ctx, "node")
	if err != nil {
		return "", err
	}
	for _, id := range all {
		if !slices.Contains(known, id) {
			took, err := t.project.firstSale(ctx, id)
			if err == nil {
				t.measured(what, took)
			}
			return id, err
		}
	}
	return "", errors.New("no node was added")
}
