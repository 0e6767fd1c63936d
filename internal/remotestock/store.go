package remotestock

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
	"go.uber.org/zap"

	"onsale/internal/sale"
	"onsale/lua"
)

// Hooks are called as things happen; nil hooks are not called.
type Hooks struct {
	// Called after every script call, with the script's name, how many claims
	// it carried (0 but for deduct), how long it took and how it ended.
	Called func(script string, claims int, took time.Duration, err error)
	// Queued is how long a claim had waited for its call. A claim that is sent again has waited since it came.
	Queued func(waited time.Duration)
	// Called for every claim that Redis decided.
	Decided func(sale.Outcome)
	// Traced is called before each call that decides claims of which some, the given ones, are recorded in traces. It
	// returns what is called with the call's result.
	Traced func(id sale.ID, claims int, traced []sale.TracedClaim) (end func(error))
	// Resent counts claims sent again because their outcome was unknown.
	Resent func(claims int)
	// Breaker reports the circuit breaker's new state: closed, half-open or open.
	Breaker func(state string)
	// Lost reports that a sale has lost data and is shut (true), or that it was
	// reconciled (false).
	Lost func(id sale.ID, lost bool)
	// Reconciled reports that a sale which this process has seen before is in a later epoch.
	// It returns before the call does that found it.
	Reconciled func(id sale.ID, epoch int64)
	// Looked reports what the masters answered at each look, see [Store.Watch].
	Looked func(Condition)
}

// Store runs the scripts for one caller: a node by its name, or an allocator.
// All methods are safe for concurrent use.
type Store struct {
	client   redis.UniversalClient
	node     string
	config   Config
	hooks    Hooks
	log      *zap.Logger
	breaker  *gobreaker.CircuitBreaker[[]any]
	marks    sync.Map // sale.ID -> *seen
	foreign  sync.Map // members of the list of sales that no sale could have, so that each is logged once
	observer observer
	waits    waiting
	steps    steps
	joined   chan struct{} // closed once this program has joined Redis's site
	joinOnce sync.Once
}

// New makes a store on a client of [Dial]. node is the caller's name in plans;
// an allocator, which has no share, may use any name that no node has.
func New(client redis.UniversalClient, node string, config Config, hooks Hooks, log *zap.Logger) *Store {
	s := &Store{client: client, node: node, config: config, hooks: hooks, log: log, joined: make(chan struct{}), steps: steps{sales: map[sale.ID]time.Duration{}}}
	s.observer.again = make(chan struct{}, 1)
	s.breaker = gobreaker.NewCircuitBreaker[[]any](gobreaker.Settings{
		Name:        "redis",
		MaxRequests: 1,
		Timeout:     config.Cooldown,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= config.TripAfter },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			log.Warn("circuit breaker changed", zap.Stringer("from", from), zap.Stringer("to", to))
			if hooks.Breaker != nil {
				hooks.Breaker(to.String())
			}
		},
		IsSuccessful: healthy,
		IsExcluded:   unsent,
	})
	return s
}

// Tripped reports whether the circuit breaker refuses calls now. It stops without a call, after its
// cooldown, so those who report it have to ask.
func (s *Store) Tripped() bool { return s.breaker.State() == gobreaker.StateOpen }

// call runs a sale's script through the breaker and reads its header. args are the
// script's own, after those that all have: node, known plan generation, and the
// highest mark of the sale that this process has seen. The error is raw: see ran
// and classify.
func (s *Store) call(ctx context.Context, id sale.ID, sc *lua.Script, claims int, known sale.Generation, args ...any) (reply, error) {
	seen := s.seen(id)
	all := make([]any, 0, ownArguments+len(args))
	return s.send(ctx, seen, sc, claims, append(append(all, s.node, int64(known), seen.text()), args...))
}

// ownArguments is how many arguments every script of a sale has before its own.
const ownArguments = 3

// run runs a script, and has replicas confirm it where that is asked for.
func (s *Store) run(ctx context.Context, sc *lua.Script, keys []string, args []any) ([]any, error) {
	if s.config.Replicas == 0 || !acknowledged[sc] {
		return sc.Call(ctx, s.client, keys, args)
	}
	raw, err := s.confirmed(ctx, sc, keys, args, false)
	if lua.Missing(err) {
		// Its WAIT has confirmed nothing: the script did not run.
		raw, err = s.confirmed(ctx, sc, keys, args, true)
	}
	return raw, err
}

func (s *Store) send(ctx context.Context, seen *seen, sc *lua.Script, claims int, args []any) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	sent, boot, step := time.Now(), sinceBoot(), seen.time.ahead()
	args[1] = knows(args[1], step)
	raw, err := s.breaker.Execute(func() ([]any, error) { return s.run(ctx, sc, seen.keys, args) })
	if tripped(err) {
		refollow(s.client)
	}
	s.observer.note(err)
	r, err := s.receive(seen, sc, args, raw, asked{sent, boot, step}, sinceBoot(), err)
	if s.hooks.Called != nil {
		s.hooks.Called(sc.Name, claims, time.Since(sent), err)
	}
	s.follow(seen, r.lost, err)
	return r, err
}

// asked is when a call was sent, also since boot, and by how much Redis's clock was known to have
// been set then.
type asked struct {
	sent time.Time
	boot time.Duration
	step time.Duration
}

// receive reads a raw reply that came at a time since boot, and raises the mark of the sale by it.
func (s *Store) receive(seen *seen, sc *lua.Script, args, raw []any, a asked, received time.Duration, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	// What was not compared with the mark may be of another chain: to raise the mark by
	// it would hide a loss. What no replica has confirmed may be taken back.
	compared, kept := args[2] != "" || seen.text() == "", s.config.Replicas == 0 || acknowledged[sc]
	r, err := parse(raw, a.sent)
	if err != nil {
		return r, err
	}
	before := seen.epoch()
	if r.mark.Epoch < before {
		return r, errPast
	}
	if compared && kept && seen.raise(r.mark) && before > 0 && before < r.mark.Epoch && s.hooks.Reconciled != nil {
		s.hooks.Reconciled(seen.id, r.mark.Epoch)
	}
	r.clock = r.now.Add(a.step)
	at, now := seen.time.take(r.clock, a.boot, received)
	if r.reading.At = at; now != a.step {
		s.stepped(seen.id, now)
	}
	return r, nil
}

// ask is call for everything but claims: the error is classified.
func (s *Store) ask(ctx context.Context, id sale.ID, sc *lua.Script, known sale.Generation, args ...any) (reply, error) {
	r, err := s.call(ctx, id, sc, 0, known, args...)
	return r, classify(sc.Name, err)
}

// Refill ends at most limit overdue holds, so that returned stock needs no daemon to sell
// again, and asks for a share of what remains then, for a node of the given weight among
// all selling nodes. known is the plan generation that the caller has. The grant's result is why it has no tickets.
func (s *Store) Refill(ctx context.Context, id sale.ID, known sale.Generation, limit, quantity, weight, all int) (sale.Grant, error) {
	if quantity < 1 {
		return sale.Grant{}, fmt.Errorf("refill of %d tickets, want at least 1: %w", quantity, sale.ErrUnavailable)
	}
	r, err := s.refill(ctx, id, known, limit, quantity, weight, all)
	if err != nil {
		return sale.Grant{}, err
	}
	g := sale.Grant{Reading: r.reading}
	outcome, err := r.text("outcome")
	if err != nil {
		return g, classify("refill", err)
	}
	switch result := sale.GrantResult(outcome); result {
	case sale.Granted:
		g.Result = result
		g.Tickets, err = r.number("tickets")
	case sale.GrantSoldOut, sale.GrantNotEnough, sale.GrantNotOpen, sale.GrantClosed:
		g.Result = result
	default:
		err = fmt.Errorf("%w: refill answered %q", ErrReply, outcome)
	}
	return g, classify("refill", err)
}

// Expire ends at most limit overdue holds, and returns how many it ended and
// whether more may be overdue. None is overdue because Redis's clock was set.
func (s *Store) Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (ended int, more bool, reading sale.Reading, err error) {
	r, err := s.refill(ctx, id, known, limit, 0, 1, 1)
	if err != nil {
		return 0, false, sale.Reading{}, err
	}
	n, err := r.number("ended")
	m, err2 := r.number("more")
	return int(n), m == 1, r.reading, classify("refill", errors.Join(err, err2))
}

func (s *Store) refill(ctx context.Context, id sale.ID, known sale.Generation, limit, quantity, weight, all int) (reply, error) {
	until := ""
	if now, known := s.seen(id).time.now(); known {
		until = strconv.FormatInt(int64(now), 10)
	}
	return s.ask(ctx, id, refillScript, known, limit, until, quantity, weight, all)
}

// Sales returns the ids of every sale, in no order. Ids that no sale could
// have are another program's and left out, with one warning each.
func (s *Store) Sales(ctx context.Context) ([]sale.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	members, err := s.client.SMembers(ctx, s.config.Prefix.Sales()).Result()
	if err != nil {
		return nil, fmt.Errorf("smembers: %w: %w", sale.ErrUnavailable, err)
	}
	ids := make([]sale.ID, 0, len(members))
	for _, m := range members {
		id, err := sale.ParseID(m)
		if err != nil {
			if _, warned := s.foreign.LoadOrStore(m, true); !warned {
				s.log.Warn("ignoring a member of "+s.config.Prefix.Sales(), zap.String("member", strings.ToValidUTF8(m, "?")), zap.Error(err))
			}
			continue
		}
		ids = append(ids, id)
	}
	return ids, nil
}
