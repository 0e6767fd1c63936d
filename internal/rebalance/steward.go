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
// returns can't keep a steward from expiring holds.
const planTries = 3

// steward looks after one sale for one term. All its work happens in the one
// goroutine of run, one call at a time.
type steward struct {
	id      sale.ID
	token   sale.Generation
	members Members
	stock   Stock
	cfg     Config
	hooks   Hooks
	log     *zap.Logger
	journal *journal
	fenced  func() // told that a newer leader has written

	// woken holds at most one signal. When it is full the steward is about to
	// look anyway, and will then see everything, so more signals are dropped.
	woken chan struct{}
}

func newSteward(id sale.ID, l *Loop, token sale.Generation, fenced func()) *steward {
	log := l.log.With(zap.String("sale", string(id)))
	return &steward{
		id: id, token: token, members: l.members, stock: l.stock, cfg: l.cfg, hooks: l.hooks,
		log: log, journal: newJournal(log, l.hooks), fenced: fenced, woken: make(chan struct{}, 1),
	}
}

// run looks at once, on every tick and when woken, until ctx is done.
func (s *steward) run(ctx context.Context) {
	tick := time.NewTicker(s.cfg.Tick)
	defer tick.Stop()
	for {
		s.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.woken:
		}
	}
}

// wake asks for a look soon. It never blocks.
func (s *steward) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// look plans if a plan is due, then ends one batch of overdue holds and plans
// for what they returned. If the batch was full it wakes itself, so planning
// has its turn between any two batches. After any other it waits for the tick,
// lest holds that run out one by one make a plan each.
func (s *steward) look(ctx context.Context) {
	if s.replan(ctx) == 0 {
		return
	}
	if ended, more := s.expire(ctx); ended > 0 {
		s.replan(ctx)
		if more {
			s.wake()
		}
	}
}

// replan is rebalance, tried again while stock returns in between. It returns
// how many tickets are held, and 0 once fenced off: the term is over then.
func (s *steward) replan(ctx context.Context) (held int64) {
	held, err := s.rebalance(ctx)
	for try := 1; errors.Is(err, sale.ErrStale) && try < planTries; try++ {
		held, err = s.rebalance(ctx)
	}
	switch {
	case errors.Is(err, sale.ErrFenced):
		s.fenced()
		return 0
	case errors.Is(err, sale.ErrStale):
		s.journal.note(ctx, OpPlan, err)
	}
	return held
}

// rebalance surveys the sale and writes a plan if one is due. It returns how
// many tickets are held, 0 without a survey. Errors are noted here, save
// sale.ErrStale and sale.ErrFenced, which say more about the caller's luck
// than about the store.
func (s *steward) rebalance(ctx context.Context) (held int64, err error) {
	v, err := s.survey(ctx)
	if err != nil {
		return 0, err
	}
	nodes := s.members.View().Selling()
	if reason, due := decide(nodes, v, s.cfg); due {
		err = s.plan(ctx, v, nodes, reason)
	}
	return v.Counters.Held, err
}

func (s *steward) survey(ctx context.Context) (sale.Survey, error) {
	call, cancel := context.WithTimeout(ctx, s.cfg.Call)
	defer cancel()
	v, err := s.stock.Survey(call, s.id)
	s.journal.note(ctx, OpSurvey, err)
	return v, err
}

func (s *steward) plan(ctx context.Context, v sale.Survey, nodes sale.View, reason Reason) error {
	call, cancel := context.WithTimeout(ctx, s.cfg.Call)
	defer cancel()
	shares := Plan(nodes, v.Reading.Remaining, Tolerance(len(nodes), s.cfg.Tolerate))
	plan, err := s.stock.WritePlan(call, s.id, s.token, v.Reading.Stock, shares)
	if errors.Is(err, sale.ErrStale) || errors.Is(err, sale.ErrFenced) {
		return err
	}
	s.journal.note(ctx, OpPlan, err)
	if err != nil {
		return err
	}
	s.log.Debug("planned", zap.Int64("generation", int64(plan)), zap.String("reason", string(reason)), zap.Int("nodes", len(nodes)))
	s.hooks.Planned(s.id, plan, reason, len(nodes))
	return nil
}

// expire ends one batch of overdue holds: how many, and whether more wait.
func (s *steward) expire(ctx context.Context) (ended int, more bool) {
	call, cancel := context.WithTimeout(ctx, s.cfg.Call)
	defer cancel()
	ended, more, _, err := s.stock.Expire(call, s.id, 0, s.cfg.ExpireBatch)
	s.journal.note(ctx, OpExpire, err)
	if err != nil || ended == 0 {
		return 0, false
	}
	s.hooks.Expired(s.id, ended)
	return ended, more
}
