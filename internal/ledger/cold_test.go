package ledger

import (
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// restful is quick with sales that soon get cold.
func restful() Config {
	c := quick()
	c.Temperature.Stay = 50 * time.Millisecond
	return c
}

// Each ledger held a lease of every sale, renewed it, and asked Redis and PostgreSQL about it
// several times a second.
func TestLedgerLeavesSalesAloneToWhichNothingHappens(t *testing.T) {
	r, s := newRedis(), ownStore(t)
	var ids []sale.ID
	for range 40 {
		ids = append(ids, r.open())
	}
	cfg := restful()
	l := member{r, "a", cfg.LeaseTime}.run(t, s, cfg)
	at := func(what string, condition func() bool) {
		t.Helper()
		await.Until(t, what, condition)
	}
	resting := func() bool { return len(r.holders()["a"]) == 0 }
	recorded := func(id sale.ID) func() bool { return func() bool { return r.waiting(id) == 0 } }
	for _, id := range ids {
		at("opening recorded", recorded(id))
	}
	at("ledger without leases", resting)
	var calls int
	r.with(func() { calls = len(r.reads) })
	var glanced int
	at("sales looked at, again and again", func() bool {
		r.with(func() { glanced = r.glanced })
		return glanced > 2_000
	})
	r.with(func() { calls = len(r.reads) - calls })
	if calls > 0 || !l.Ready() {
		t.Errorf("got %d reads of streams to which nothing happened, ready %v, want none, and ready", calls, l.Ready())
	}

	r.hold(ids[7])
	at("hold of a cold sale recorded, though nobody announced it", recorded(ids[7]))
	at("ledger without leases again", resting)
	wantRecords(t, s, ids[7], r.truth(ids[7]))

	// A sale that is asked for is read before anything happens to it.
	at("hot sale read", func() bool {
		r.with(func() { r.hot = append(r.hot, ids[8]) })
		return len(r.holders()["a"]) == 1
	})
	at("and left when it is cold", resting)

	r.with(func() { r.news = append(r.news, ids[0]) })
	fresh := r.open()
	r.with(func() { r.news = append(r.news, fresh) })
	at("new sale recorded", recorded(fresh))

	t.Run("but notices that Redis has lost one", func(t *testing.T) {
		at("ledger without leases", resting)
		r.load(ids[9], nil)
		at("loss", func() bool {
			var seen bool
			l.with(func() { seen = len(l.lost[ids[9]]) > 0 && l.lost[ids[9]][0] || len(l.lost[ids[9]]) > 1 })
			return seen
		})
	})
	t.Run("and that the database went back", func(t *testing.T) {
		at("ledger without the others' leases", func() bool { return len(r.holders()["a"]) <= 1 })
		if _, err := s.pool.Exec(t.Context(), `UPDATE sales SET seq = 0, link = life WHERE id = $1`, ids[10]); err != nil {
			t.Fatal(err)
		}
		at("difference", func() bool {
			var lost []bool
			l.with(func() { lost = l.lost[ids[10]] })
			return len(lost) > 0 && lost[len(lost)-1] || len(lost) > 2
		})
	})
}
