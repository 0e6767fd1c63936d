package ledger

import (
	"os"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
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
	if err := Postgres.Migrate(t.Context(), own.URL()); err != nil {
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
				r.cancel([]sale.ID{id, other}[n%2], o)
			}
		}
	}()
	done := func(n int) func() bool {
		return func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.committed >= n }
	}
	await.Until(t, "commit", done(20))
	if err := own.Kill(); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "notice that PostgreSQL is away", func() bool { return l.count(databaseAway.Begins) > 0 && !l.Ready() })
	waited := r.waiting(id)
	await.Until(t, "sale without PostgreSQL", func() bool { return r.waiting(id) > waited+20 })
	if err := own.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "commit after the restart", func() bool { return l.count(databaseAway.Over) > 0 && l.Ready() })
	close(stop)
	<-sold
	await.Until(t, "empty streams", func() bool { return r.waiting(id)+r.waiting(other) == 0 })
	wantRecords(t, s, id, r.truth(id))
	wantRecords(t, s, other, r.truth(other))
	l.stop(t)
	// A server that dies answers here while it has ended there, so once is not certain.
	began, ended, failures := l.count(databaseAway.Begins), l.count(databaseAway.Over), l.failed[OpCommit]
	if began != ended || began > failures/5 {
		t.Errorf("got it logged %d times as away and %d times as back at %d failures, want a line a change and not a try", began, ended, failures)
	}
	if got := l.count(notTaken.Begins); got != 0 {
		t.Errorf("got %d other failures, want none: %v", got, l.logged.All())
	}
}
