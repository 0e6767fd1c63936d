package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"onsale/bench/generator"
	"onsale/bench/report"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// scale sells the same sale over more and more nodes.
type scale struct {
	Nodes     []int `default:"1,2,5,10,20,50,100" help:"Node counts."`
	PerNode   int   `default:"16" help:"Connections a node, in the runs with equal connections per node."`
	Total     int   `default:"256" help:"Connections in all, in the runs with equal connections in all."`
	Purchases int   `default:"100000" help:"Tickets, and buyers, of each run; a quarter of them warms the nodes up before."`
	output    `embed:""`
	Binaries  string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	measured func() // called after each row, for tests; may be nil
}

// scaleRow is one run.
type scaleRow struct {
	Nodes       int                `json:"nodes"`
	Connections int                `json:"connections"`
	PerNode     bool               `json:"equal_per_node"` // or equal in all
	Rate        float64            `json:"purchases_per_second"`
	Claims      int64              `json:"claims"`
	DeductCalls int64              `json:"deduct_calls"`
	Calls       int64              `json:"script_calls"`
	Scripts     map[string]int64   `json:"script_calls_by_script"`
	CallsClaim  float64            `json:"deduct_calls_per_claim"`
	CPU         map[string]float64 `json:"cpu_us_per_request"` // nodes, redis, nginx, allocators
	CPUAll      float64            `json:"cpu_us_per_request_all"`
	Idle        float64            `json:"idle_cpu_seconds_a_second"`     // of the whole cluster, before anybody bought: polls and gossip
	CPUAbove    float64            `json:"cpu_us_per_request_above_idle"` // what requests cost on top of that
	NodeMemory  int64              `json:"node_memory_bytes"`             // mean resident memory of a node
	Busy        int64              `json:"answers_503"`                   // after which buyers sent their purchases again
	Faults      []string           `json:"faults"`

	warm bool // its figures are not shown
}

// scaleResult is the whole outcome. The exponents are how a figure grows with
// the number of nodes: it is proportional to nodes to their power.
type scaleResult struct {
	outcome

	Rows      []scaleRow         `json:"rows"`
	Exponents map[string]float64 `json:"exponents"` // least squares on logarithms, from 10 nodes on
}

// Validate reports every fault at once, or nil.
func (s *scale) Validate() error {
	var w wants
	w.that(len(s.Nodes) > 0, "--nodes", s.Nodes, "at least one count")
	for _, n := range s.Nodes {
		w.positive("--nodes", n)
	}
	w.positive("--per-node", s.PerNode)
	w.positive("--total", s.Total)
	w.positive("--purchases", s.Purchases)
	w.programs(s.Binaries)
	return errors.Join(w...)
}

// Run measures every node count with both kinds of connections, and prints what
// it has also where it is interrupted.
func (s *scale) Run(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	r := &scaleResult{outcome: newOutcome(ctx), Exponents: map[string]float64{}}
	binaries, remove, err := built(ctx, s.Binaries)
	if err != nil {
		return err
	}
	defer remove()
	for _, n := range s.Nodes {
		var rows []scaleRow
		rows, err = s.at(ctx, n, binaries)
		for _, row := range rows {
			for _, f := range row.Faults {
				r.Faults = append(r.Faults, fmt.Sprintf("%d nodes, %d connections%s: %s", row.Nodes, row.Connections, warming(row.warm), f))
			}
		}
		r.Rows = append(r.Rows, slices.DeleteFunc(rows, func(row scaleRow) bool { return row.warm })...)
		if err != nil {
			break
		}
	}
	r.fit()
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // it is only the interruption
	}
	if len(r.Rows)+len(r.Faults) == 0 {
		return errors.Join(err, ctx.Err())
	}
	return s.conclude(r, err)
}

// warming names the sale whose figures nobody sees, for its faults.
func warming(warm bool) string {
	if warm {
		return ", warming up"
	}
	return ""
}

// at measures one cluster, and returns the rows that are whole, that of warming
// up first: what breaks there is broken too.
func (s *scale) at(ctx context.Context, nodes int, binaries string) (rows []scaleRow, err error) {
	c, err := testbed.Start(ctx, testbed.Options{Nodes: nodes, Allocators: 1, Balancer: true, Precedence: true, Binaries: binaries, Progress: logLine,
		RedisArgs: []string{"--auto-aof-rewrite-percentage", "0"}, NodeArgs: []string{"--drain-delay", "0s"}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	g, err := generator.Start(ctx, filepath.Join(c.Dir, "keys.json"), s.Purchases)
	if err != nil {
		return nil, err
	}
	defer g.Stop()
	// New processes pay for their memory and their connections: a hundred nodes
	// a hundred times, for a hundredth of the buyers each.
	warm := scaleRow{warm: true, Nodes: nodes, Connections: max(s.Total, s.PerNode*nodes)}
	if err := s.sell(ctx, c, g, "warm", max(1, s.Purchases/4), len(rows), &warm); err != nil {
		return nil, err
	}
	rows = append(rows, warm)
	for _, perNode := range []bool{true, false} {
		row := scaleRow{Nodes: nodes, PerNode: perNode, Connections: s.Total}
		id := "in-all"
		if perNode {
			row.Connections, id = s.PerNode*nodes, "per-node"
		}
		if err := s.sell(ctx, c, g, sale.ID(id), s.Purchases, len(rows), &row); err != nil {
			return rows, err
		}
		rows = append(rows, row)
		logLine(fmt.Sprintf("%d nodes, %d connections: %.0f purchases a second", nodes, row.Connections, row.Rate))
		if s.measured != nil {
			s.measured()
		}
	}
	return rows, nil
}

func (r *scaleResult) show() report.Sheet {
	t := report.Table{Head: []string{"nodes", "connections", "purchases/s", "calls a claim", "calls", "CPU µs a request", "above idle", "idle CPU", "node memory MiB", "503", "faults"}}
	for _, row := range r.Rows {
		t.Add(row.Nodes, row.Connections, fmt.Sprintf("%.0f", row.Rate), fmt.Sprintf("%.3f", row.CallsClaim), row.Calls,
			fmt.Sprintf("%.1f", row.CPUAll), fmt.Sprintf("%.1f", row.CPUAbove), fmt.Sprintf("%.2f", row.Idle), fmt.Sprintf("%.1f", float64(row.NodeMemory)/(1<<20)), row.Busy, len(row.Faults))
	}
	growth := report.Table{Head: []string{"grows with the nodes", "exponent"}}
	for _, what := range slices.Sorted(maps.Keys(r.Exponents)) {
		growth.Add(what, fmt.Sprintf("%.2f", r.Exponents[what]))
	}
	if len(r.Exponents) == 0 {
		growth.Caption = fmt.Sprintf("No exponents: they need at least two node counts from %d on.", fitFromNodes)
	}
	return r.sheet("The same sale over more and more nodes", t, growth)
}
