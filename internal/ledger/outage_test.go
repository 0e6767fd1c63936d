package ledger

import (
	"os"
	"testing"
	"time"

	"onsale/internal/cluster/process"
	"onsale/internal/sale"
)

func TestPostgresKilledInTheMiddle(t *testing.T) {
	dir, err := os.MkdirTemp("", "onsale-ledger-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	own, err := process.StartPostgres(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := own.Kill(); err != nil {
			t.Error(err)
		}
	}()
	if err := Migrate(t.Context(), own.URL()); err != nil {
		t.Fatal(err)
	}
	r, id, m := alone()
	other := r.open()
	s := openStore(t, own.URL())
	cfg := quick()
	cfg.Entries = 3
	l := m.run(t, s, cfg)

	// Buyers buy all the time, and half of them cancel.
	stop, sold := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sold)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			o := r.hold([]sale.ID{id, other}[n%2])
			if n%4 < 2 {
				r.tell([]sale.ID{id, other}[n%2], sale.Event{Orders: []sale.Order{in(o, sale.StateCancelled)}})
			}
		}
	}()
	done := func(n int) func() bool {
		return func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.committed >= n }
	}
	until(t, "commit", done(20))
	if err := own.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, "notice that PostgreSQL is away", func() bool { return l.count(messages[noLedger].begins) > 0 && !l.Ready() })
	waited := r.waiting(id)
	until(t, "sale without PostgreSQL", func() bool { return r.waiting(id) > waited+20 })
	if err := own.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "commit after the restart", func() bool { return l.count(messages[noLedger].ends) > 0 && l.Ready() })
	close(stop)
	<-sold
	until(t, "empty streams", func() bool { return r.waiting(id)+r.waiting(other) == 0 })
	wantRecords(t, s, id, r.truth(id))
	wantRecords(t, s, other, r.truth(other))
	l.stop(t)
	for _, message := range []string{messages[noLedger].begins, messages[noLedger].ends} {
		if got := l.count(message); got != 1 {
			t.Errorf("got %q logged %d times, want once for all sales and tries", message, got)
		}
	}
	if got := l.count(messages[otherwise].begins); got != 0 {
		t.Errorf("got %d other troubles, want none: %v", got, l.logged.All())
	}
}
