package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"onsale/bench/generator"
	"onsale/internal/adminapi"
	"onsale/internal/audit"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// scale sells the same sale over more and more nodes.
type scale struct {
	Nodes     []int  `default:"1,2,5,10,20,50,100" help:"Node counts."`
	PerNode   int    `default:"16" help:"Connections a node, in the runs with equal connections per node."`
	Total     int    `default:"256" help:"Connections in all, in the runs with equal connections in all."`
	Purchases int    `default:"100000" help:"Tickets, and buyers, of each run; a quarter of them warms the nodes up before."`
	JSON      string `help:"File for the result." type:"path"`
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
	CallsClaim  float64            `json:"deduct_calls_per_claim"`
	CPU         map[string]float64 `json:"cpu_us_per_request"` // nodes, redis, nginx, allocators
	CPUAll      float64            `json:"cpu_us_per_request_all"`
	Idle        float64            `json:"idle_cpu_seconds_a_second"`     // of the whole cluster, before anybody bought: polls and gossip
	CPUAbove    float64            `json:"cpu_us_per_request_above_idle"` // what requests cost on top of that
	NodeMemory  int64              `json:"node_memory_bytes"`             // mean resident memory of a node
	Faults      []string           `json:"faults"`

	warm bool // its figures are not shown
}

// scaleResult is the whole outcome. The exponents say how a figure grows with
// the number of nodes: it is proportional to nodes to their power.
type scaleResult struct {
	Command     string `json:"command"`
	Machine     string `json:"machine"`
	Commit      string `json:"commit"`
	Interrupted bool   `json:"interrupted,omitempty"` // the rows are those that were whole by then

	Rows      []scaleRow         `json:"rows"`
	Exponents map[string]float64 `json:"exponents"` // least squares on logarithms, from 10 nodes on
	Faults    []string           `json:"faults"`
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
	if err := creatable(s.JSON); err != nil {
		return err
	}
	binaries, remove, err := built(ctx, s.Binaries)
	if err != nil {
		return err
	}
	defer remove()
	r := scaleResult{Command: command(), Machine: machine(), Commit: commit(ctx), Exponents: map[string]float64{}}
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
	s.conclude(&r)
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // that it was cut off is all that it says
	}
	if len(r.Rows)+len(r.Faults) == 0 {
		return errors.Join(err, ctx.Err())
	}
	s.print(r)
	err = errors.Join(err, printJSON(r, s.JSON))
	return ended(err, r.Interrupted, r.Faults, nil)
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
	c, err := testbed.Start(ctx, testbed.Options{Nodes: nodes, Allocators: 1, Binaries: binaries, Progress: say,
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
	if err := s.sell(ctx, c, g, "warm", max(1, s.Purchases/4), &warm); err != nil {
		return nil, err
	}
	rows = append(rows, warm)
	for _, perNode := range []bool{true, false} {
		row := scaleRow{Nodes: nodes, PerNode: perNode, Connections: s.Total}
		id := "in-all"
		if perNode {
			row.Connections, id = s.PerNode*nodes, "per-node"
		}
		if err := s.sell(ctx, c, g, sale.ID(id), s.Purchases, &row); err != nil {
			return rows, err
		}
		rows = append(rows, row)
		say(fmt.Sprintf("%d nodes, %d connections: %.0f purchases a second", nodes, row.Connections, row.Rate))
		if s.measured != nil {
			s.measured()
		}
	}
	return rows, nil
}

// sell sells one sale out, to as many buyers as it has tickets.
func (s *scale) sell(ctx context.Context, c *testbed.Site, g *generator.Process, id sale.ID, tickets int, row *scaleRow) error {
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
	before := m.sum(series...)
	cpu, err := c.CPU()
	if err != nil {
		return err
	}
	run, err := g.Run(ctx, generator.Order{
		Addr: c.Front()[len("http://"):], Sale: string(id), Requests: tickets, Connections: row.Connections, Timeout: 15 * time.Second,
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
	row.Faults = audit.Stock(snapshot)
	if sold := snapshot.Sold(); sold != int64(tickets) || run.Statuses[http.StatusCreated] != sold {
		row.Faults = append(row.Faults, fmt.Sprintf("sold %d of %d, answers %v, errors %v", sold, tickets, run.Statuses, run.Errors))
	}
	// Every node polls twice a second; what is above that and the claims was for nothing.
	polls := int64(float64(row.Nodes)*(run.Seconds+2)*2) + int64(row.Nodes)*4
	if row.Calls > row.Claims+polls {
		row.Faults = append(row.Faults, fmt.Sprintf("%d script calls, more than %d claims and %d polls", row.Calls, row.Claims, polls))
	}
	return nil
}

// idleFor is how long an idle cluster is watched: some polls and probes of each node.
const idleFor = 3 * time.Second

// idling is how many seconds of processor time a second the cluster takes by
// being there.
func idling(ctx context.Context, c *testbed.Site) (float64, error) {
	before, err := c.CPU()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	sleep(ctx, idleFor)
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

// conclude fits the exponents. A figure that is not above zero, as noise makes
// one of what is above idle, has no logarithm and is left out.
func (s *scale) conclude(r *scaleResult) {
	for _, perNode := range []bool{true, false} {
		kind := map[bool]string{true: "equal per node", false: "equal in all"}[perNode]
		figures := map[string]func(scaleRow) float64{
			"cpu per request, " + kind:            func(r scaleRow) float64 { return r.CPUAll },
			"cpu per request above idle, " + kind: func(r scaleRow) float64 { return r.CPUAbove },
			"calls per claim, " + kind:            func(r scaleRow) float64 { return r.CallsClaim },
		}
		for name, of := range figures {
			var x, y []float64
			for _, row := range r.Rows {
				if row.PerNode == perNode && row.Nodes >= fitted && of(row) > 0 {
					x, y = append(x, float64(row.Nodes)), append(y, of(row))
				}
			}
			if len(x) > 1 && slices.Min(x) < slices.Max(x) {
				r.Exponents[name] = exponent(x, y)
			}
		}
	}
}

// fitted is from how many nodes on a row counts for the exponents.
const fitted = 10

// exponent is the slope of log y over log x, by least squares.
func exponent(x, y []float64) float64 {
	var sx, sy, sxx, sxy float64
	for i := range x {
		lx, ly := math.Log(x[i]), math.Log(y[i])
		sx, sy, sxx, sxy = sx+lx, sy+ly, sxx+lx*lx, sxy+lx*ly
	}
	n := float64(len(x))
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

func (s *scale) print(r scaleResult) {
	t := newTable(os.Stderr)
	t.AppendHeader(table.Row{"nodes", "connections", "purchases/s", "calls a claim", "calls", "CPU µs a request", "above idle", "idle CPU", "node memory MiB", "faults"})
	for _, row := range r.Rows {
		t.AppendRow(table.Row{row.Nodes, row.Connections, fmt.Sprintf("%.0f", row.Rate), fmt.Sprintf("%.3f", row.CallsClaim), row.Calls,
			fmt.Sprintf("%.1f", row.CPUAll), fmt.Sprintf("%.1f", row.CPUAbove), fmt.Sprintf("%.2f", row.Idle), fmt.Sprintf("%.1f", float64(row.NodeMemory)/(1<<20)), len(row.Faults)})
	}
	if len(r.Exponents) == 0 {
		t.SetCaption("No exponents: they need at least two node counts from %d on.", fitted)
	}
	t.Render()
}
