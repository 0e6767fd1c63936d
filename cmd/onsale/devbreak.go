package main

import (
	"context"
	"errors"
	"fmt"

	"onsale/internal/testbed"
)

// What the board's buttons do to a site of real processes.

func (s realSite) state() devState {
	d := devState{Redis: running(s.Redis.Done()), Allocator: s.Allocators[0].Running(), Kills: true}
	for _, n := range s.Nodes {
		d.Nodes = append(d.Nodes, devNode{n.Name, n.Running()})
	}
	return d
}

func running(done <-chan struct{}) bool {
	select {
	case <-done:
		return false
	default:
		return true
	}
}

func (s realSite) node(name string) (*testbed.Member, error) {
	for _, n := range s.Nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("there is no node %.30q", name)
}

func (s realSite) killNode(_ context.Context, name string) error {
	n, err := s.node(name)
	if err != nil {
		return err
	}
	return n.Kill()
}

func (s realSite) startNode(_ context.Context, name string) error {
	n, err := s.node(name)
	if err != nil {
		return err
	}
	if n.Running() {
		return fmt.Errorf("%s runs", name)
	}
	return n.Start()
}

// maxDevNodes is how many nodes there may be: each is a process of this machine.
const maxDevNodes = 100

func (s realSite) addNode(context.Context) (string, error) {
	if len(s.Nodes) >= maxDevNodes {
		return "", fmt.Errorf("there are %d nodes: that is enough for one machine", len(s.Nodes))
	}
	n, err := s.AddNode()
	if err != nil {
		return "", err
	}
	return n.Name, nil
}

func (s realSite) killRedis(context.Context) error {
	if !running(s.Redis.Done()) {
		return nil
	}
	return s.Redis.Kill()
}

func (s realSite) startRedis(ctx context.Context) error {
	if running(s.Redis.Done()) {
		return nil
	}
	return s.Redis.Restart(ctx)
}

func (s realSite) killAllocator(context.Context) error { return s.Allocators[0].Kill() }

func (s realSite) startAllocator(context.Context) error {
	if s.Allocators[0].Running() {
		return nil
	}
	return s.Allocators[0].Start()
}

func (s realSite) admin() string { return s.Allocators[0].Admin }

// What they do to a site inside this process, which has nothing to kill but its stand-in for Redis.

func (s embeddedSite) state() devState {
	d := devState{Redis: s.RedisRuns(), Allocator: true}
	for _, n := range s.Nodes {
		d.Nodes = append(d.Nodes, devNode{n.Name, true})
	}
	return d
}

var errEmbedded = errors.New("it is a part of this process: onsale dev --real runs processes, which can be killed")

func (s embeddedSite) killNode(context.Context, string) error  { return errEmbedded }
func (s embeddedSite) startNode(context.Context, string) error { return errEmbedded }
func (s embeddedSite) addNode(context.Context) (string, error) { return "", errEmbedded }
func (s embeddedSite) killAllocator(context.Context) error     { return errEmbedded }
func (s embeddedSite) startAllocator(context.Context) error    { return errEmbedded }
func (s embeddedSite) killRedis(context.Context) error         { s.StopRedis(); return nil }
func (s embeddedSite) startRedis(context.Context) error        { return s.StartRedis() }
func (s embeddedSite) admin() string                           { return s.Allocator.Admin }
