package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/bench/judge"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/lua"
)

const redisCostSale = "turn"

// now sends claims to today's script, in full calls one after the other, as the earlier
// version's are: hundreds of waiting claims in this process would share the processors' caches
// with Redis in one of the two alone.
func (r *redisCost) now(ctx context.Context) (t redisTurn, err error) {
	s, err := startServer(ctx)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	store := remotestock.New(s.client, "n1", s.config(), remotestock.Hooks{}, zap.NewNop())
	if err := openRecorded(ctx, store, int64(r.Claims)); err != nil {
		return t, err
	}
	if err := settleMemory(); err != nil {
		return t, err
	}
	_, reading, err := store.Read(ctx, redisCostSale, 0)
	if err != nil {
		return t, err
	}
	before, err := s.usage(ctx)
	if err != nil {
		return t, err
	}
	calls, err := r.sell(ctx, s.client, reading.Plan, store.Seen(redisCostSale))
	if err != nil {
		return t, err
	}
	after, err := s.usage(ctx)
	if err != nil {
		return t, err
	}
	if err := forgetAll(ctx, store, redisCostSale); err != nil {
		return t, err
	}
	memory, err := s.usage(ctx)
	if err != nil {
		return t, err
	}
	v, err := store.Snapshot(ctx, redisCostSale)
	if err != nil {
		return t, err
	}
	t = before.cost(versionNow, r.Claims, calls, after, memory)
	t.Faults = judge.Faults(redisCostSale, judge.FromSnapshot(v), r.answers())
	return t, nil
}

// answers are those to the claims. The script's replies are not read one by one, so each claim may
// have an order; and as each wanted a ticket, none may be left.
func (r *redisCost) answers() judge.Answers {
	return judge.Answers{Refused: int64(r.Claims), MoreUnanswered: int64(r.Claims)}
}

// sell sends all claims, each call with the mark of the one before, as the group commit does.
func (r *redisCost) sell(ctx context.Context, client redis.UniversalClient, plan sale.Generation, seen sale.Mark) (calls int64, err error) {
	deduct := lua.NewScript("deduct", lua.Deduct)
	for n := 0; n < r.Claims && ctx.Err() == nil; n += beforeBatch {
		reply, err := deduct.Call(ctx, client, remotestock.Keys(redisCostSale), claimsNow(n, min(beforeBatch, r.Claims-n), plan, seen))
		if err != nil {
			return calls, fmt.Errorf("deduct: %w", err)
		}
		for i := 0; i+1 < len(reply); i += 2 {
			switch reply[i] {
			case "seq":
				seen.Seq, _ = reply[i+1].(int64)
			case "link":
				seen.Link, _ = reply[i+1].(string)
			}
		}
		calls++
	}
	return calls, ctx.Err()
}

// claimsNow are a call's arguments, see lua/deduct.lua.
func claimsNow(first, n int, plan sale.Generation, seen sale.Mark) []any {
	var ids, quantities []byte
	buyers := make([]any, n)
	for i := range n {
		id := uuid.Must(uuid.NewV7())
		ids, quantities = append(ids, id[:]...), append(quantities, 0, 1)
		buyers[i] = fmt.Sprintf("buyer-%07d-abcdef", first+i)
	}
	mark := fmt.Sprintf("%d %d %s", seen.Epoch, seen.Seq, seen.Link)
	return append([]any{"n1", int64(plan), mark, time.Now().Add(claimTimeout).UnixMilli(), ids, quantities}, buyers...)
}

// openRecorded opens the turn's sale, notes it as a ledger does, and plans it.
func openRecorded(ctx context.Context, store *remotestock.Store, total int64) error {
	_, err := store.Open(ctx, sale.Sale{ID: redisCostSale, Title: "Turn", Kind: sale.Ticket, Currency: "EUR", Price: 4200, Total: total, Limit: 4, HoldFor: 10 * time.Minute})
	if err != nil {
		return err
	}
	if err := forgetAll(ctx, store, redisCostSale); err != nil {
		return err
	}
	v, err := store.Survey(ctx, redisCostSale)
	if err != nil {
		return err
	}
	shares := []sale.Share{{Node: "n1", Slice: 100_000, Buffer: 100_000}, {Node: "n2", Slice: 100_000, Buffer: 100_000}}
	_, err = store.WritePlan(ctx, redisCostSale, 1, v.Reading.Stock, shares)
	return err
}

// forgetAll empties the sale's stream, as a ledger does that has committed it.
func forgetAll(ctx context.Context, store *remotestock.Store, id sale.ID) error {
	for {
		p, err := store.Page(ctx, id, "", 64)
		if err != nil || len(p.Events) == 0 {
			return err
		}
		chain := p.Chain
		chain.Mark = p.Events[len(p.Events)-1].Mark
		entries := make([]string, len(p.Events))
		for i, e := range p.Events {
			entries[i] = e.ID
		}
		if err := store.Forget(ctx, id, chain, entries); err != nil {
			return err
		}
	}
}
