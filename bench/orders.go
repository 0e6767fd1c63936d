package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/cluster"
	"onsale/internal/sale"
)

// orders takes holds through every end that they can have, while ledgers are
// killed and PostgreSQL is away, and compares what each client was told with
// Redis and with the ledger.
type orders struct {
	Orders    int           `default:"10000" help:"Holds made, and then paid, cancelled, left to expire or refunded at random."`
	Clients   int           `default:"50" help:"Clients at the same time."`
	For       time.Duration `default:"40s" help:"How long the holds are spread over."`
	Hold      time.Duration `default:"4s" help:"How long a hold waits for payment."`
	Nodes     int           `default:"3" help:"Selling nodes."`
	Ledgers   int           `default:"2" help:"Ledgers; one of them is killed (SIGKILL) again and again, and replaced."`
	KillEvery time.Duration `default:"3s" help:"Time between kills."`
	Outage    time.Duration `default:"10s" help:"How long PostgreSQL is stopped, from a third of the run on."`
	JSON      string        `help:"File for the result." type:"path"`
	Binaries  string        `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
	Keep      string        `help:"Folder to keep data and logs in; without it they are removed." type:"path"`
}

// ordersResult is what came out.
type ordersResult struct {
	Command string `json:"command"`
	Machine string `json:"machine"`
	Commit  string `json:"commit"`

	Holds         int            `json:"holds"`
	Told          map[string]int `json:"told"`            // orders by the last state that their client was told
	Reasons       map[string]int `json:"refunds_due"`     // payments that bought nothing, by reason
	InOutage      int            `json:"holds_in_outage"` // made while PostgreSQL was away
	LedgerKills   int            `json:"ledger_kills"`
	Lost          int            `json:"lost"`           // orders that Redis or the ledger does not have
	Contradicted  int            `json:"contradicted"`   // orders whose state is not what the client was told
	LedgerSeconds float64        `json:"ledger_seconds"` // from the last hold's end until the ledger had everything
	Books         books          `json:"books"`
	Seconds       float64        `json:"seconds"`
	Faults        []string       `json:"faults"`
}

// books are the sale's counters, in Redis.
type books struct {
	Total     int64 `json:"total"`
	Remaining int64 `json:"remaining"`
	Held      int64 `json:"held"`
	Paid      int64 `json:"paid"`
}

// Run starts the cluster, lets the clients loose, and audits.
func (o *orders) Run(ctx context.Context) error {
	if o.Orders < 1 || o.Clients < 1 || o.Ledgers < 1 || o.KillEvery <= 0 || o.For <= 0 {
		return errors.New("orders, clients, ledgers, --for and --kill-every must be positive")
	}
	c, err := cluster.Start(ctx, cluster.Options{
		Nodes: o.Nodes, Allocators: 1, Ledgers: o.Ledgers, Binaries: o.Binaries, Dir: o.Keep, Progress: say,
	})
	if err != nil {
		return err
	}
	r, err := o.run(ctx, c)
	if cerr := c.Close(); cerr != nil {
		say("closing: " + cerr.Error())
	}
	if err != nil {
		return err
	}
	if err := printJSON(r, o.JSON); err != nil {
		return err
	}
	if len(r.Faults) > 0 {
		return errBroken
	}
	return nil
}

func (o *orders) run(ctx context.Context, c *cluster.Cluster) (*ordersResult, error) {
	d := adminapi.Definition{ID: saleID, Title: "Orders", Currency: "EUR", Price: 4200, Total: int64(o.Orders), Limit: 4, HoldSeconds: o.Hold.Seconds()}
	if err := c.Open(ctx, d); err != nil {
		return nil, err
	}
	crowd, err := newCrowd(c, o.Clients, o.Orders, float64(o.Orders)/o.For.Seconds(), o.Hold)
	if err != nil {
		return nil, err
	}
	say(fmt.Sprintf("%d clients make %d holds in %v", o.Clients, o.Orders, o.For))
	begin := time.Now()
	troubles, end := context.WithCancel(ctx)
	defer end()
	var trouble sync.WaitGroup
	var kills int
	var killErr, outageErr error
	trouble.Go(func() { kills, killErr = o.killLedgers(troubles, c) })
	trouble.Go(func() { outageErr = o.stopPostgres(troubles, c, crowd) })
	err = crowd.run(ctx, o.Clients)
	end()
	trouble.Wait()
	if err := errors.Join(err, killErr, outageErr); err != nil {
		return nil, err
	}
	say("all holds are made; waiting for the last to end")
	r := &ordersResult{
		Command: command(), Machine: machine(), Commit: commit(ctx), Holds: o.Orders, Told: map[string]int{},
		Reasons: crowd.reasons, InOutage: crowd.inOutage, LedgerKills: kills,
	}
	if err := o.compare(ctx, c, crowd, r); err != nil {
		return nil, err
	}
	r.Seconds = time.Since(begin).Seconds()
	o.judge(r)
	return r, nil
}

// killLedgers kills one ledger after the other, and starts it again, as a
// supervisor would.
func (o *orders) killLedgers(ctx context.Context, c *cluster.Cluster) (kills int, err error) {
	for i := 0; ; i++ {
		if sleep(ctx, o.KillEvery); ctx.Err() != nil {
			return kills, nil
		}
		l := c.Ledgers[i%len(c.Ledgers)]
		if err := l.Kill(); err != nil {
			return kills, err
		}
		kills++
		if err := l.Start(); err != nil {
			return kills, err
		}
	}
}

// stopPostgres takes PostgreSQL away for the outage.
func (o *orders) stopPostgres(ctx context.Context, c *cluster.Cluster, clients *crowd) error {
	if o.Outage == 0 {
		return nil
	}
	if sleep(ctx, o.For/3); ctx.Err() != nil {
		return errors.New("the clients were done before PostgreSQL was stopped: use a longer --for")
	}
	if err := c.Postgres.Stop(10 * time.Second); err != nil {
		return err
	}
	say("stopped PostgreSQL")
	clients.outage.Store(true)
	sleep(ctx, o.Outage)
	clients.outage.Store(false)
	if err := c.Postgres.Restart(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	say("PostgreSQL answers again")
	return nil
}

// compare waits until every hold has ended and the ledger is done, and puts
// what was told beside what is kept.
func (o *orders) compare(ctx context.Context, c *cluster.Cluster, clients *crowd, r *ordersResult) error {
	store, closeStore, err := connect(c.Redis.Addr())
	if err != nil {
		return err
	}
	defer closeStore()
	for end := time.Now().Add(o.Hold + 30*time.Second); ; {
		survey, err := store.Survey(ctx, saleID)
		if err == nil && survey.Counters.Held == 0 {
			break
		}
		if time.Now().After(end) {
			return errors.Join(fmt.Errorf("%d holds have not ended", survey.Counters.Held), err)
		}
		if sleep(ctx, 50*time.Millisecond); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	last := time.Now()
	if _, err := awaitLedger(ctx, store); err != nil {
		return err
	}
	r.LedgerSeconds = time.Since(last).Seconds()
	a, err := cluster.Audit(ctx, c.Stores(), saleID, zap.NewNop())
	if err != nil {
		return err
	}
	r.Books, r.Faults = books(a.Counters), a.Faults
	for id, told := range clients.told {
		r.Told[string(told)]++
		inRedis, ok := a.Orders[id]
		kept, ok2 := a.Book.Orders[id]
		switch {
		case !ok || !ok2:
			r.Lost++
		case inRedis.State != told || kept.State != told:
			r.Contradicted++
		}
	}
	if n := len(a.Book.Orders); n != len(clients.told) {
		r.Faults = append(r.Faults, fmt.Sprintf("the ledger has %d orders, the clients were told of %d", n, len(clients.told)))
	}
	return nil
}

// judge lists what breaks a promise, and what the run should have shown and did not.
func (o *orders) judge(r *ordersResult) {
	if r.Lost > 0 || r.Contradicted > 0 {
		r.Faults = append(r.Faults, fmt.Sprintf("%d orders were lost and %d contradict what was told, want none", r.Lost, r.Contradicted))
	}
	if r.Books.Held != 0 || !sale.Counters(r.Books).Conserved() {
		r.Faults = append(r.Faults, fmt.Sprintf("the books are %+v, want nothing held and the stock conserved", r.Books))
	}
	for _, state := range []sale.State{sale.StatePaid, sale.StateExpired, sale.StateCancelled, sale.StateRefunded} {
		if r.Told[string(state)] == 0 {
			r.Faults = append(r.Faults, fmt.Sprintf("no order was %s: the run shows nothing of it", state))
		}
	}
	if r.LedgerKills == 0 || o.Outage > 0 && r.InOutage == 0 {
		r.Faults = append(r.Faults, "no ledger was killed, or nothing was sold while PostgreSQL was away: the run shows nothing of it")
	}
	slices.Sort(r.Faults)
}

// printJSON prints a result, and saves it where asked.
func printJSON(result any, file string) error {
	raw, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	raw = append(raw, '\n')
	if file != "" {
		if err := os.WriteFile(file, raw, 0o644); err != nil {
			return err
		}
	}
	_, err = os.Stdout.Write(raw)
	return err
}
