package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"onsale/bench/report"
	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// orders takes holds through every end that they can have, while ledgers are
// killed and PostgreSQL is away, and compares what each client was answered with
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
	output    `embed:""`
	Binaries  string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
	Keep      string `help:"Folder to keep data and logs in; without it they are removed." type:"path"`

	begun func() // called when the first client comes, for tests; may be nil
}

// ordersResult is what came out.
type ordersResult struct {
	outcome
	Holds         int            `json:"holds"`
	Answered      map[string]int `json:"answered"`        // orders by the last state that their client was answered
	Reasons       map[string]int `json:"refunds_due"`     // payments that bought nothing, by reason
	InOutage      int            `json:"holds_in_outage"` // made while PostgreSQL was away
	LedgerKills   int            `json:"ledger_kills"`
	Lost          int            `json:"lost"`                     // orders that the ledger does not have, or live ones that Redis does not
	Contradicted  int            `json:"contradicted"`             // orders whose state is not what the client was answered
	LedgerSeconds float64        `json:"ledger_seconds,omitempty"` // from the last hold's end until the ledger had everything
	Books         books          `json:"books,omitzero"`
	Seconds       float64        `json:"seconds"`
}

// books are the sale's counters, in Redis.
type books struct {
	Total     int64 `json:"total"`
	Remaining int64 `json:"remaining"`
	Held      int64 `json:"held"`
	Paid      int64 `json:"paid"`
}

// Validate reports every fault at once, or nil.
func (o *orders) Validate() error {
	var w wants
	w.positive("--orders", o.Orders)
	w.positive("--clients", o.Clients)
	w.that(o.For > 0, "--for", o.For, "more than 0")
	w.that(o.Hold > 0, "--hold", o.Hold, "more than 0")
	w.positive("--nodes", o.Nodes)
	w.positive("--ledgers", o.Ledgers)
	w.that(o.KillEvery > 0, "--kill-every", o.KillEvery, "more than 0")
	w.that(o.Outage >= 0, "--outage", o.Outage, "a time that is not negative")
	w.programs(o.Binaries)
	return errors.Join(w...)
}

// Run starts the cluster, lets the clients loose, and audits, also what was answered
// until an interruption.
func (o *orders) Run(ctx context.Context) error {
	if err := o.prepare(); err != nil {
		return err
	}
	origin := newOutcome(ctx)
	c, err := testbed.Start(ctx, testbed.Options{
		Nodes: o.Nodes, Allocators: 1, Ledgers: o.Ledgers, Binaries: o.Binaries, Dir: o.Keep, Progress: logLine,
	})
	if err != nil {
		return err
	}
	r, err := o.run(ctx, c, origin)
	closed(c.Close())
	if r == nil {
		return err
	}
	return o.conclude(r, err)
}

func (o *orders) run(ctx context.Context, c *testbed.Site, origin outcome) (*ordersResult, error) {
	d := adminapi.Definition{ID: benchSale, Title: "Orders", Currency: "EUR", Price: 4200, Total: int64(o.Orders), Limit: 4, HoldSeconds: o.Hold.Seconds()}
	if err := c.Open(ctx, d); err != nil {
		return nil, err
	}
	clients, err := newClients(c, o.Clients, o.Orders, float64(o.Orders)/o.For.Seconds(), o.Hold)
	if err != nil {
		return nil, err
	}
	logLine(fmt.Sprintf("%d clients make %d holds in %v", o.Clients, o.Orders, o.For))
	if o.begun != nil {
		o.begun()
	}
	begin := time.Now()
	failures, end := context.WithCancel(ctx)
	defer end()
	var failing sync.WaitGroup
	var kills int
	var killErr, outageErr error
	failing.Go(func() { kills, killErr = o.killLedgers(failures, c) })
	failing.Go(func() { outageErr = o.stopPostgres(failures, c, clients) })
	clients.run(ctx, o.Clients)
	interrupted := ctx.Err() != nil
	end()
	failing.Wait()
	r := &ordersResult{
		outcome: origin, Holds: len(clients.answered), Answered: map[string]int{},
		Reasons: clients.reasons, InOutage: clients.inOutage, LedgerKills: kills,
	}
	r.Interrupted = interrupted
	err = o.compare(ctx, c, clients, r)
	r.Seconds = time.Since(begin).Seconds()
	if err == nil {
		o.judge(r)
	}
	return r, errors.Join(killErr, outageErr, err)
}

func (r *ordersResult) show() report.Sheet {
	t := report.Table{Head: []string{"what", "figure"}}
	t.Add("holds", fmt.Sprintf("%d in %.1f s, %d of them while PostgreSQL was away", r.Holds, r.Seconds, r.InOutage))
	for _, state := range slices.Sorted(maps.Keys(r.Answered)) {
		t.Add("orders "+state, r.Answered[state])
	}
	t.Add("refunds due, by reason", fmt.Sprint(r.Reasons))
	t.Add("ledgers killed", r.LedgerKills)
	t.Add("orders lost, contradicted", fmt.Sprintf("%d, %d", r.Lost, r.Contradicted))
	t.Add("ledger done after the last hold", fmt.Sprintf("%.2f s", r.LedgerSeconds))
	t.Add("stock", fmt.Sprintf("%d in all: %d remaining, %d held, %d paid", r.Books.Total, r.Books.Remaining, r.Books.Held, r.Books.Paid))
	return r.sheet("Orders, while ledgers and PostgreSQL die", t)
}

// killLedgers kills one ledger after the other, and starts it again, as a
// supervisor would.
func (o *orders) killLedgers(ctx context.Context, c *testbed.Site) (kills int, err error) {
	for i := 0; ; i++ {
		if !pause.For(ctx, o.KillEvery) {
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
func (o *orders) stopPostgres(ctx context.Context, c *testbed.Site, clients *clients) error {
	if o.Outage == 0 {
		return nil
	}
	if !pause.For(ctx, o.For/3) {
		return nil // the judge reports that nothing was sold meanwhile
	}
	if err := c.Postgres.Stop(10 * time.Second); err != nil {
		return err
	}
	logLine("stopped PostgreSQL")
	clients.outage.Store(true)
	pause.For(ctx, o.Outage)
	clients.outage.Store(false)
	if err := c.Postgres.Restart(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	logLine("PostgreSQL answers again")
	return nil
}

// compare waits until every hold has ended and the ledger is done, and puts
// what was answered beside what is kept. It does not wait for the holds of an
// interrupted run: those left to expire may be held yet.
func (o *orders) compare(ctx context.Context, c *testbed.Site, clients *clients, r *ordersResult) error {
	store, closeStore, err := connect(c.Redis.Addr())
	if err != nil {
		return err
	}
	defer closeStore()
	if !r.Interrupted {
		err := o.awaitEnds(ctx, store)
		if r.Interrupted = ctx.Err() != nil; err != nil && !r.Interrupted {
			return err
		}
	}
	last := time.Now()
	ctx, cancel := outliving(ctx)
	defer cancel()
	if _, err := awaitLedger(ctx, store); err != nil {
		return err
	}
	if !r.Interrupted {
		r.LedgerSeconds = time.Since(last).Seconds()
	}
	a, err := operate.Audit(ctx, c.Stores(), benchSale, 0, zap.NewNop())
	if err != nil {
		return err
	}
	r.Books, r.Faults = books(a.Counters), slices.Concat(r.Faults, a.Faults, clients.faults())
	clients.settle(a, r)
	return nil
}

// awaitEnds returns once no hold is left.
func (o *orders) awaitEnds(ctx context.Context, store *remotestock.Store) error {
	logLine("all holds are made; waiting for the last to end")
	for end := time.Now().Add(o.Hold + 30*time.Second); ; {
		survey, err := store.Survey(ctx, benchSale)
		if err == nil && survey.Counters.Held == 0 {
			return nil
		}
		if time.Now().After(end) {
			return errors.Join(fmt.Errorf("%d holds have not ended", survey.Counters.Held), err)
		}
		if !pause.For(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// judge lists what breaks a promise, and what the run should have shown and did not.
func (o *orders) judge(r *ordersResult) {
	if r.Lost > 0 || r.Contradicted > 0 {
		r.Faults = append(r.Faults, fmt.Sprintf("%d orders were lost and %d contradict what was answered, want none", r.Lost, r.Contradicted))
	}
	if r.Books.Held != 0 && !r.Interrupted || !sale.Counters(r.Books).Conserved() {
		r.Faults = append(r.Faults, fmt.Sprintf("the books are %+v, want nothing held and the stock conserved", r.Books))
	}
	slices.Sort(r.Faults)
	if r.Interrupted {
		return // it was not given the time
	}
	for _, state := range []sale.State{sale.StatePaid, sale.StateExpired, sale.StateCancelled, sale.StateRefunded} {
		if r.Answered[string(state)] == 0 {
			r.Unshown = append(r.Unshown, fmt.Sprintf("no order was %s: use more --orders", state))
		}
	}
	if r.LedgerKills == 0 {
		r.Unshown = append(r.Unshown, "no ledger was killed: use a longer --for, or a shorter --kill-every")
	}
	if o.Outage > 0 && r.InOutage == 0 {
		r.Unshown = append(r.Unshown, "nothing was sold while PostgreSQL was away: use a longer --for, or more --orders")
	}
}
