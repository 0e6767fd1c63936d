package remotestock_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"onsale/internal/line"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/lua"
)

// timed is a script that goes by the time in a key of the test, not by Redis's.
func timed(name, source string) *lua.Script {
	const redis = "redis.call('TIME')"
	if strings.Count(source, redis) != 1 {
		panic("scripts ask for the time in another way")
	}
	return lua.NewScript(name, strings.Replace(source, redis, "redis.call('HMGET', KEYS[14], 'test:s', 'test:us')", 1))
}

var timedAdvance, timedDeduct = timed("advance", lua.Advance), timed("deduct", lua.Deduct)

// lineWorld is a sale with a line in Redis, and the rule beside it.
type lineWorld struct {
	client redis.UniversalClient
	keys   []string
	front  line.Front
	stock  line.Stock
	late   map[int64]int64 // ordinals by place
}

func newLineWorld(t rapidT, client redis.UniversalClient, s *remotestock.Store, total, rate, limit int) *lineWorld {
	d := newSale(fmt.Sprintf("rule-%d", modelSales.Add(1)), int64(total))
	d.Admission, d.LineRate, d.LineLimit, d.Limit = sale.AdmitLine, rate, 1_000_000, limit
	if _, err := s.Open(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	w := &lineWorld{client: client, keys: remotestock.Keys(d.ID), late: map[int64]int64{},
		stock: line.Stock{Now: 1_900_000_000_000, Remaining: int64(total), Total: int64(total), Rate: int64(rate), Limit: int64(limit)}}
	w.set(t, "drawn", 0)
	w.pass(0)
	return w
}

// rapidT is what both kinds of tests have.
type rapidT interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func (w *lineWorld) set(t rapidT, field string, value int64) {
	t.Helper()
	if err := w.client.HSet(context.Background(), w.keys[0], field, value).Err(); err != nil {
		t.Fatal(err)
	}
}

// pass lets time pass.
func (w *lineWorld) pass(d time.Duration) {
	w.stock.Now += d.Milliseconds()
	w.client.HSet(context.Background(), w.keys[13], "test:s", w.stock.Now/1000, "test:us", w.stock.Now%1000*1000)
}

// advance lets time pass, advances both, and reports whether that was due.
func (w *lineWorld) advance(t rapidT, passed time.Duration, known int64) bool {
	t.Helper()
	ctx := context.Background()
	w.pass(passed)
	raw, err := timedAdvance.Call(ctx, w.client, w.keys, []any{"n1", "0", "", known})
	if err != nil {
		t.Fatal(err)
	}
	w.front.Restore(known)
	turned := w.front.Advance(w.stock)
	reply := map[string]any{}
	for i := 0; i < len(raw); i += 2 {
		reply[raw[i].(string)] = raw[i+1]
	}
	if reply["front"] != w.front.Front || reply["turned"] == int64(1) != turned {
		t.Fatalf("front is %v in Redis and %d by the rule, worked %v and %v", reply["front"], w.front.Front, reply["turned"], turned)
	}
	return turned
}

// state is what Redis keeps of the rule, as the rule has it.
func (w *lineWorld) state(t rapidT) (f line.Front) {
	t.Helper()
	ctx := context.Background()
	of, kept := w.client.HGetAll(ctx, w.keys[0]).Val(), w.client.HGetAll(ctx, w.keys[13]).Val()
	whole := func(text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		if text != "" && err != nil {
			t.Fatal(err)
		}
		return n
	}
	floats := func(text string, n int) []float64 {
		list := make([]float64, n)
		for i, part := range strings.Fields(text) {
			var err error
			if list[i], err = strconv.ParseFloat(part, 64); err != nil {
				t.Fatal(err)
			}
		}
		return list
	}
	turns := func(text, learnt, count string) (r line.Turns) {
		list, counted := strings.Split(text, ","), strings.Split(learnt, ",")
		r.Settled = whole(list[0])
		for i := 1; i+1 < len(list); i += 2 {
			s := line.Second{At: whole(list[i]), Upto: whole(list[i+1])}
			s.Bought = whole(kept[count+list[i]])
			if n := (i - 1) / 2; n < len(counted) {
				s.Learnt = whole(counted[n])
			}
			r.Seconds = append(r.Seconds, s)
		}
		return r
	}
	f.Front, f.At, f.Free = whole(of["front"]), whole(of["front_at"]), kept["free"] == "1"
	f.Credit = floats(kept["credit"], 1)[0]
	f.Turns, f.Late.Turns = turns(kept["turns"], kept["learnt"], "b"), turns(kept["called"], "", "l")
	f.Late.Joined, f.Late.Called = whole(kept["joined"]), whole(kept["late"])
	orders := floats(kept["orders"], 3)
	f.Orders = line.Orders{Count: orders[0], Tickets: orders[1], Squares: orders[2]}
	n := len(f.Shows.Bought)
	shows := floats(kept["shows"], 3+2*n)
	f.Shows.High, f.Shows.Seen, f.Shows.Foreseen = shows[0], shows[1], shows[2]
	copy(f.Shows.Bought[:], shows[3:])
	copy(f.Shows.Awaited[:], shows[3+n:])
	return f
}

// equal compares Redis with the rule, to the last bit.
func (w *lineWorld) equal(t rapidT) {
	t.Helper()
	want := w.front
	if want.At == 0 { // nothing happened yet
		return
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".yet" }, cmp.Ignore())
	if diff := cmp.Diff(want, w.state(t), ignore, cmp.AllowUnexported(line.Shows{}), sameSeconds); diff != "" {
		t.Fatalf("Redis differs from the rule (-rule +Redis):\n%s", diff)
	}
}

// sameSeconds takes none for an empty list, as both are.
var sameSeconds = cmp.Comparer(func(a, b []line.Second) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
})

// TestScriptsAreTheRuleOfTheLine runs random histories of a line against internal/line: joins, purchases,
// sold-out times, returns, pauses, clocks that are set back, and fronts that Redis has lost.
func TestScriptsAreTheRuleOfTheLine(t *testing.T) {
	s, client := newStore(t, fastRedis(t), "n1")
	rapid.Check(t, func(t *rapid.T) {
		w := newLineWorld(t, client, s, rapid.SampledFrom([]int{1, 10, 1000, 100_000}).Draw(t, "total"),
			rapid.SampledFrom([]int{1, 7, 200, 5000}).Draw(t, "rate"), rapid.IntRange(1, 4).Draw(t, "limit"))
		t.Repeat(map[string]func(*rapid.T){
			"":       func(t *rapid.T) { w.equal(t) },
			"join":   func(t *rapid.T) { w.join(t, rapid.Int64Range(1, 20_000).Draw(t, "places")) },
			"second": func(t *rapid.T) { w.advance(t, time.Second, 0) },
			"some": func(t *rapid.T) {
				for range rapid.IntRange(2, 60).Draw(t, "seconds") {
					w.advance(t, time.Second, 0)
				}
			},
			"pass": func(t *rapid.T) {
				w.advance(t, time.Duration(rapid.Int64Range(0, 120_000).Draw(t, "ms"))*time.Millisecond, 0)
			},
			"set back": func(t *rapid.T) {
				w.advance(t, -time.Duration(rapid.Int64Range(0, 20_000).Draw(t, "ms"))*time.Millisecond, 0)
			},
			"restore": func(t *rapid.T) {
				w.advance(t, 0, max(0, w.front.Front+rapid.Int64Range(-2, 5).Draw(t, "more")))
			},
			"buy":    w.buys,
			"buy 2":  w.buys,
			"return": w.returns,
		})
	})
}

func (w *lineWorld) join(t *rapid.T, places int64) {
	w.stock.Joined += places
	w.set(t, "joined", w.stock.Joined)
}

// buys has places try that have been admitted lately, or long ago.
func (w *lineWorld) buys(t *rapid.T) {
	n := rapid.IntRange(1, 20).Draw(t, "tries")
	places, quantities := make([]int64, n), make([]int64, n)
	for i := range places {
		back := rapid.OneOf(rapid.Int64Range(-2, 20), rapid.Int64Range(0, 5000)).Draw(t, "back")
		places[i], quantities[i] = w.front.Front-back, rapid.Int64Range(1, w.stock.Limit).Draw(t, "quantity")
	}
	w.tries(t, places, quantities)
}

// returns has tickets that were bought come back.
func (w *lineWorld) returns(t *rapid.T) {
	n := w.stock.Total - w.stock.Remaining
	if n == 0 {
		return
	}
	w.stock.Remaining += rapid.Int64Range(1, n).Draw(t, "returned")
	w.set(t, "remaining", w.stock.Remaining)
	w.set(t, "held", w.stock.Total-w.stock.Remaining)
}

// tries has places buy in one batch, and compares each answer with the rule's.
func (w *lineWorld) tries(t rapidT, places, quantities []int64) {
	t.Helper()
	ctx, n := context.Background(), len(places)
	var ids, sizes []byte
	want, buyers, list := "", make([]any, n), make([]string, n)
	for i, place := range places {
		id := modelSales.Add(1)
		ids = fmt.Appendf(ids, "%016d", id)
		sizes = append(sizes, 0, byte(quantities[i]))
		buyers[i], list[i] = fmt.Sprintf("buyer-%d", id), strconv.FormatInt(max(0, place), 10)
		want += w.rule(max(0, place), quantities[i])
	}
	args := append([]any{"n1", "0", "", w.stock.Now + 2000, ids, sizes}, buyers...)
	raw, err := timedDeduct.Call(ctx, w.client, w.keys, append(args, "", strings.Join(list, ",")))
	if err != nil {
		t.Fatal(err)
	}
	reply := map[string]any{}
	for i := 0; i < len(raw); i += 2 {
		reply[raw[i].(string)] = raw[i+1]
	}
	if reply["outcomes"] != want || reply["remaining"] != w.stock.Remaining || reply["front"] != w.front.Front {
		t.Fatalf("places %v of front %d: got %v with %v left, want %s with %d", places, w.front.Front, reply["outcomes"], reply["remaining"], want, w.stock.Remaining)
	}
}

// rule is the letter of deduct for a place that tries.
func (w *lineWorld) rule(place, quantity int64) string {
	late := w.late[place]
	switch w.front.Turn(place, late, w.stock.Now) {
	case line.NotYet:
		return "t"
	case line.IsLate:
		w.late[place] = w.front.JoinLate()
		return "t"
	}
	switch {
	case w.stock.Remaining == 0:
		return "s"
	case w.stock.Remaining < quantity:
		return "m"
	}
	w.stock.Remaining -= quantity
	w.front.Bought(place, late, quantity, w.stock.Now)
	return "h"
}
