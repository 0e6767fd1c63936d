package strategy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// store is what the strategies in Redis share: a sale's three keys, and everything
// but how a ticket is taken.
type store struct{ client redis.UniversalClient }

// keys are a sale's, in one hash slot: its stock (a number), who has a slot
// (buyer -> order id), and the order records (a stream).
func keys(name string) (stock, buyers, orders string) {
	tag := "strategy:{" + name + "}:"
	return tag + "stock", tag + "buyers", tag + "orders"
}

// newStore connects so that a command is sent once, however it ends, as on the
// node: a retry of go-redis's could sell twice. It refuses a Redis that loses
// acknowledged writes when it is killed, because the others here pay for theirs.
func newStore(ctx context.Context, c Config) (*store, error) {
	if err := c.Validate(Stores{Redis: true}); err != nil {
		return nil, err
	}
	client := redis.NewClient(&redis.Options{
		Addr: c.Redis, ClientName: "onsale-bench",
		MaxRetries: -1, ContextTimeoutEnabled: true,
		DialTimeout: c.Call, DialerRetries: 1, ReadTimeout: c.Call, WriteTimeout: c.Call, PoolTimeout: c.Call,
		PoolSize: c.RedisPool, MinIdleConns: c.RedisPool, // open before the first buyer comes
	})
	for setting, want := range map[string]string{"appendonly": "yes", "appendfsync": "always"} {
		got, err := client.ConfigGet(ctx, setting).Result()
		if err == nil && got[setting] != want {
			err = fmt.Errorf("%s is %q, want %q", setting, got[setting], want)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("redis: %w", err), client.Close())
		}
	}
	return &store{client: client}, nil
}

// Close implements Strategy.
func (s *store) Close() error {
	if err := s.client.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return err
	}
	return nil
}

// Open implements Strategy.
func (s *store) Open(ctx context.Context, name string, total int64) error {
	stock, _, _ := keys(name)
	created, err := s.client.SetNX(ctx, stock, total, 0).Result()
	if err != nil {
		return sent("open", err)
	}
	if !created {
		return fmt.Errorf("open %s: %w", name, sale.ErrConflict)
	}
	return nil
}

// Remaining implements Strategy.
func (s *store) Remaining(ctx context.Context, name string) (int64, error) {
	stock, _, _ := keys(name)
	n, err := s.client.Get(ctx, stock).Int64()
	return n, asked("remaining", err)
}

// page is how many orders one call reads: Redis does nothing else meanwhile.
const page = 5_000

// takenField is in the record of an order whose ticket was taken before the record
// was made, and holds the time of that, in Unix milliseconds.
const takenField = "taken"

// Orders implements Strategy. A record's time is its place in the stream, unless it
// names another.
func (s *store) Orders(ctx context.Context, name string) ([]Order, error) {
	if _, err := s.Remaining(ctx, name); err != nil {
		return nil, err
	}
	_, _, stream := keys(name)
	var orders []Order
	for from := "-"; ; {
		entries, err := s.client.XRangeN(ctx, stream, from, "+", page).Result()
		if err != nil {
			return nil, asked("orders", err)
		}
		for _, e := range entries {
			o, err := order(e)
			if err != nil {
				return nil, fmt.Errorf("orders: %w", err)
			}
			orders = append(orders, o)
		}
		if len(entries) < page {
			return orders, nil
		}
		from = "(" + entries[len(entries)-1].ID
	}
}

// order reads a record.
func order(e redis.XMessage) (Order, error) {
	id, _ := e.Values["order"].(string)
	buyer, _ := e.Values["buyer"].(string)
	millis, _, _ := strings.Cut(e.ID, "-")
	if taken, ok := e.Values[takenField].(string); ok {
		millis = taken
	}
	at, err := strconv.ParseInt(millis, 10, 64)
	if err != nil || id == "" || buyer == "" {
		return Order{}, fmt.Errorf("entry %s is no order: %v", e.ID, e.Values)
	}
	return Order{ID: id, Buyer: buyer, At: time.UnixMilli(at).UTC()}, nil
}

// asked wraps the failure of what gives nobody an order.
func asked(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return fmt.Errorf("%s: %w", what, sale.ErrNoSale)
	}
	return fmt.Errorf("%s: %w: %w", what, sale.ErrUnavailable, err)
}

// sent wraps the failure of what may have made an order. Only proof counts as no:
// the command was never sent, or Redis answered that it failed, which the commands
// and scripts here do before their first write.
func sent(what string, err error) error {
	var reported redis.Error
	var network *net.OpError
	if errors.As(err, &reported) || errors.As(err, &network) && network.Op == "dial" ||
		errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("%s: %w: %w", what, sale.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w: %w", what, sale.ErrUnknown, err)
}
