package strategy

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

func TestEntriesHaveWhatTheReportNeeds(t *testing.T) {
	var names []string
	for _, e := range All {
		names = append(names, e.Name)
		if e.Title == "" || e.About == "" || e.Make == nil || e.Stores == (Stores{}) || !e.Durable {
			t.Errorf("%s: got %+v, want all of it", e.Name, e)
		}
	}
	want := []string{
		"postgres-row-lock", "postgres-advisory", "postgres-version", "postgres-decrement", "postgres-skip-locked",
		"redis-decr", "redis-lua", "redis-lua-pipelined", "redis-streams", "locked-call",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, e := range slices.Concat(All, Broken) {
		if got, ok := Find(e.Name); !ok || got.Title != e.Title {
			t.Errorf("find %s: got %q, %v, want %q", e.Name, got.Title, ok, e.Title)
		}
		if !regexp.MustCompile(`^[a-z-]+$`).MatchString(e.Name) {
			t.Errorf("got the name %q, want one for files and commands", e.Name)
		}
	}
	for _, e := range Broken {
		if e.Durable || len(e.Lacks) == 0 {
			t.Errorf("%s: got durable %v, lacks %q, want it not durable, and what it lacks", e.Name, e.Durable, e.Lacks)
		}
	}
	if got, ok := Find("postgres"); ok {
		t.Errorf("got %q for a name that none has", got.Name)
	}
}

func TestOutcomesHaveNames(t *testing.T) {
	for o, want := range map[Outcome]string{
		NoOutcome: "none", Sold: "sold", Replayed: "replayed", SoldOut: "sold-out", Conflict: "conflict", 5: "invalid", 255: "invalid",
	} {
		if got := o.String(); got != want {
			t.Errorf("outcome %d: got %s, want %s", o, got, want)
		}
	}
}

func TestConfig(t *testing.T) {
	both := Stores{Redis: true, Postgres: true}
	t.Run("defaults are right for every strategy", func(t *testing.T) {
		if err := DefaultConfig("127.0.0.1:6379", "postgres://").Validate(both); err != nil {
			t.Error(err)
		}
	})
	t.Run("a store that is not needed may be missing", func(t *testing.T) {
		if err := DefaultConfig("", "").Validate(Stores{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("every fault is reported at once", func(t *testing.T) {
		err := Config{Redis: "here"}.Validate(both)
		if err == nil {
			t.Fatal("got no fault")
		}
		want := []string{
			`redis address "here": want host:port`, "redis pool 0: want 1 to 10000", "redis call timeout 0s: want at least 1ms",
			"pipelines 0: want 1 to 1000", "batch 0: want 1 to 10000", "postgres URL: missing",
			"postgres pool 0: want 1 to 1000", "attempts 0: want at least 1",
		}
		if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
	})
	t.Run("is checked before a strategy connects", func(t *testing.T) {
		for _, e := range All {
			s, err := e.Make(t.Context(), Config{})
			if s != nil || err == nil || !strings.Contains(err.Error(), "pool 0") {
				t.Errorf("%s: got %v, %v, want nil and the faults", e.Name, s, err)
			}
		}
	})
}

func TestNamesAreOpenedOnce(t *testing.T) {
	for _, e := range slices.Concat(All, Broken) {
		t.Run(e.Name, func(t *testing.T) {
			s, name := opened(t, e.Name, 3)
			wantBuy(t, s, name, "first", Sold)
			if err := s.Open(t.Context(), name, 5); !errors.Is(err, sale.ErrConflict) {
				t.Errorf("opened again: got %v, want %v", err, sale.ErrConflict)
			}
			wantRemaining(t, s, name, 2)

			unknown := newName()
			o, order, err := s.Buy(t.Context(), unknown, "buyer")
			if o != NoOutcome || order != "" || !errors.Is(err, sale.ErrNoSale) {
				t.Errorf("unknown sale: got %v, %q, %v, want %v", o, order, err, sale.ErrNoSale)
			}
			if _, err := s.Remaining(t.Context(), unknown); !errors.Is(err, sale.ErrNoSale) {
				t.Errorf("remaining of an unknown sale: got %v, want %v", err, sale.ErrNoSale)
			}
			if _, err := s.Orders(t.Context(), unknown); !errors.Is(err, sale.ErrNoSale) {
				t.Errorf("orders of an unknown sale: got %v, want %v", err, sale.ErrNoSale)
			}
		})
	}
}

// A sale of which nothing was sold is no unknown one, and one of nothing is sold out.
func TestEmptySales(t *testing.T) {
	for _, e := range All {
		t.Run(e.Name, func(t *testing.T) {
			s, name := opened(t, e.Name, 0)
			wantBuy(t, s, name, "buyer", SoldOut)
			wantRemaining(t, s, name, 0)
			if got, err := s.Orders(t.Context(), name); len(got) != 0 || err != nil {
				t.Errorf("orders: got %v, %v, want none", got, err)
			}
		})
	}
}

// Verified tokens may name a buyer that is no valid text of PostgreSQL's.
func TestBuyersAreBytes(t *testing.T) {
	for _, e := range All {
		t.Run(e.Name, func(t *testing.T) {
			s, name := opened(t, e.Name, 3)
			for _, buyer := range []string{"\xff", `a "b"' {c}`, "-"} {
				id := wantBuy(t, s, name, buyer, Sold)
				if again := wantOwner(t, s, name, id, buyer); again != 1 {
					t.Errorf("%q: got %d orders, want 1", buyer, again)
				}
			}
		})
	}
}

// wantOwner checks whose the order is and counts the buyer's orders.
func wantOwner(t *testing.T, s Strategy, name, id, buyer string) (owned int) {
	t.Helper()
	orders, err := s.Orders(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range orders {
		if o.Buyer == buyer {
			owned++
		}
		if o.ID == id && o.Buyer != buyer {
			t.Errorf("order %s: got %q, want %q", id, o.Buyer, buyer)
		}
	}
	return owned
}

// Killed and restarted stores know of every order that a buyer was granted, and
// while they are away nobody is answered sold out.
func TestStoresThatAreKilled(t *testing.T) {
	dir := t.TempDir()
	redis, err := process.StartRedis(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { redis.Kill() }() // the one that was started last
	c := config()
	c.Redis = redis.Addr()
	for _, e := range All {
		if e.Stores.Postgres {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			killed(t, e, c, redis.Kill, redis.Restart)
		})
	}
	for _, e := range All {
		if !e.Stores.Postgres {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			killed(t, e, config(), postgresServer.Kill, postgresServer.Restart)
		})
	}
}

func killed(t *testing.T, e Entry, c Config, kill func() error, restart func(context.Context) error) {
	s, name := start(t, e.Name, c), newName()
	if err := s.Open(t.Context(), name, 3); err != nil {
		t.Fatal(err)
	}
	id := wantBuy(t, s, name, "first", Sold)
	if err := kill(); err != nil {
		t.Fatal(err)
	}
	limit, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	o, order, err := s.Buy(limit, name, "second")
	if o != NoOutcome || order != "" || !errors.Is(err, sale.ErrUnavailable) && !errors.Is(err, sale.ErrUnknown) {
		t.Errorf("away: got %v, %q, %v, want an error", o, order, err)
	}
	if err := restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "sale after the restart", func() bool {
		o, _, err := s.Buy(t.Context(), name, "third")
		if o == SoldOut {
			t.Fatalf("got sold out with a ticket left")
		}
		return err == nil && (o == Sold || o == Replayed)
	})
	if got := wantBuy(t, s, name, "first", Replayed); got != id {
		t.Errorf("first: got the order %q, want %q", got, id)
	}
}

func TestPatienceEndsWithoutAVerdict(t *testing.T) {
	for _, e := range All {
		t.Run(e.Name, func(t *testing.T) {
			s, name := opened(t, e.Name, 1)
			ended, cancel := context.WithDeadline(t.Context(), time.Now())
			defer cancel()
			o, order, err := s.Buy(ended, name, "buyer")
			if o != Conflict && err == nil || o == SoldOut || order != "" {
				t.Errorf("got %v, %q, %v, want an error or a conflict", o, order, err)
			}
			if e.Stores.Postgres && !errors.Is(err, sale.ErrUnavailable) {
				t.Errorf("got %v, want %v: there was not even a connection", err, sale.ErrUnavailable)
			}
			await.Until(t, "sale afterwards", func() bool {
				o, _, err := s.Buy(t.Context(), name, "buyer")
				return err == nil && o == Sold
			})
		})
	}
}
