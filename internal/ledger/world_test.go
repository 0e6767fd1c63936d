package ledger

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// worldRuns is how many histories one test run makes up.
const worldRuns = 10_000

// world is one sale in a Redis, a ledger and nodes, each of which may lose what it has, and
// everything of it that somebody was answered. All of it is in memory: Redis is the naive
// model, the ledger a record of events. What reconciles them is the real [Reconciler].
type world struct {
	t       *rapid.T
	tally   map[string]int // of all runs
	now     sale.Instant
	serial  int
	redis   *kept   // nil: Redis is empty
	saves   []*kept // to which it may go back, oldest first
	ledger  worldRecord
	backups []worldRecord
	nodes   []*worldNode
	planner *worldNode // ends what is overdue. Nobody asks it what it has seen
	claims  []sale.Claim
	fault   fault
	written bool                             // it has changed a record
	had     []sale.Records                   // what it has read
	book    sale.Mark                        // the ledger's
	tip     sale.Mark                        // the furthest of these
	linkAt  func(m sale.Mark) (string, bool) // of Redis

	acks         []*ack
	acknowledged map[sale.Mark]map[*ack]bool // what was acknowledged in the history up to a mark
	dropped      map[sale.OrderID]bool       // ended orders that Redis has removed
}

// worldNode is a process that sends what it has seen with each call. A node also remembers
// the holds that it acknowledged within the last minute.
type worldNode struct {
	name string
	seen sale.Mark
	life string // as it was polled last
	ring []worldHold
}

type worldHold struct {
	order sale.Order
	mark  sale.Mark
	again bool // the event before or at the mark that granted it is another one
	since sale.Instant
}

func (n *worldNode) raise(m sale.Mark) {
	if n.seen.Before(m) {
		n.seen = m
	}
}

// ack is one thing that somebody was answered: an order, a payment or a restock, as it was.
type ack struct {
	mark    sale.Mark // of the event that made it so
	order   sale.Order
	payment sale.Payment
	restock sale.Restock
	held    bool // by a claim, so that the node remembers it
	again   bool // which was sent again
	gone    bool // reported as lost, or nobody could know
}

var worldBuyers = []sale.Buyer{"ann", "bob", "cid", "dan"}

func newWorld(t *rapid.T, tally map[string]int) *world {
	w := &world{
		t: t, tally: tally, now: start, planner: &worldNode{name: "planner"},
		acknowledged: map[sale.Mark]map[*ack]bool{{}: {}}, dropped: map[sale.OrderID]bool{},
	}
	w.backups = []worldRecord{{records: sale.NewRecords()}}
	w.ledger = w.backups[0].clone()
	for range 3 {
		w.addNode()
	}
	w.open()
	if oneOf(w, "recorded", true, true, true, false) {
		w.must(w.read(false))
	}
	return w
}

func (w *world) id(prefix string) string {
	w.serial++
	return fmt.Sprint(prefix, w.serial)
}

func (w *world) addNode() { w.nodes = append(w.nodes, &worldNode{name: w.id("node-")}) }

func (w *world) count(format string, args ...any) { w.tally[fmt.Sprintf(format, args...)]++ }

// open opens the sale where Redis does not have it, as a deploy script does, whatever was.
func (w *world) open() {
	if w.redis != nil {
		return
	}
	if w.ledger.found {
		w.count("opened a second time")
	}
	d := sale.Sale{ID: "s", Title: "Night", Price: oneOf[int64](w, "price", 0, 100, 100, 100), Currency: "EUR", Total: 3, Limit: 2, Lapses: 2, HoldFor: time.Minute}
	m := model.New(d, w.id("life-"), true)
	m.Now = w.now
	w.redis = newKept(m)
	w.extend(sale.Mark{})
}

// extend takes the events after a mark into the history, and keeps a save of Redis.
func (w *world) extend(last sale.Mark) {
	for _, e := range w.redis.Events() {
		if e.Mark.Seq <= last.Seq {
			continue
		}
		w.acknowledged[e.Mark] = maps.Clone(w.acknowledged[last])
		last = e.Mark
	}
	w.saves = append(w.saves, w.redis.clone())
}

// through makes a call from a process. What it returns is acknowledged, unless the reply is
// lost. A call that runs has lost nothing that its process has seen.
func (w *world) through(n *worldNode, call func() ([]*ack, error)) {
	w.now += oneOf[sale.Instant](w, "pause", 1, 400, 9_000)
	if w.redis == nil {
		return
	}
	m := w.redis
	m.Now = w.now
	knew, before := w.acknowledged[n.seen], m.Chain().Mark
	if err := m.See(n.seen); err != nil {
		w.count("answered LOST")
		return
	}
	for a := range knew {
		if !a.gone && !w.acknowledged[before][a] {
			w.t.Fatalf("%s has seen %+v, of which Redis at %+v has nothing, and Redis goes on", n.name, *a, before)
		}
	}
	acks, err := call()
	w.extend(before)
	if errors.Is(err, sale.ErrUnavailable) {
		w.count("refused before it was recorded")
		return
	}
	if oneOf(w, "reply lost", false, false, false, false, false, false, false, true) {
		w.count("reply lost")
		return
	}
	n.raise(m.Chain().Mark)
	if n.life == "" || rapid.Bool().Draw(w.t, "polled") {
		n.life = m.Chain().Life
	}
	for _, a := range acks {
		w.acks = append(w.acks, a)
		w.acknowledged[m.Chain().Mark][a] = true
		if a.held {
			n.ring = append(n.ring, worldHold{a.order, m.Chain().Mark, a.again, w.now})
		}
	}
}

// oneOf picks one of some with the same chance each; rapid's own generators prefer the ends.
func oneOf[T any](w *world, label string, from ...T) T {
	even := rapid.Custom(func(t *rapid.T) int {
		i := 0
		for n := 4 * len(from); n > 1; n /= 2 {
			i *= 2
			if rapid.Bool().Draw(t, "bit") {
				i++
			}
		}
		return i % len(from)
	})
	return from[even.Draw(w.t, label)]
}

// checks has rapid make so many runs, unless a flag sets how many.
func checks(t *testing.T, runs int) (asked bool) {
	f := flag.Lookup("rapid.checks")
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	before := f.Value.String()
	t.Cleanup(func() { _ = f.Value.Set(before) })
	if !asked {
		if err := f.Value.Set(fmt.Sprint(runs)); err != nil {
			t.Fatal(err)
		}
	}
	return asked
}
