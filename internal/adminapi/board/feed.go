package board

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"onsale/internal/rebalance"
	"onsale/internal/sale"
)

const (
	// redisPatience is for how long Redis may not answer until that is an event. Healthy, it answers every half second or
	// more often. Raised, an outage is shown later; lowered, a slow call is shown as one.
	redisPatience = 1200 * time.Millisecond
	// maxHistories is how many sales have a curve: the hot ones, and those that were hot last. Raised, it costs memory, some
	// 30 KB each; lowered, a sale that rests loses its curve earlier.
	maxHistories = 256
	// maxGone is how many nodes that went without a word, or left, are shown, and goneFor for how long.
	maxGone = 100
	goneFor = 10 * time.Minute
)

// Feed takes in what the allocator's hooks report. Its methods are called from many goroutines and wait for nothing but
// each other.
type Feed struct {
	now  func() time.Time
	woke chan struct{} // capacity 1: something happened that viewers should see at once

	mu       sync.Mutex
	number   int64 // of the last event
	site     timeline
	sales    map[sale.ID]*followed
	nodes    map[string]sale.Node // as they were reported last
	gone     map[string]Gone
	leads    bool
	answered time.Time // when Redis answered last; zero: it has not yet
	away     bool
	listed   int // how many sales have a history
}

// Gone is a node that does not run any more.
type Gone struct {
	Name string    `json:"name"`
	Kind Kind      `json:"kind"` // left or killed
	At   time.Time `json:"at"`
}

// NewFeed makes one that knows nothing yet.
func NewFeed() *Feed {
	return &Feed{
		now: time.Now, woke: make(chan struct{}, 1), site: timeline{most: siteEvents},
		sales: map[sale.ID]*followed{}, nodes: map[string]sale.Node{}, gone: map[string]Gone{},
	}
}

// happened records an event, in the sale's timeline or in the site's. The caller holds mu.
func (f *Feed) happened(of *timeline, e Event) {
	f.number++
	e.Number, e.At = f.number, f.now().UTC()
	of.add(e)
	select {
	case f.woke <- struct{}{}:
	default:
	}
}

// Surveyed takes in a survey that planning has made.
func (f *Feed) Surveyed(v sale.Survey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.redisAnswered()
	s := f.sales[v.Sale.ID]
	if s == nil {
		s = newFollowed(v)
		f.sales[v.Sale.ID] = s
		return
	}
	for _, e := range s.differences(v) {
		e.Sale = string(v.Sale.ID)
		f.happened(&s.events, e)
	}
	if s.history == nil {
		f.makeRoom()
		s.history = new(history)
		f.listed++
	}
	s.take(f.now(), v)
}

// makeRoom forgets the curve that has not moved for the longest time if there is no room for another one.
func (f *Feed) makeRoom() {
	if f.listed < maxHistories {
		return
	}
	var oldest *followed
	for _, s := range f.sales {
		if s.history != nil && (oldest == nil || s.moved.Before(oldest.moved)) {
			oldest = s
		}
	}
	oldest.history = nil
	f.listed--
}

// Dropped forgets a sale that was archived.
func (f *Feed) Dropped(id sale.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(id)
}

func (f *Feed) drop(id sale.ID) {
	if s := f.sales[id]; s != nil && s.history != nil {
		f.listed--
	}
	delete(f.sales, id)
}

// Planned takes in that a plan was written.
func (f *Feed) Planned(id sale.ID, plan sale.Generation, reason rebalance.Reason, nodes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sales[id]; s != nil {
		f.happened(&s.events, Event{Kind: Planned, Sale: string(id), Reason: string(reason), Nodes: nodes, Plan: int64(plan)})
	}
}

// Leading takes in that this allocator begins or ceases to lead.
func (f *Feed) Leading(leads bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leads != leads {
		f.leads = leads
		f.happened(&f.site, Event{Kind: map[bool]Kind{true: Leading, false: Standby}[leads]})
	}
}

// RedisAnswered takes in that Redis has answered a call.
func (f *Feed) RedisAnswered() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.redisAnswered()
}

func (f *Feed) redisAnswered() {
	f.answered = f.now()
	if f.away {
		f.away = false
		f.happened(&f.site, Event{Kind: RedisBack})
	}
}

// look finds out whether Redis has not answered for too long. It is called a few times a second.
func (f *Feed) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.away && !f.answered.IsZero() && f.now().Sub(f.answered) > redisPatience {
		f.away = true
		f.happened(&f.site, Event{Kind: RedisAway})
	}
}

// NodeJoined takes in a node that gossip knows.
func (f *Feed) NodeJoined(n sale.Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes[n.Name] = n
	delete(f.gone, n.Name)
	f.happened(&f.site, Event{Kind: Joined, Node: n.Name})
}

// NodeUpdated takes in a node that announced something else than before.
func (f *Feed) NodeUpdated(n sale.Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.nodes[n.Name]
	f.nodes[n.Name] = n
	switch {
	case n.Drained != was.Drained:
		f.happened(&f.site, Event{Kind: map[bool]Kind{true: Drained, false: Undrained}[n.Drained], Node: n.Name})
	case n.Ready != was.Ready && !n.Draining: // one that shuts down is not ready, and leaves in a moment
		f.happened(&f.site, Event{Kind: map[bool]Kind{true: Ready, false: Unready}[n.Ready], Node: n.Name})
	}
}

// NodeLeft and NodeFailed take in that a node has gone.
func (f *Feed) NodeLeft(n sale.Node) { f.went(n, Left) }

// NodeFailed is for one that went without a word.
func (f *Feed) NodeFailed(n sale.Node) { f.went(n, Killed) }

func (f *Feed) went(n sale.Node, how Kind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.nodes, n.Name)
	f.happened(&f.site, Event{Kind: how, Node: n.Name})
	f.gone[n.Name] = Gone{Name: n.Name, Kind: how, At: f.now().UTC()}
	if len(f.gone) > maxGone {
		delete(f.gone, f.goneNodes()[0].Name)
	}
}

// goneNodes are those that went lately, the first one first. The caller holds mu.
func (f *Feed) goneNodes() []Gone {
	maps.DeleteFunc(f.gone, func(_ string, g Gone) bool { return f.now().Sub(g.At) > goneFor })
	gone := append([]Gone{}, slices.Collect(maps.Values(f.gone))...)
	slices.SortFunc(gone, func(a, b Gone) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Name, b.Name)) })
	return gone
}

// keep forgets the sales that are not planned any more. Another allocator may have led while they were archived.
func (f *Feed) keep(planned func(sale.ID) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.leads { // nothing is known then
		return
	}
	for id := range f.sales {
		if !planned(id) {
			f.drop(id)
		}
	}
}
