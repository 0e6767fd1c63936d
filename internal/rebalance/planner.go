package rebalance

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// planTries bounds how often a plan is made anew because stock returned
// between survey and plan; past it the next tick tries, so that a wave of
// returns can't keep a planner from expiring holds.
const planTries = 3

// planner keeps one sale planned under one token. All its work happens in the one
// goroutine of run, one call at a time.
type planner struct {
	id       sale.ID
	token    sale.Generation
	members  Members
	stock    Stock
	cfg      Config
	hooks    Hooks
	log      *zap.Logger
	failures *failures
	surveys  *surveys
	fenced   func() // called if a newer leader has written

	// looks bounds how many planners look at once; nil: nothing does.
	looks chan struct{}

	front int64 // of the sale's line: the highest that has been seen

	// woken holds at most one signal. When it is full the planner is about to
	// look anyway, and will then see everything, so more signals are dropped.
	woken chan struct{}
}

func newPlanner(id sale.ID, l *Loop, token sale.Generation, fenced func()) *planner {
	log := l.log.With(zap.String("sale", string(id)))
	return &planner{
		id: id, token: token, members: l.members, stock: l.stock, cfg: l.cfg, hooks: l.hooks,
		log: log, failures: newFailures(log, l.hooks), surveys: &l.surveys, fenced: fenced, woken: make(chan struct{}, 1),
	}
}

// run looks at once and when woken, until ctx is done. After a look that failed it looks
// again by itself, later each time: who wakes it sees no difference then.
func (p *planner) run(ctx context.Context) {
	defer p.surveys.forget(p)
	for failures := 0; ; {
		if !p.enter(ctx) {
			return
		}
		ok := p.look(ctx)
		p.leave()
		var again <-chan time.Time
		if failures++; ok {
			failures = 0
		} else {
			again = time.After(min(p.cfg.Tick<<min(failures, 10), longestRetry)) // a hot one is woken before
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-p.woken:
		}
	}
}

// longestRetry is the most that a planner waits after failures.
const longestRetry = 5 * time.Second

// enter waits for a place among those who look; false: ctx was done first.
func (p *planner) enter(ctx context.Context) bool {
	if p.looks == nil {
		return ctx.Err() == nil
	}
	select {
	case <-ctx.Done():
		return false
	case p.looks <- struct{}{}:
		return true
	}
}

func (p *planner) leave() {
	if p.looks != nil {
		<-p.looks
	}
}

// wake asks for a look soon. It never blocks.
func (p *planner) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// look plans if a plan is due, then ends one batch of overdue holds and plans
// for what they returned. If the batch was full it wakes itself, so planning
// has its turn between any two batches. After any other it waits to be woken,
// lest holds that run out one by one make a plan each. ok: nothing failed.
func (p *planner) look(ctx context.Context) (ok bool) {
	held, ok := p.replan(ctx)
	if held == 0 {
		return ok
	}
	if ended, more := p.expire(ctx); ended > 0 {
		_, again := p.replan(ctx)
		ok = ok && again
		if more {
			p.wake()
		}
	}
	return ok
}

// replan is rebalance, tried again while stock returns in between. It returns
// how many tickets are held, and 0 once fenced off: this one no longer leads then.
// ok: nothing failed.
func (p *planner) replan(ctx context.Context) (held int64, ok bool) {
	held, err := p.rebalance(ctx)
	for try := 1; errors.Is(err, sale.ErrStale) && try < planTries; try++ {
		held, err = p.rebalance(ctx)
	}
	switch {
	case errors.Is(err, sale.ErrFenced):
		p.fenced()
		return 0, true
	case errors.Is(err, sale.ErrStale):
		p.failures.note(ctx, OpPlan, err)
	}
	return held, err == nil
}

// rebalance surveys the sale and writes a plan if one is due. It returns how
// many tickets are held, 0 without a survey. Errors are noted here, save
// sale.ErrStale and sale.ErrFenced: another writer was faster, and the store
// works.
func (p *planner) rebalance(ctx context.Context) (held int64, err error) {
	v, err := p.survey(ctx)
	if err != nil {
		return 0, err
	}
	p.draw(ctx, v)
	p.advance(ctx, v)
	nodes := p.members.View().Selling()
	if reason, due := decide(nodes, v, p.cfg); due {
		err = p.plan(ctx, v, nodes, reason)
	}
	return v.Counters.Held, err
}

// advance moves the sale's line on. A front that the store has lost comes back by it.
func (p *planner) advance(ctx context.Context, v sale.Survey) {
	l := v.Reading.Line
	if l == nil || !l.Over || v.Sale.Admission != sale.AdmitLine {
		return
	}
	call, cancel := context.WithTimeout(ctx, p.cfg.Call)
	defer cancel()
	front, _, err := p.stock.Advance(call, p.id, max(p.front, l.Front))
	p.failures.note(ctx, OpAdvance, err)
	p.front = max(p.front, l.Front, front)
}

func (p *planner) survey(ctx context.Context) (sale.Survey, error) {
	call, cancel := context.WithTimeout(ctx, p.cfg.Call)
	defer cancel()
	v, err := p.stock.Survey(call, p.id)
	p.failures.note(ctx, OpSurvey, err)
	if err == nil && ctx.Err() == nil { // a planner that is stopped knows no more than the next one
		p.surveys.note(p, v)
		if p.hooks.Surveyed != nil {
			p.hooks.Surveyed(v)
		}
	}
	return v, err
}

func (p *planner) plan(ctx context.Context, v sale.Survey, nodes sale.View, reason Reason) error {
	call, cancel := context.WithTimeout(ctx, p.cfg.Call)
	defer cancel()
	traced := func(sale.Generation, error) {}
	if p.hooks.Traced != nil {
		traced = p.hooks.Traced(p.id, reason, len(nodes), v.Reading.Sent)
	}
	shares := Plan(nodes, v.Reading.Remaining, Tolerance(len(nodes), p.cfg.Tolerate))
	plan, err := p.stock.WritePlan(call, p.id, p.token, v.Reading.Stock, shares)
	traced(plan, err)
	if errors.Is(err, sale.ErrStale) || errors.Is(err, sale.ErrFenced) {
		return err
	}
	p.failures.note(ctx, OpPlan, err)
	if err != nil {
		return err
	}
	p.log.Debug("planned", zap.Int64("generation", int64(plan)), zap.String("reason", string(reason)), zap.Int("nodes", len(nodes)))
	if p.hooks.Planned != nil {
		p.hooks.Planned(p.id, plan, reason, len(nodes))
	}
	return nil
}

// expire ends one batch of overdue holds: how many, and whether more wait.
func (p *planner) expire(ctx context.Context) (ended int, more bool) {
	call, cancel := context.WithTimeout(ctx, p.cfg.Call)
	defer cancel()
	ended, more, _, err := p.stock.Expire(call, p.id, 0, p.cfg.ExpireBatch)
	p.failures.note(ctx, OpExpire, err)
	if err != nil || ended == 0 {
		return 0, false
	}
	if p.hooks.Expired != nil {
		p.hooks.Expired(p.id, ended)
	}
	return ended, more
}
