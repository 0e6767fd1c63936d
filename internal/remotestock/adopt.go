package remotestock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/sale"
)

// Adopt builds the sale's keys from records, and puts them in the place of whatever
// Redis has of it, all at once and at the end. It changes nothing and returns
// [sale.ErrStale] where the sale is no longer as it was read, or keys that were
// built are gone; a caller reads anew then. Records with which no script would go on
// are a [sale.ErrConflict].
func (s *Store) Adopt(ctx context.Context, id sale.ID, a sale.Adoption) error {
	if err := adoptable(a.Records); err != nil {
		return err
	}
	k := s.config.Prefix.Sale(id)
	b := s.builder(k.Sale + ":new:" + a.Fence)
	counts, err := b.build(ctx, a)
	if err == nil {
		err = s.replace(ctx, k.Line, a.Places)
	}
	if err == nil {
		err = s.rebind(ctx, id, a.Records.Payments)
	}
	if err != nil {
		return fmt.Errorf("adopt: %w: %w", sale.ErrUnavailable, err)
	}
	d, c := a.Records.Sale, a.Records.Counters()
	args := append([]any{string(a.Was)}, counts...)
	d.Total = a.Records.Opened
	args = append(args, a.Fence, a.Chain.Life, a.Chain.Epoch, a.Chain.Seq)
	args = append(args, definitionArgs(d)...)
	args = append(args, linedArgs(a.Records)...)
	barred := ""
	for _, n := range a.Records.Lapsed() {
		if d.Lapses > 0 && n >= d.Lapses {
			barred = "1"
		}
	}
	args = append(args, "barred", barred, "closed", flag(d.Closed), "ledger", flag(a.Ledger),
		"total", c.Total, "remaining", c.Remaining, "held", c.Held, "paid", c.Paid)
	call, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	// Listed first: were it the last step and failed, the sale would be whole and nobody
	// would find it.
	if err := s.client.SAdd(call, s.config.Prefix.Sales(), string(id)).Err(); err != nil {
		return fmt.Errorf("adopt: %w: %w", sale.ErrUnavailable, err)
	}
	raw, err := adoptScript.Call(call, s.client, slices.Concat(k.All, b.keys), args)
	if err != nil {
		return classify("adopt", err)
	}
	switch {
	case len(raw) == 1 && raw[0] == "done":
		if err := s.announce(ctx, id); err != nil { // every reader finds it by itself, later
			s.log.Warn("can't announce a sale that was reconciled", zap.String("sale", string(id)), zap.Error(err))
		}
	case len(raw) == 1 && (raw[0] == "moved" || raw[0] == "torn"):
		return errors.Join(fmt.Errorf("sale %s is no longer as it was read (%v): %w", id, raw[0], sale.ErrStale), b.discard(ctx))
	default:
		return classify("adopt", fmt.Errorf("%w: adopt answered %v", ErrReply, raw))
	}
	return nil
}

// linedArgs are the fields of a line that the records know.
func linedArgs(r sale.Records) (args []any) {
	l := r.Lined
	if turn := r.Turn(); turn > 0 {
		args = append(args, "turn", int64(turn))
	}
	if l.Front > 0 {
		args = append(args, "front", l.Front)
	}
	if l.Frozen {
		args = append(args, "drawn", l.Drawn)
	}
	if l.List != "" {
		args = append(args, "list", l.List)
	}
	if l.BeaconValue != "" {
		args = append(args, "beacon_value", l.BeaconValue)
	}
	return args
}

// replace puts places back that Redis has lost. They go where they belong at once: each is that of its
// buyer whatever becomes of the adoption.
func (s *Store) replace(ctx context.Context, key string, places []sale.Placement) error {
	for chunk := range slices.Chunk(places, buildAtOnce) {
		fields := make([]any, 0, 2*len(chunk))
		for _, p := range chunk {
			fields = append(fields, string(p.Buyer), p.Place.String())
		}
		if err := s.client.HSet(ctx, key, fields...).Err(); err != nil {
			return err
		}
	}
	return nil
}

// adoptable is nil, or a [sale.ErrConflict] where records break what every script
// keeps: the sale would reject all calls.
func adoptable(r sale.Records) error {
	if c := r.Counters(); !c.Conserved() {
		return sale.Conflict("the records have %d tickets in live orders of %d", c.Held+c.Paid, c.Total)
	}
	live := map[sale.Buyer]sale.OrderID{}
	for id, o := range r.Orders {
		if !o.State.Live() {
			continue
		}
		if other, two := live[o.Buyer]; two {
			return sale.Conflict("buyer %q has two live orders, %s and %s", o.Buyer, other, id)
		}
		live[o.Buyer] = id
	}
	return nil
}

const (
	// buildAtOnce is how many fields one command sets while keys are built: more would keep
	// Redis from other sales' claims for longer.
	buildAtOnce = 200
	// addAtOnce is the same for entries of the deadlines, each of which has up to 128 ids.
	addAtOnce = 16
	// buildExpires ends what an interrupted reconciliation has built.
	buildExpires = time.Hour
	// deadlinesAtOnce is how many holds share an entry of the deadlines.
	deadlinesAtOnce = 128
	// pastKept is how many ended orders a buyer keeps in Redis, see lua/order.lua.
	pastKept = 3
)

// builder writes a sale's keys under names of their own.
type builder struct {
	store *Store
	keys  []string // restocks, buyers, orders, deadlines, payments, past, index
}

func (s *Store) builder(prefix string) builder {
	return builder{s, []string{prefix, prefix + ":buyers", prefix + ":orders", prefix + ":deadlines", prefix + ":payments", prefix + ":past", prefix + ":index"}}
}

func (b builder) discard(ctx context.Context) error {
	return b.store.client.Unlink(ctx, b.keys...).Err()
}

// build writes all keys, and returns how many fields or members each has.
func (b builder) build(ctx context.Context, a sale.Adoption) ([]any, error) {
	if err := b.discard(ctx); err != nil {
		return nil, err
	}
	buyers, orders, past, deadlines := ordersOf(a)
	payments, index := paymentsOf(a.Records)
	restocks := make([]any, 0, 2*len(a.Records.Restocks))
	for key, delta := range a.Records.Restocks {
		restocks = append(restocks, "change:"+key, delta)
	}
	for key, fields := range map[string][]any{
		b.keys[0]: restocks, b.keys[1]: buyers, b.keys[2]: orders, b.keys[4]: payments, b.keys[5]: past,
	} {
		for chunk := range slices.Chunk(fields, 2*buildAtOnce) {
			if err := b.store.client.HSet(ctx, key, chunk...).Err(); err != nil {
				return nil, err
			}
		}
	}
	for chunk := range slices.Chunk(deadlines, addAtOnce) {
		if err := b.store.client.ZAdd(ctx, b.keys[3], chunk...).Err(); err != nil {
			return nil, err
		}
	}
	for chunk := range slices.Chunk(index, buildAtOnce) {
		members := make([]redis.Z, len(chunk))
		for i, m := range chunk {
			members[i].Member = m
		}
		if err := b.store.client.ZAdd(ctx, b.keys[6], members...).Err(); err != nil {
			return nil, err
		}
	}
	for _, key := range b.keys {
		if err := b.store.client.Expire(ctx, key, buildExpires).Err(); err != nil {
			return nil, err
		}
	}
	return []any{len(restocks) / 2, len(buyers) / 2, len(orders) / 2, len(deadlines), len(payments) / 2, len(past) / 2, len(index)}, nil
}

// ordersOf are the fields of buyers, orders and past, and the deadlines, in a
// stable order: ended orders by when they were made.
func ordersOf(a sale.Adoption) (buyers, orders, past []any, deadlines []redis.Z) {
	all := slices.SortedFunc(maps.Values(a.Records.Orders), func(x, y sale.Order) int {
		return cmp.Or(cmp.Compare(x.Created, y.Created), cmp.Compare(x.ID, y.ID))
	})
	ended, lapsed := map[sale.Buyer][]sale.Order{}, a.Records.Lapsed()
	held := map[sale.Instant][]byte{}
	for _, o := range all {
		id, ok := encodeID(o.ID)
		switch {
		case !ok: // no script can have made it
		case o.State.Live():
			buyers = append(buyers, string(o.Buyer), id+termsOf(o))
			orders = append(orders, id, string(o.Buyer))
			if o.State == sale.StateHeld {
				held[o.Expires] = append(held[o.Expires], id...)
			}
		default:
			ended[o.Buyer] = append(ended[o.Buyer], o)
		}
	}
	for buyer, list := range ended {
		var ids string
		for _, o := range list[max(0, len(list)-pastKept):] {
			id, _ := encodeID(o.ID)
			ids += id
			orders = append(orders, id, endedValue(o, a.Chain.Seq))
		}
		if n := min(lapsed[buyer], sale.MaxLapses); n > 0 {
			ids += string([]byte{byte(n)})
		}
		past = append(past, string(buyer), ids)
	}
	for at, ids := range held {
		for chunk := range slices.Chunk(ids, deadlinesAtOnce*idLength) {
			deadlines = append(deadlines, redis.Z{Score: float64(at), Member: string(chunk)})
		}
	}
	return buyers, orders, past, deadlines
}
