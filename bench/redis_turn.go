package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/audit"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process"
	"onsale/lua"
)

// server is a private redis-server, and what it says of itself.
type server struct {
	*process.Redis
	client redis.UniversalClient
	dir    string
}

func startServer(ctx context.Context) (_ *server, err error) {
	remotestock.SetLog(zap.NewNop())
	s := &server{}
	if s.dir, err = os.MkdirTemp("", "onsale-redis-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.Redis, err = process.StartRedis(ctx, s.dir, "--auto-aof-rewrite-percentage", "0"); err != nil {
		return nil, err
	}
	s.client, err = remotestock.Dial(s.config())
	return s, err
}

func (s *server) config() remotestock.Config {
	c := remotestock.DefaultConfig(s.Addr())
	c.Call = 10 * time.Second // a stall is no reason to measure anything else
	c.Ledger = true
	return c
}

func (s *server) close() error {
	var errs []error
	if s.client != nil {
		errs = append(errs, s.client.Close())
	}
	if s.Redis != nil {
		errs = append(errs, s.Kill())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// usage is what the server has used: its main thread's processor time, and its memory.
type usage struct {
	seconds float64
	bytes   float64
}

func (s *server) usage(ctx context.Context) (u usage, err error) {
	info, err := infoOf(ctx, s.client, "cpu", "memory")
	if err != nil {
		return u, err
	}
	for name, into := range map[string]*float64{
		"used_cpu_user_main_thread": &u.seconds, "used_cpu_sys_main_thread": &u.seconds, "used_memory": &u.bytes,
	} {
		v, err := strconv.ParseFloat(info[name], 64)
		if err != nil {
			return u, fmt.Errorf("redis says nothing of %s: %w", name, err)
		}
		*into += v
	}
	return u, nil
}

// infoOf is what INFO says, by name.
func infoOf(ctx context.Context, client redis.UniversalClient, sections ...string) (map[string]string, error) {
	values := map[string]string{}
	for _, section := range sections {
		text, err := client.Info(ctx, section).Result()
		if err != nil {
			return nil, err
		}
		for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
				values[name] = value
			}
		}
	}
	return values, nil
}

// cost is what so many claims took.
func (u usage) cost(version string, claims int, calls int64, after usage, memory usage) redisTurn {
	return redisTurn{
		Version: version, Micros: (after.seconds - u.seconds) / float64(claims) * 1e6,
		Bytes: (memory.bytes - u.bytes) / float64(claims), ClaimsCall: float64(claims) / float64(max(1, calls)),
	}
}

const turnSale = "turn"

// now sends claims to today's script, in full calls one after the other, as the earlier
// version's are: a crowd of waiting claims in this process would share the processors' caches
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
	_, reading, err := store.Read(ctx, turnSale, 0)
	if err != nil {
		return t, err
	}
	before, err := s.usage(ctx)
	if err != nil {
		return t, err
	}
	calls, err := r.sell(ctx, s.client, reading.Plan, store.Seen(turnSale))
	if err != nil {
		return t, err
	}
	after, err := s.usage(ctx)
	if err != nil {
		return t, err
	}
	if err := forgetAll(ctx, store, turnSale); err != nil {
		return t, err
	}
	memory, err := s.usage(ctx)
	if err != nil {
		return t, err
	}
	v, err := store.Snapshot(ctx, turnSale)
	if err != nil {
		return t, err
	}
	if faults := audit.Stock(v); len(faults) > 0 || v.Sold() != int64(r.Claims) {
		return t, fmt.Errorf("sold %d of %d, %v: %w", v.Sold(), r.Claims, faults, errBroken)
	}
	return before.cost(versionNow, r.Claims, calls, after, memory), nil
}

// sell sends all claims, each call with the mark of the one before, as the group commit does.
func (r *redisCost) sell(ctx context.Context, client redis.UniversalClient, plan sale.Generation, seen sale.Mark) (calls int64, err error) {
	deduct := lua.NewScript("deduct", lua.Deduct)
	for n := 0; n < r.Claims && ctx.Err() == nil; n += beforeBatch {
		reply, err := deduct.Call(ctx, client, remotestock.Keys(turnSale), claimsNow(n, min(beforeBatch, r.Claims-n), plan, seen))
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
	return append([]any{"n1", int64(plan), mark, time.Now().Add(claimLives).UnixMilli(), ids, quantities}, buyers...)
}

// openRecorded opens the turn's sale, notes it as a ledger does, and plans it.
func openRecorded(ctx context.Context, store *remotestock.Store, total int64) error {
	_, err := store.Open(ctx, sale.Sale{ID: turnSale, Title: "Turn", Kind: sale.Ticket, Currency: "EUR", Price: 4200, Total: total, Limit: 4, HoldFor: 10 * time.Minute})
	if err != nil {
		return err
	}
	if err := forgetAll(ctx, store, turnSale); err != nil {
		return err
	}
	v, err := store.Survey(ctx, turnSale)
	if err != nil {
		return err
	}
	shares := []sale.Share{{Node: "n1", Slice: 100_000, Buffer: 100_000}, {Node: "n2", Slice: 100_000, Buffer: 100_000}}
	_, err = store.WritePlan(ctx, turnSale, 1, v.Reading.Stock, shares)
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
	if held != r.Claims {
		return t, fmt.Errorf("the scripts of --before have granted %d of %d claims", held, r.Claims)
	}
	return before.cost(versionBefore, r.Claims, calls, after, memory), nil
}

// openBefore writes a sale as that version kept it.
func openBefore(ctx context.Context, client redis.UniversalClient, total int) ([]string, error) {
	keys := []string{"{turn}"}
	for _, name := range []string{"plan", "buyers", "orders", "deadlines", "events"} {
		keys = append(keys, "{turn}:"+name)
	}
	err := client.HSet(ctx, keys[0], "id", turnSale, "total", total, "remaining", total, "held", 0, "paid", 0, "stock", 1, "plan", 1, "fence", 0,
		"closed", 0, "opens", 0, "closes", 0, "hold", (10 * time.Minute).Milliseconds(), "limit", 4).Err()
	err2 := client.HSet(ctx, keys[1], "a:n1", "100000 100000", "a:n2", "100000 100000", "c:n1", 0, "stock", 1).Err()
	return keys, errors.Join(err, err2)
}

// claimsBefore are a call's arguments: node, generation, and of each claim its id, buyer,
// quantity and deadline.
func claimsBefore(first, n int) []any {
	args := make([]any, 0, 2+4*n)
	args = append(args, "n1", 1)
	deadline := time.Now().Add(claimLives).UnixMilli()
	for i := range n {
		args = append(args, uuid.Must(uuid.NewV7()).String(), fmt.Sprintf("buyer-%07d-abcdef", first+i), 1, deadline)
	}
	return args
}
