package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"onsale/bench/judge"
	"onsale/internal/sale"
)

// beforeScripts make deduct in the layout of commit c6403fa.
var beforeScripts = []string{"prelude.lua", "deduct.lua"}

// beforeBatch is how many claims a call of that version had at most.
const beforeBatch = 128

// before sends the same claims to the scripts of that checkout, as its group commit did: one
// full call after the other.
func (r *redisCost) before(ctx context.Context) (t redisTurn, err error) {
	s, err := startServer(ctx)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var source []byte
	for _, name := range beforeScripts {
		text, err := os.ReadFile(filepath.Join(r.Before, "lua", name))
		if err != nil {
			return t, err
		}
		source = append(source, text...)
	}
	sha, err := s.client.ScriptLoad(ctx, string(source)).Result()
	if err != nil {
		return t, fmt.Errorf("the scripts of --before: %w", err)
	}
	keys, err := openBefore(ctx, s.client, r.Claims)
	if err != nil {
		return t, err
	}
	if err := settleMemory(); err != nil {
		return t, err
	}
	before, err := s.usage(ctx)
	if err != nil {
		return t, err
	}
	var calls int64
	for n := 0; n < r.Claims && ctx.Err() == nil; n += beforeBatch {
		if err := s.client.EvalSha(ctx, sha, keys, claimsBefore(n, min(beforeBatch, r.Claims-n))...).Err(); err != nil {
			return t, fmt.Errorf("deduct of --before: %w", err)
		}
		calls++
	}
	after, err := s.usage(ctx)
	if err != nil {
		return t, err
	}
	// As the ledger of that version did: it deleted what it had committed.
	err = s.client.XTrimMaxLen(ctx, keys[5], 0).Err()
	memory, err2 := s.usage(ctx)
	held, err3 := s.client.HGet(ctx, keys[0], "held").Int()
	if err = errors.Join(err, err2, err3); err != nil || ctx.Err() != nil {
		return t, err
	}
	t = before.cost(versionBefore, r.Claims, calls, after, memory)
	sold := []sale.Order{{State: sale.StateHeld, Quantity: held}} // that version's orders have no reader any more
	t.Faults = judge.Faults(redisCostSale, judge.FromOrders(int64(r.Claims), sold), r.answers())
	return t, nil
}

// openBefore writes a sale as that version kept it.
func openBefore(ctx context.Context, client redis.UniversalClient, total int) ([]string, error) {
	keys := []string{"{turn}"}
	for _, name := range []string{"plan", "buyers", "orders", "deadlines", "events"} {
		keys = append(keys, "{turn}:"+name)
	}
	err := client.HSet(ctx, keys[0], "id", redisCostSale, "total", total, "remaining", total, "held", 0, "paid", 0, "stock", 1, "plan", 1, "fence", 0,
		"closed", 0, "opens", 0, "closes", 0, "hold", (10 * time.Minute).Milliseconds(), "limit", 4).Err()
	err2 := client.HSet(ctx, keys[1], "a:n1", "100000 100000", "a:n2", "100000 100000", "c:n1", 0, "stock", 1).Err()
	return keys, errors.Join(err, err2)
}

// claimsBefore are a call's arguments: node, generation, and of each claim its id, buyer,
// quantity and deadline.
func claimsBefore(first, n int) []any {
	args := make([]any, 0, 2+4*n)
	args = append(args, "n1", 1)
	deadline := time.Now().Add(claimTimeout).UnixMilli()
	for i := range n {
		args = append(args, uuid.Must(uuid.NewV7()).String(), fmt.Sprintf("buyer-%07d-abcdef", first+i), 1, deadline)
	}
	return args
}
