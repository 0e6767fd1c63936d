package ledger

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/cluster/process"
	"onsale/internal/sale"
)

func TestRecover(t *testing.T) {
	t.Run("takes the stream first", func(t *testing.T) {
		k, s, m := damaged(t)
		truth := k.truth(k.id)
		got, said, err := k.recover(t, s, m, RecoverOptions{})
		if err != nil {
			t.Fatal(err)
		}
		k.wantRestored(t, truth)
		want := Report{Sale: k.id, Orders: 2, Payments: 1, Total: 1000, Held: 2, Paid: 2, Remaining: 996}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		if len(said) < 3 || !strings.Contains(got.String(), "reopen") {
			t.Errorf("got %q and %q, want each step, and what is left to do", said, got)
		}
	})
	t.Run("refuses a live sale", func(t *testing.T) {
		k, s, m := damaged(t)
		if err := k.SetClosed(t.Context(), k.id, false); err != nil {
			t.Fatal(err)
		}
		if _, _, err := k.recover(t, s, m, RecoverOptions{}); !errors.Is(err, sale.ErrConflict) || len(k.restored) > 0 {
			t.Errorf("got %v and %d restored, want %v", err, len(k.restored), sale.ErrConflict)
		}
		if d, _ := k.Sale(t.Context(), k.id); d.Closed {
			t.Error("got it closed, want it untouched")
		}
		t.Run("unless told to, and closes it", func(t *testing.T) {
			if _, _, err := k.recover(t, s, m, RecoverOptions{Live: true}); err != nil {
				t.Fatal(err)
			}
			k.wantRestored(t, k.truth(k.id))
		})
	})
	t.Run("with a ledger that reads the sale", func(t *testing.T) {
		k, s, m := damaged(t)
		truth := k.truth(k.id)
		member{k.redis, "b", time.Minute}.run(t, s, quick())
		until(t, "reader", func() bool { return len(k.holders()["b"]) == 1 })
		if _, _, err := k.recover(t, s, m, RecoverOptions{}); err != nil {
			t.Fatal(err)
		}
		k.wantRestored(t, truth)
	})
	t.Run("with a ledger whose database is new, once it has begun", func(t *testing.T) {
		r, id, m := alone()
		s, k := openStore(t, server.URL()), &stock{redis: r, id: id}
		if err := k.SetClosed(t.Context(), id, true); err != nil {
			t.Fatal(err)
		}
		opening := r.streams[id]
		var looks atomic.Int64
		r.with(func() {
			r.streams[id] = nil
			r.leases[id] = holder{"b", 1, time.Now().Add(time.Hour)}
		})
		r.before = func(_ context.Context, op Op, _ sale.ID) error {
			if op == OpBacklog && looks.Add(1) == 3 {
				return s.Commit(t.Context(), id, 1, Fold(opening)) // the other ledger begins
			}
			return nil
		}
		if _, _, err := k.recover(t, s, m, RecoverOptions{}); err != nil {
			t.Fatal(err)
		}
		k.wantRestored(t, applied(opening...))
	})
	t.Run("with a ledger that died with the lease", func(t *testing.T) {
		k, s, m := damaged(t)
		truth := k.truth(k.id)
		k.with(func() { k.leases[k.id] = holder{"dead", 99, time.Now().Add(100 * time.Millisecond)} })
		if _, _, err := k.recover(t, s, m, RecoverOptions{}); err != nil {
			t.Fatal(err)
		}
		k.wantRestored(t, truth)
	})
	t.Run("of a sale that Redis has lost", func(t *testing.T) {
		k, s, m := damaged(t)
		truth := k.truth(k.id)
		k.with(func() { delete(k.records, k.id) }) // the stream is left
		if _, _, err := k.recover(t, s, m, RecoverOptions{}); err != nil {
			t.Fatal(err)
		}
		k.wantRestored(t, truth)
	})
	t.Run("refuses a sale that nobody knows", func(t *testing.T) {
		r, s := newRedis(), openStore(t, server.URL())
		k := &stock{redis: r, id: newID()}
		if _, _, err := k.recover(t, s, member{r, "a", time.Second}, RecoverOptions{}); !errors.Is(err, sale.ErrNoSale) {
			t.Errorf("got %v, want %v", err, sale.ErrNoSale)
		}
	})
}

// TestRecoverWhileEventsCome: payments and expiries go on after the closing. None may be
// lost to the restoring, whichever ledger takes it, and whenever.
func TestRecoverWhileEventsCome(t *testing.T) {
	for name, readerToo := range map[string]bool{"to its own reader": false, "to a ledger that commits at once": true} {
		t.Run(name, func(t *testing.T) {
			k, s, m := damaged(t)
			if readerToo {
				member{k.redis, "b", time.Minute}.run(t, s, quick())
				until(t, "empty stream", func() bool { return k.waiting(k.id) == 0 })
			}
			var truth sale.Records
			var once atomic.Bool
			k.meanwhile = func() {
				if !once.CompareAndSwap(false, true) {
					return
				}
				for _, o := range k.truth(k.id).Orders {
					if o.State == sale.StateHeld {
						k.tell(k.id, sale.Event{Orders: []sale.Order{in(o, sale.StateExpired)}})
					}
				}
				truth = k.truth(k.id)
				if readerToo {
					until(t, "empty stream", func() bool { return k.waiting(k.id) == 0 })
				}
			}
			got, _, err := k.recover(t, s, m, RecoverOptions{})
			if err != nil {
				t.Fatal(err)
			}
			k.wantRestored(t, truth)
			if want := (Report{Sale: k.id, Orders: 2, Payments: 1, Total: 1000, Paid: 2, Remaining: 998}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestRecoverSaysWhatKeepsTheStreamFull(t *testing.T) {
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	nowhere := strings.Replace(server.URL(), process.Loopback(server.Port), process.Loopback(port), 1)
	for name, c := range map[string]struct {
		change func(t *testing.T, k *stock, s **Store)
		want   error
	}{
		"PostgreSQL is away": {func(t *testing.T, _ *stock, s **Store) { *s = openStore(t, nowhere) }, ErrAway},
		"another ledger reads nothing": {func(_ *testing.T, k *stock, _ **Store) {
			k.with(func() { k.leases[k.id] = holder{"hung", 99, time.Now().Add(time.Hour)} })
		}, nil},
		"a contradiction": {func(_ *testing.T, k *stock, _ **Store) {
			for _, o := range k.truth(k.id).Orders {
				if o.State == sale.StateHeld {
					k.tell(k.id, sale.Event{Orders: []sale.Order{newOrder(string(o.Buyer), start)}})
				}
			}
		}, ErrRefused},
		"Redis fails": {func(_ *testing.T, k *stock, _ **Store) {
			k.before = func(_ context.Context, op Op, _ sale.ID) error {
				if op == OpEvents {
					return errDown
				}
				return nil
			}
		}, errDown},
	} {
		t.Run(name, func(t *testing.T) {
			k, s, m := damaged(t)
			c.change(t, k, &s)
			_, _, err := k.recover(t, s, m, RecoverOptions{Wait: 300 * time.Millisecond})
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), "Does PostgreSQL answer?") {
				t.Errorf("got %v, want %v and what to do", err, c.want)
			}
			if len(k.restored) > 0 || k.waiting(k.id) == 0 {
				t.Errorf("got %d restored and %d entries waiting, want nothing touched", len(k.restored), k.waiting(k.id))
			}
		})
	}
}

func TestRecoverRefusesABookThatIsNotFit(t *testing.T) {
	t.Run("as entries are missing", func(t *testing.T) {
		k, s, m := damaged(t)
		k.tell(k.id, sale.Event{Fault: "torn", Raw: "[]"})
		if _, _, err := k.recover(t, s, m, RecoverOptions{}); !errors.Is(err, sale.ErrConflict) || len(k.restored) > 0 {
			t.Errorf("got %v and %d restored, want %v", err, len(k.restored), sale.ErrConflict)
		}
		t.Run("unless told to", func(t *testing.T) {
			got, _, err := k.recover(t, s, m, RecoverOptions{Incomplete: true})
			if err != nil || got.Unreadable != 1 {
				t.Errorf("got %+v (%v), want one entry told of", got, err)
			}
		})
	})
	t.Run("as it is oversold", func(t *testing.T) {
		k, s, m := damaged(t)
		k.tell(k.id, sale.Event{Restock: &sale.Restock{Key: "less", Delta: -997}})
		if _, _, err := k.recover(t, s, m, RecoverOptions{}); !errors.Is(err, sale.ErrConflict) || len(k.restored) > 0 {
			t.Errorf("got %v and %d restored, want %v", err, len(k.restored), sale.ErrConflict)
		}
	})
}
