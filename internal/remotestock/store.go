package remotestock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
	"go.uber.org/zap"

	"onsale/internal/sale"
	"onsale/lua"
)

// Hooks are called as things happen; nil fields are not called.
type Hooks struct {
	// Called after every script call, with the script's name, how many claims
	// it carried (0 but for deduct), how long it took and how it ended.
	Called func(script string, claims int, took time.Duration, err error)
	// Called for every claim that Redis decided.
	Decided func(sale.Outcome)
	// Resent counts claims sent again because their outcome was unknown.
	Resent func(claims int)
	// Breaker reports the circuit breaker's new state: closed, half-open or open.
	Breaker func(state string)
}

// Store runs the scripts for one caller: a node by its name, or an allocator.
// All methods are safe for concurrent use.
type Store struct {
	client  redis.UniversalClient
	node    string
	config  Config
	hooks   Hooks
	log     *zap.Logger
	breaker *gobreaker.CircuitBreaker[[]any]
}

// New makes a store on a client of [Dial]. node is the caller's name in plans;
// an allocator, which has no share, may use any name that no node has.
func New(client redis.UniversalClient, node string, config Config, hooks Hooks, log *zap.Logger) *Store {
	s := &Store{client: client, node: node, config: config, hooks: hooks, log: log}
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
	})
	return s
}

// call runs a sale's script through the breaker and parses its header. The
// error is raw: see ran and classify.
func (s *Store) call(ctx context.Context, sc *lua.Script, claims int, keys []string, args []any) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	sent := time.Now()
	raw, err := s.breaker.Execute(func() ([]any, error) { return sc.Call(ctx, s.client, keys, args) })
	if tripped(err) {
		refollow(s.client)
	}
	var r reply
	if err == nil {
		r, err = parse(raw, sent)
	}
	if s.hooks.Called != nil {
		s.hooks.Called(sc.Name, claims, time.Since(sent), err)
	}
	return r, err
}

// ask is call for everything but claims: the error is classified.
func (s *Store) ask(ctx context.Context, sc *lua.Script, keys []string, args ...any) (reply, error) {
	r, err := s.call(ctx, sc, 0, keys, args)
	return r, classify(sc.Name, err)
}

// Draw asks for a share of what remains, for a node of the given weight among
// all. known is the plan generation that the caller has.
func (s *Store) Draw(ctx context.Context, id sale.ID, known sale.Generation, quantity, weight, all int) (sale.Grant, error) {
	k := keysOf(id)
	r, err := s.ask(ctx, drawScript, k.all[:2], s.node, int64(known), quantity, weight, all)
	if err != nil {
		return sale.Grant{}, err
	}
	g := sale.Grant{Reading: r.reading}
	word, err := r.text(0)
	if err != nil {
		return g, classify("draw", err)
	}
	switch word {
	case "granted":
		g.Tickets, err = r.number(1)
	case "sold-out":
		g.Outcome = sale.SoldOut
	case "not-enough":
		g.Outcome = sale.NotEnough
	case "closed":
		g.Outcome = sale.Closed
	case "not-open":
		g.Outcome = sale.NotOpen
	default:
		err = fmt.Errorf("%w: draw said %q", ErrReply, word)
	}
	return g, classify("draw", err)
}

// Expire ends at most limit overdue holds, and says how many it ended and
// whether more may be overdue.
func (s *Store) Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (ended int, more bool, reading sale.Reading, err error) {
	r, err := s.ask(ctx, expireScript, keysOf(id).all[:6], s.node, int64(known), limit)
	if err != nil {
		return 0, false, sale.Reading{}, err
	}
	n, err := r.number(0)
	m, err2 := r.number(1)
	return int(n), m == 1, r.reading, classify("expire", errors.Join(err, err2))
}

// Order returns the record of an order, whosever it is, or [sale.ErrNoOrder].
func (s *Store) Order(ctx context.Context, id sale.ID, order sale.OrderID) (sale.Order, error) {
	k := keysOf(id)
	record, err := s.get(ctx, k.sale, k.orders, string(order))
	if err != nil {
		return sale.Order{}, err
	}
	o, err := parseOrder(order, record)
	return o, classify("order", err)
}

// OrderOf returns the buyer's live order, or [sale.ErrNoOrder].
func (s *Store) OrderOf(ctx context.Context, id sale.ID, buyer sale.Buyer) (sale.Order, error) {
	k := keysOf(id)
	order, err := s.get(ctx, k.sale, k.buyers, string(buyer))
	if err != nil {
		return sale.Order{}, err
	}
	return s.Order(ctx, id, sale.OrderID(order))
}

// get reads one field of a sale's key. A missing field is no order only while
// the sale itself is there: a lost one says nothing about its orders. Both are
// asked at one instant, or a sale that vanishes or returns between the two
// would pass for one without the order.
func (s *Store) get(ctx context.Context, saleKey, key, field string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	var there *redis.IntCmd
	var value *redis.StringCmd
	_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		there, value = p.Exists(ctx, saleKey), p.HGet(ctx, key, field)
		return nil
	})
	switch {
	case err == nil:
		return value.Val(), nil
	case !errors.Is(err, redis.Nil):
		// A read has no outcome to lose: whatever went wrong, ask again.
		return "", fmt.Errorf("hget: %w: %w", sale.ErrUnavailable, err)
	case there.Val() == 0:
		return "", sale.NoSale("hget")
	}
	return "", sale.ErrNoOrder
}

// Sales returns the ids of every sale, in no order. Ids that no sale could
// have are another program's and left out, with a warning.
func (s *Store) Sales(ctx context.Context) ([]sale.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	members, err := s.client.SMembers(ctx, salesKey).Result()
	if err != nil {
		return nil, fmt.Errorf("smembers: %w: %w", sale.ErrUnavailable, err)
	}
	ids := make([]sale.ID, 0, len(members))
	for _, m := range members {
		id, err := sale.ParseID(m)
		if err != nil {
			s.log.Warn("ignoring a member of "+salesKey, zap.String("member", strings.ToValidUTF8(m, "?")), zap.Error(err))
			continue
		}
		ids = append(ids, id)
	}
	return ids, nil
}
