package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/adminapi"
	"onsale/internal/pause"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// sell sells one sale out, to as many buyers as it has tickets. soldBefore is how many were sold on these nodes before it.
func (s *scale) sell(ctx context.Context, c *testbed.Site, g *generator.Process, id sale.ID, tickets, soldBefore int, row *scaleRow) error {
	if err := c.Open(ctx, adminapi.Definition{ID: string(id), Title: "Scale", Currency: "EUR", Price: 4200, Total: int64(tickets), HoldSeconds: 3600}); err != nil {
		return err
	}
	store, closeStore, err := connect(c.Redis.Addr())
	if err != nil {
		return err
	}
	defer closeStore()
	if err := awaitPlan(ctx, store, id); err != nil {
		return err
	}
	m := newMeter(c)
	series := []string{"onsale_remotestock_claims_total", `onsale_remotestock_calls_total{result="ok",script="deduct"}`, "onsale_remotestock_calls_total"}
	if row.Idle, err = idling(ctx, c); err != nil {
		return err
	}
	if err := settleMemory(); err != nil {
		return err
	}
	before, scripts := m.sum(series...), m.by("onsale_remotestock_calls_total", "script")
	cpu, err := c.CPU()
	if err != nil {
		return err
	}
	run, err := g.Run(ctx, generator.Order{
		Addr: c.Front()[len("http://"):], Sale: string(id), Requests: tickets, Connections: row.Connections, Timeout: 15 * time.Second, Patience: time.Minute,
	})
	if err != nil {
		return err
	}
	if run.Completed == 0 {
		return fmt.Errorf("nothing was answered, errors %v", run.Errors)
	}
	cpuAfter, err := c.CPU()
	if err != nil {
		return err
	}
	after := m.sum(series...)
	row.Scripts = m.by("onsale_remotestock_calls_total", "script")
	for script, calls := range scripts {
		if row.Scripts[script] -= calls; row.Scripts[script] == 0 {
			delete(row.Scripts, script)
		}
	}
	row.Claims, row.DeductCalls, row.Calls = after[0]-before[0], after[1]-before[1], after[2]-before[2]
	row.CallsClaim = float64(row.DeductCalls) / float64(max(1, row.Claims))
	row.Rate = float64(run.Completed) / run.Seconds
	row.CPU = map[string]float64{}
	for kind := range cpuAfter {
		row.CPU[kind] = (cpuAfter[kind] - cpu[kind]) * 1e6 / float64(run.Completed)
		row.CPUAll += row.CPU[kind]
	}
	row.CPUAbove = row.CPUAll - row.Idle*run.Seconds*1e6/float64(run.Completed)
	for _, n := range c.Nodes {
		bytes, err := resident(n.Pid())
		if err != nil {
			return err
		}
		row.NodeMemory += bytes / int64(len(c.Nodes))
	}
	snapshot, err := store.Snapshot(ctx, id)
	if err != nil {
		return err
	}
	row.Faults = judge.Faults(id, judge.FromSnapshot(snapshot), judge.FromRun(run))
	// A buyer who was answered 503 and asked again may find the order made: 200 in place of 201.
	if sold := snapshot.Sold(); sold != int64(tickets) || int64(len(run.Acks)) != sold {
		row.Faults = append(row.Faults, fmt.Sprintf("sold %d of %d, answers %v, errors %v", sold, tickets, run.Statuses, run.Errors))
	}
	row.Busy = run.Statuses[http.StatusServiceUnavailable]
	// Every node polls twice a second: which sales are asked for, those that sell, and for each that is sold out, this one and
	// those before it, whether holds are overdue. What is above that and the claims was for nothing.
	polls := int64(float64(row.Nodes)*(run.Seconds+2)*2) + int64(row.Nodes)*4
	if asked := polls * int64(3+soldBefore); row.Calls > row.Claims+asked {
		row.Faults = append(row.Faults, fmt.Sprintf("%d script calls, more than %d claims and %d for polls: %s", row.Calls, row.Claims, asked, counted(row.Scripts)))
	}
	return nil
}

// idleWatch is how long an idle cluster is watched: some polls and probes of each node.
const idleWatch = 3 * time.Second

// idling is how many seconds of processor time a second the cluster takes by
// being there.
func idling(ctx context.Context, c *testbed.Site) (float64, error) {
	before, err := c.CPU()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	pause.For(ctx, idleWatch)
	after, err := c.CPU()
	if err != nil {
		return 0, err
	}
	var used float64
	for kind := range after {
		used += after[kind] - before[kind]
	}
	return used / time.Since(begin).Seconds(), nil
}
