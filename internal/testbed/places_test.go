package testbed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"onsale/internal/adminapi"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// drawing is a site with a sale whose draw is brought forward by the test.
type drawing struct {
	*site
	redis  redis.UniversalClient
	joined []string
}

// startDrawing starts a site whose sale "demo" so many have joined. The ledger has recorded their places.
func startDrawing(t *testing.T, tickets int64, joined int) *drawing {
	t.Helper()
	s := &drawing{site: start(t, testbed.Options{Nodes: 2, Allocators: 1, Ledgers: 1})}
	s.redis = s.dial(t)
	draw := time.Now().Add(time.Hour)
	opens := draw.Add(time.Hour)
	s.openLine(t, adminapi.Definition{ID: "demo", Total: tickets, Admission: "line", LineRate: 20, DrawAt: &draw, OpensAt: &opens})
	for i := range joined {
		buyer := fmt.Sprint("buyer-", i)
		s.join(t, "demo", buyer, "", http.StatusCreated)
		s.joined = append(s.joined, buyer)
	}
	s.recorded(t)
	return s
}

// recorded waits until the ledger has all that Redis has.
func (s *drawing) recorded(t *testing.T) {
	t.Helper()
	await.Within(t, 20*time.Second, "the ledger has everything", func() bool {
		p, err := s.store.Page(s.ctx, "demo", "", 1)
		return err == nil && p.Lost == "" && p.Read == p.Chain.Seq
	})
}

// bringForward has the draw be due, and the sale open some time from now, in both records.
func (s *drawing) bringForward(t *testing.T, opensIn time.Duration) {
	t.Helper()
	now := time.Now().Truncate(time.Millisecond)
	opens := now.Add(opensIn)
	if err := s.redis.HSet(s.ctx, remotestock.Keys("demo")[0], "draw_at", now.UnixMilli(), "opens", opens.UnixMilli()).Err(); err != nil {
		t.Fatal(err)
	}
	db, err := pgx.Connect(s.ctx, s.Postgres.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	if _, err := db.Exec(s.ctx, "UPDATE sales SET draw_at = $1, opens_at = $2 WHERE id = 'demo'", now, opens); err != nil {
		t.Fatal(err)
	}
}

// positions are those of all who have joined, as every node has them. Nobody shows a token.
func (s *drawing) positions(t *testing.T) map[string]placed {
	t.Helper()
	taken, all := map[int64]string{}, map[string]placed{}
	for _, buyer := range s.joined {
		var p placed
		for range 4 { // Nginx takes the nodes in turn; some may not know the draw yet
			await.Within(t, 40*time.Second, "a position of "+buyer, func() bool {
				a, again := s.joinAny(t, buyer)
				if a == http.StatusOK && again.Position != 0 && p.Position != 0 && again.Position != p.Position {
					t.Fatalf("%s: got position %d and %d", buyer, p.Position, again.Position)
				}
				if a == http.StatusOK && again.Position != 0 {
					p = again
				}
				return a == http.StatusOK && again.Position != 0
			})
		}
		if other, twice := taken[p.Position]; twice || p.Position > int64(len(s.joined)) {
			t.Errorf("%s: got position %d of %d, which %q has", buyer, p.Position, len(s.joined), other)
		}
		taken[p.Position], all[buyer] = buyer, p
	}
	return all
}

// joinAny joins without a token, whatever the answer.
func (s *drawing) joinAny(t *testing.T, buyer string) (status int, p placed) {
	t.Helper()
	r, err := s.request(http.MethodPost, "/v1/sales/demo/line", buyer, "")
	if err != nil {
		t.Fatal(err)
	}
	a, body, err := answered(r)
	if err != nil || json.Unmarshal(body, &p) != nil {
		t.Fatalf("%s joins: got %s, %v", buyer, body, err)
	}
	return a.StatusCode, p
}

// sellsInTurn has all buy again and again until so many tickets are sold.
func (s *drawing) sellsInTurn(t *testing.T, all map[string]placed, tickets int) {
	t.Helper()
	bought := map[string]bool{}
	await.Within(t, time.Minute, fmt.Sprint(tickets, " tickets are sold in turn"), func() bool {
		for buyer, p := range all {
			if !bought[buyer] {
				switch got := s.buyInTurn(t, "demo", buyer, p.Token); got.status {
				case http.StatusCreated, http.StatusOK:
					bought[buyer] = true
				}
			}
		}
		return len(bought) >= tickets
	})
}

// lose empties Redis, and waits until the sale has been reconciled.
func (s *drawing) lose(t *testing.T) {
	t.Helper()
	if err := s.redis.FlushAll(s.ctx).Err(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 40*time.Second, "the sale is reconciled", func() bool {
		p, err := s.store.Page(s.ctx, "demo", "", 0)
		return err == nil && p.Lost == "" && p.Chain.Epoch > 1 && p.Read > 0
	})
}

// TestTheLineIsDrawnWithEveryAllocatorDead is L6 of a sale with a draw: nodes take it and move the front.
func TestTheLineIsDrawnWithEveryAllocatorDead(t *testing.T) {
	t.Parallel()
	const tickets = 3
	s := startDrawing(t, tickets, 6)
	if err := s.Allocators[0].Kill(); err != nil {
		t.Fatal(err)
	}
	s.bringForward(t, 10*time.Second)
	took := await.Within(t, 30*time.Second, "the list", func() bool { return s.lineOf(t).List != "" })
	t.Logf("drawn %v after it was due", took)
	all := s.positions(t)
	s.sellsInTurn(t, all, tickets)
	s.recorded(t)
	if sold := s.audit(t).Sold(); sold != tickets {
		t.Errorf("got %d sold, want %d", sold, tickets)
	}
}

// TestALineSurvivesTheLossOfRedis: everybody keeps the place, also who has lost the token; the front does not
// fall; newcomers are behind; and the sale sells the rest.
func TestALineSurvivesTheLossOfRedis(t *testing.T) {
	t.Parallel()
	const tickets, before = 12, 3
	s := startDrawing(t, tickets, 20)
	s.bringForward(t, time.Second)
	await.Within(t, 30*time.Second, "the list", func() bool { return s.lineOf(t).List != "" })
	all := s.positions(t)
	newcomer := s.join(t, "demo", "newcomer", "", http.StatusCreated)
	if newcomer.Position != 21 {
		t.Fatalf("got %+v, want the first position behind the drawn", newcomer)
	}
	s.sellsInTurn(t, all, before)
	s.recorded(t)
	was := s.audit(t)
	s.lose(t)
	// Neither node knows the draw any more: they have it from Redis alone.
	for _, n := range s.Nodes {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AwaitUpstream(s.ctx, 2); err != nil {
		t.Fatal(err)
	}
	for buyer, p := range s.positions(t) {
		if p.Position != all[buyer].Position || p.Place != all[buyer].Place {
			t.Errorf("%s: got %+v after the loss, want position %d", buyer, p, all[buyer].Position)
		}
	}
	if p := s.join(t, "demo", "newcomer", "", http.StatusOK); p.Position != newcomer.Position || p.Place != newcomer.Place {
		t.Errorf("got %+v after the loss, want %+v", p, newcomer)
	}
	if p := s.join(t, "demo", "another", "", http.StatusCreated); p.Position != 22 {
		t.Errorf("got %+v, want a place behind all", p)
	}
	if now := s.audit(t); now.Line.Front < was.Line.Front || now.Line.List != was.Line.List {
		t.Errorf("got the front at %d and the list %s, want %d or more and %s", now.Line.Front, now.Line.List, was.Line.Front, was.Line.List)
	}
	s.sellsInTurn(t, all, tickets)
	s.recorded(t)
	if sold := s.audit(t).Sold(); sold != tickets {
		t.Errorf("got %d sold, want %d", sold, tickets)
	}
}

// TestALossBetweenFreezeAndListLosesNobody: the allocator stands still when the line is frozen, Redis loses
// everything, and those who had joined are drawn all the same. Then the allocator wakes up.
func TestALossBetweenFreezeAndListLosesNobody(t *testing.T) {
	t.Parallel()
	s := startDrawing(t, 10, 7)
	if err := s.Allocators[0].Pause(); err != nil {
		t.Fatal(err)
	}
	s.bringForward(t, time.Minute)
	if l, err := s.store.Draw(s.ctx, "demo", sale.DrawFreeze, ""); err != nil || !l.Over {
		t.Fatalf("got %+v, %v, want it frozen", l, err)
	}
	s.recorded(t)
	s.lose(t)
	if p := s.join(t, "demo", "newcomer", "", http.StatusCreated); p.Place != "1" {
		t.Errorf("got %+v, want a place behind those who were frozen", p)
	}
	await.Within(t, 30*time.Second, "the list", func() bool { return s.lineOf(t).List != "" })
	all := s.positions(t)
	list := s.lineOf(t).List
	if err := s.Allocators[0].Resume(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 20*time.Second, "the allocator to lead again", func() bool {
		return s.redis.Exists(s.ctx, "onsale:lease:allocator").Val() == 1
	})
	await.Within(t, 20*time.Second, "the allocator to look again", func() bool {
		a, err := s.AdminCall(s.ctx, http.MethodGet, "/admin/v1/sales/demo/line", nil)
		return err == nil && len(a) > 0
	})
	if l := s.lineOf(t); l.List != list {
		t.Errorf("got the list %s, want %s for ever", l.List, list)
	}
	for buyer, p := range s.positions(t) {
		if p.Position != all[buyer].Position {
			t.Errorf("%s: got position %d, want %d", buyer, p.Position, all[buyer].Position)
		}
	}
	s.recorded(t)
	s.audit(t)
}
