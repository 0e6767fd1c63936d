package lease

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/testbed/await"
	"onsale/lua"
)

func TestLease(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	client := clientOf(t, startRedis(t))
	a := New(client, "", "test", "a", 150*time.Millisecond)
	b := New(client, "", "test", "b", 150*time.Millisecond)
	first, held, err := a.Acquire(ctx)
	if err != nil || !held {
		t.Fatalf("got %v, %v, want held", held, err)
	}
	if token, held, err := a.Acquire(ctx); err != nil || !held || token != first {
		t.Errorf("renewal: got %d, %v, %v, want %d again", token, held, err, first)
	}
	if _, held, err := b.Acquire(ctx); err != nil || held {
		t.Errorf("another holder: got %v, %v, want not held", held, err)
	}
	if err := b.Release(ctx); err != nil {
		t.Errorf("release by another: %v", err)
	}
	if _, held, _ := b.Acquire(ctx); held {
		t.Error("a release by another ended the lease")
	}
	if err := a.Release(ctx); err != nil {
		t.Fatal(err)
	}
	second, held, err := b.Acquire(ctx)
	if err != nil || !held || second <= first {
		t.Errorf("after release: got %d, %v, %v, want a token above %d", second, held, err, first)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		third, held, err := a.Acquire(ctx)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("an abandoned lease did not lapse: %v", err)
		}
		if held {
			if third <= second {
				t.Errorf("got token %d, want above %d", third, second)
			}
			break
		}
	}
}

// TestLeaseIsRememberedPastItsEnd: its token must not start again below what
// was given out, should the clock step back.
func TestLeaseIsRememberedPastItsEnd(t *testing.T) {
	t.Parallel()
	client := clientOf(t, startRedis(t))
	if _, held, err := New(client, "", "remembered", "me", time.Second).Acquire(t.Context()); err != nil || !held {
		t.Fatalf("got %v, %v, want held", held, err)
	}
	if got := client.PTTL(t.Context(), "onsale:lease:remembered").Val(); got < 23*time.Hour {
		t.Errorf("got the lease forgotten after %v, want a day", got)
	}
}

// TestTokensRiseAfterDataLoss: what lived through the loss must refuse those
// who held the lease before it.
func TestTokensRiseAfterDataLoss(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	client := clientOf(t, startRedis(t))
	l := New(client, "", "l", "me", time.Minute)
	before, _, err := l.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	client.FlushAll(ctx)
	await.Within(t, 5*time.Second, "the clock moved on", func() bool { return client.Time(ctx).Val().UnixMilli() > int64(before) })
	after, held, err := l.Acquire(ctx)
	if err != nil || !held || after <= before {
		t.Errorf("got token %d, %v, %v, want it held with one above %d", after, held, err, before)
	}
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	client := clientOf(t, startRedis(t))
	r := NewRegistry(client, "", "test")
	register := func(m *Member, want int) {
		t.Helper()
		if got, err := m.Register(ctx); err != nil || got != want {
			t.Fatalf("got %d running, %v, want %d", got, err, want)
		}
	}
	a, b := r.Member("a", "10.0.0.1:9081", time.Minute), r.Member("b", "", time.Minute)
	register(a, 1)
	register(b, 2)
	register(a, 2)
	register(NewRegistry(client, "", "other").Member("c", "", time.Minute), 1)
	wantMembers(t, r, map[string]string{"a": "10.0.0.1:9081", "b": ""})

	moved := r.Member("a", "10.0.0.2:9081", time.Minute)
	register(moved, 2)
	wantMembers(t, r, map[string]string{"a": "10.0.0.2:9081", "b": ""})
	if err := a.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	wantMembers(t, r, map[string]string{"a": "10.0.0.2:9081", "b": ""})
	if err := moved.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	wantMembers(t, r, map[string]string{"b": ""})

	register(r.Member("dead", "x", 100*time.Millisecond), 2)
	await.Within(t, 5*time.Second, "one that registers no more lapses", func() bool {
		got, err := b.Register(ctx)
		return err == nil && got == 1
	})
	wantMembers(t, r, map[string]string{"b": ""})
	if got := client.HLen(ctx, "onsale:registry:{test}:values").Val(); got != 1 {
		t.Errorf("got %d values kept, want 1", got)
	}
}

// answering is a client of a Redis that gives every script the same reply.
type answering struct{ reply any }

func (a answering) Process(_ context.Context, cmd redis.Cmder) error {
	cmd.(interface{ SetVal(any) }).SetVal(a.reply)
	return nil
}

// TestRepliesOfAnotherShapeAreErrors: no call may take garbage for a lease.
func TestRepliesOfAnotherShapeAreErrors(t *testing.T) {
	for name, reply := range map[string]any{
		"no list":      "OK",
		"empty":        []any{},
		"too short":    []any{int64(1)},
		"text for int": []any{int64(1), "2", int64(3), "me"},
	} {
		t.Run(name, func(t *testing.T) {
			client := answering{reply}
			if token, held, err := New(client, "", "l", "me", time.Second).Acquire(t.Context()); err == nil {
				t.Errorf("lease: got %d, %v, want an error", token, held)
			}
			if n, err := NewRegistry(client, "", "r").Member("me", "", time.Second).Register(t.Context()); err == nil {
				t.Errorf("register: got %d, want an error", n)
			}
		})
	}
	members := answering{[]any{int64(1), int64(1), "me", int64(7)}}
	if got, err := NewRegistry(members, "", "r").Members(t.Context()); err == nil {
		t.Errorf("members: got %v, want an error", got)
	}
}

func TestScriptsRefuseCallsWithoutACaller(t *testing.T) {
	t.Parallel()
	client := clientOf(t, startRedis(t))
	for name, call := range map[string]func(lua.Client) error{
		"lease": func(c lua.Client) error {
			_, _, err := New(c, "", "l", "", time.Second).Acquire(t.Context())
			return err
		},
		"registry": func(c lua.Client) error {
			_, err := NewRegistry(c, "", "r").Member("", "", time.Second).Register(t.Context())
			return err
		},
		"no time": func(c lua.Client) error {
			_, err := NewRegistry(c, "", "r").Member("a", "", 0).Register(t.Context())
			return err
		},
	} {
		if err := call(client); err == nil {
			t.Errorf("%s: got no error, want BADCALL", name)
		}
	}
	if got := client.DBSize(t.Context()).Val(); got != 0 {
		t.Errorf("got %d keys, want none written", got)
	}
}
