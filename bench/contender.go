package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"onsale/bench/strategy"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// contender is a strategy as it runs: where buyers reach it, whose processor
// time counts, and how its sales are opened and read.
type contender struct {
	strategy.Entry
	addr string
	pids map[string]int // by kind of process
	// profile is where a CPU profile of the server's next seconds can be fetched.
	profile func(seconds int) string
	token   string // that it asks for, if it does
	open    func(ctx context.Context, sale string, total int64) error
	sold    func(ctx context.Context, sale string) ([]strategy.Order, error)
}

// field are the contenders of one comparison, on stores of their own.
type field struct {
	cluster    *testbed.Site // this project's node, and the Redis that all share
	postgres   *process.Postgres
	contenders []*contender
	closers    []func() error
}

// onsaleStrategy is how the report names this project's node.
const onsaleStrategy = "onsale"

// startField starts the stores and a server for each of the entries.
func startField(ctx context.Context, entries []strategy.Entry, binaries string) (_ *field, err error) {
	f := &field{}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	f.cluster, err = testbed.Start(ctx, testbed.Options{
		Nodes: 1, Allocators: 1, NoFront: true, Binaries: binaries, Progress: logLine,
		// A rewrite of the log would fall into one contender's run and not the others'.
		RedisArgs: []string{"--auto-aof-rewrite-percentage", "0"}, NodeArgs: []string{"--drain-delay", "0s"},
	})
	if err != nil {
		return nil, err
	}
	f.closers = append(f.closers, f.cluster.Close)
	logLine("starting PostgreSQL")
	if f.postgres, err = process.StartPostgres(ctx, f.cluster.Dir); err != nil {
		return nil, err
	}
	f.closers = append(f.closers, func() error { return f.postgres.Stop(10 * time.Second) })
	if err := f.addOurs(); err != nil {
		return nil, err
	}
	for _, e := range entries {
		logLine("starting " + e.Name)
		if err := f.add(ctx, e); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// addOurs enters the node that this project ships, as a process of its own.
func (f *field) addOurs() error {
	store, closeStore, err := connect(f.cluster.Redis.Addr())
	if err != nil {
		return err
	}
	f.closers = append(f.closers, closeStore)
	node, allocator := f.cluster.Nodes[0], f.cluster.Allocators[0]
	f.contenders = append(f.contenders, &contender{
		Entry: strategy.Entry{Name: onsaleStrategy, Title: "onsale: local stock, group commit", Durable: true,
			About: "Local stock lets a request pass; one script call decides a batch.",
			Lacks: []string{"a look at the token before it answers sold out"}},
		addr: node.Listen, pids: map[string]int{"server": node.Pid(), "allocator": allocator.Pid(), "redis": f.cluster.Redis.Pid()},
		token: f.cluster.AdminToken,
		profile: func(seconds int) string {
			return fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", node.Admin, seconds)
		},
		open: func(ctx context.Context, id string, total int64) error {
			_, err := store.Open(ctx, sale.Sale{
				ID: sale.ID(id), Title: id, Kind: sale.Ticket, Price: 4200, Currency: "EUR", Total: total, Limit: 1, HoldFor: time.Hour,
			})
			if err = errors.Join(err, f.cluster.AwaitSale(ctx, id)); err != nil {
				return err
			}
			return awaitPlan(ctx, store, sale.ID(id))
		},
		sold: func(ctx context.Context, id string) ([]strategy.Order, error) {
			s, err := store.Snapshot(ctx, sale.ID(id))
			if err != nil {
				return nil, err
			}
			orders := make([]strategy.Order, 0, len(s.Orders))
			for _, o := range s.Orders {
				orders = append(orders, strategy.Order{ID: string(o.ID), Buyer: string(o.Buyer), At: o.Created.Time()})
			}
			return orders, nil
		},
	})
	return nil
}

// add starts a server of the strategy.
func (f *field) add(ctx context.Context, e strategy.Entry) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	port, err := process.FreePort()
	if err != nil {
		return err
	}
	addr := process.Loopback(port)
	p, err := process.Start(f.cluster.Dir, "bench-"+e.Name, self, []string{
		"serve", "--strategy", e.Name, "--listen", addr, "--redis", f.cluster.Redis.Addr(),
		"--keys", filepath.Join(f.cluster.Dir, "keys.json"),
	}, "ONSALE_BENCH_DATABASE="+f.postgres.URL())
	if err != nil {
		return err
	}
	f.closers = append(f.closers, func() error { return p.Stop(5 * time.Second) })
	admin := strategy.Admin{URL: "http://" + addr}
	ready, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := p.Await(ready, func() error { return admin.Ready(ready) }); err != nil {
		return err
	}
	c := &contender{Entry: e, addr: addr, pids: map[string]int{"server": p.Pid()}, profile: admin.ProfileURL, open: admin.Open, sold: admin.Orders}
	if e.Stores.Redis {
		c.pids["redis"] = f.cluster.Redis.Pid()
	}
	if e.Stores.Postgres {
		c.pids["postgres"] = f.postgres.Pid()
	}
	f.contenders = append(f.contenders, c)
	return nil
}

// close stops everything, the last first.
func (f *field) close() error {
	var errs []error
	for i := len(f.closers) - 1; i >= 0; i-- {
		errs = append(errs, f.closers[i]())
	}
	f.closers = nil
	return errors.Join(errs...)
}
