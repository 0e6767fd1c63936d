package board

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/failurelog"
	"onsale/internal/sale"
)

const (
	// frameEvery is how often viewers get a frame while nothing happens, and frameGap is the least time between two frames,
	// however much happens. Raised, the board lags behind; lowered, the allocator and browsers work more.
	frameEvery = 500 * time.Millisecond
	frameGap   = 100 * time.Millisecond
	// readEvery is how often the other parts are read while somebody looks. Raised, their state is older; lowered, Redis gets
	// more calls. readLimit bounds one reading.
	readEvery = time.Second
	readLimit = time.Second
	// lookEvery is how often a silence of Redis is looked for.
	lookEvery = 200 * time.Millisecond
	// rankEvery is how often the hottest sales are found anew. Raised, a sale that heats is listed later; lowered, frames cost more.
	rankEvery = time.Second
	// maxListed is how many sales a viewer can choose from without typing. Raised, every frame is longer.
	maxListed = 50
)

// Site is what the board shows. Its functions are called from one goroutine. All but Read return at once.
type Site struct {
	Name string // of this allocator
	// View is the nodes that gossip knows, and Probed when they last answered a probe.
	View   func() sale.View
	Probed func() map[string]time.Time
	// Survey is the last survey of a sale that this allocator plans, and Surveys are all of them.
	Survey  func(sale.ID) (sale.Survey, bool)
	Surveys func() []sale.Survey
	// Read reads what is not known without asking Redis. chosen are the sales that somebody looks at.
	Read func(ctx context.Context, chosen []sale.ID) (Reading, error)
}

// Reading is what Redis knows of a site beside its sales.
type Reading struct {
	Parts    adminapi.Parts
	Settings map[string]sale.NodeSetting
	Answers  map[string]map[string]int64 // node → code → how many, since the node's start
	Audits   map[sale.ID]sale.Audited    // the last ones, of chosen sales
}

// Board makes frames of what happens at a site, for any number of viewers.
type Board struct {
	site   Site
	feed   *Feed
	tokens adminapi.Tokens
	log    *zap.Logger
	run    string // of this process
	fails  *failurelog.Log[string]

	latest atomic.Pointer[frame]

	mu      sync.Mutex
	viewers int
	chosen  map[sale.ID]int // by how many viewers
	came    chan struct{}   // capacity 1: a viewer has come, or chosen a sale
	closed  bool

	// The rest belongs to Run.

	reading Reading
	failed  error // why reading is old
	readAt  time.Time
	answers answers
	ranked  time.Time // when hottest was found
	hottest []sale.ID
	count   int // of all sales
}

// frame is one state of the site. It is never changed once it is published, so all viewers share it.
type frame struct {
	next   chan struct{} // closed when there is a newer one
	site   json.RawMessage
	sales  map[sale.ID]json.RawMessage // those that viewers have chosen; null: not known here
	first  sale.ID                     // the hottest; "": there is none
	events []Event                     // of the site
	of     map[sale.ID][]Event         // and of each chosen sale
}

// New makes a board. tokens are the operators'. It shows nothing until Run.
func New(site Site, feed *Feed, tokens adminapi.Tokens, log *zap.Logger) *Board {
	b := &Board{
		site: site, feed: feed, tokens: tokens, log: log, run: rand.Text(), fails: failurelog.New[string](log, nil),
		chosen: map[sale.ID]int{}, came: make(chan struct{}, 1),
	}
	b.latest.Store(&frame{next: make(chan struct{})})
	return b
}

// Run makes frames while somebody looks, until ctx ends; then all viewers are let go.
func (b *Board) Run(ctx context.Context) error {
	var reading sync.WaitGroup
	defer reading.Wait()
	reads := make(chan read, 1)
	underWay := false
	frames, looks := time.NewTicker(frameEvery), time.NewTicker(lookEvery)
	defer frames.Stop()
	defer looks.Stop()
	var last time.Time // of a frame
	kept := time.Now()
	var soon <-chan time.Time
	for {
		due := false
		select {
		case <-ctx.Done():
			b.close()
			return nil
		case <-looks.C:
			b.feed.look()
		case r := <-reads:
			underWay = false
			b.take(r)
		case <-frames.C:
			due = true
			if time.Since(kept) > time.Minute {
				kept = time.Now()
				b.feed.keep(func(id sale.ID) bool { _, known := b.site.Survey(id); return known })
			}
		case <-b.feed.woke:
			soon = b.soon(soon, last)
		case <-b.came:
			soon = b.soon(soon, last)
		case <-soon:
			due = true
		}
		chosen, watched := b.watched()
		if !watched {
			soon = nil
			continue
		}
		if now := time.Now(); !underWay && now.Sub(b.readAt) >= readEvery {
			b.readAt, underWay = now, true
			reading.Go(func() { reads <- b.read(ctx, chosen) })
		}
		if due {
			soon, last = nil, time.Now()
			b.publish(chosen)
		}
	}
}

// soon is when the next frame is due, at once but for the gap behind the last one.
func (b *Board) soon(due <-chan time.Time, last time.Time) <-chan time.Time {
	if due != nil {
		return due
	}
	return time.After(frameGap - time.Since(last))
}

// read is a reading, or why there is none.
type read struct {
	Reading
	err error
	at  time.Time
}

func (b *Board) read(ctx context.Context, chosen []sale.ID) read {
	call, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	r, err := b.site.Read(call, chosen)
	if ctx.Err() == nil {
		var kind *failurelog.Kind
		if err != nil {
			kind = unread
		}
		b.fails.Note("", kind, err)
	}
	return read{r, err, time.Now()}
}

// unread is logged while the board shows old parts.
var unread = &failurelog.Kind{Begins: "the board can't read which programs run; it shows what it knew", Over: "the board can read which programs run again", Level: zap.WarnLevel}

// take keeps what was known where a reading has failed: an outage is when operators look.
func (b *Board) take(r read) {
	if b.failed = r.err; r.err == nil {
		b.reading = r.Reading
		b.answers.take(r.at, r.Answers)
	}
}

// watched returns the sales that are looked at, and whether anybody looks.
func (b *Board) watched() ([]sale.ID, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.chosen)), b.viewers > 0
}

// publish makes a frame and has all viewers send it.
func (b *Board) publish(chosen []sale.ID) {
	now := time.Now()
	next := &frame{next: make(chan struct{}), sales: map[sale.ID]json.RawMessage{}, of: map[sale.ID][]Event{}}
	site := b.siteNow(now)
	if len(site.Sales) > 0 {
		next.first = sale.ID(site.Sales[0].ID)
	}
	next.site = encoded(site)
	for _, id := range chosen {
		next.sales[id] = json.RawMessage("null")
		if v, known := b.site.Survey(id); known {
			next.sales[id] = encoded(b.saleNow(v, now))
		}
	}
	b.feed.mu.Lock()
	next.events = slices.Clone(b.feed.site.events)
	for _, id := range chosen {
		if s := b.feed.sales[id]; s != nil {
			next.of[id] = slices.Clone(s.events.events)
		}
	}
	b.feed.mu.Unlock()
	old := b.latest.Swap(next)
	close(old.next)
}

func encoded(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts, numbers and times can be encoded
	}
	return text
}

func (b *Board) siteNow(now time.Time) siteNow {
	d := siteNow{Time: now.UTC(), Name: b.site.Name, Run: b.run, Probed: map[string]float64{}, Answers: b.answers.now(), Sales: []listed{}}
	view := b.site.View()
	probed := b.site.Probed()
	for _, n := range view {
		if at, known := probed[n.Name]; known {
			d.Probed[n.Name] = now.Sub(at).Seconds()
		}
	}
	d.Nodes = adminapi.Nodes{Nodes: adminapi.NewNodes(view, b.reading.Settings), Time: now.UTC()}
	if b.reading.Parts.Allocators != nil {
		d.Nodes.Parts = &b.reading.Parts
	}
	if b.failed != nil {
		d.Nodes.Unknown = "Redis did not answer which allocators and ledgers run"
	}
	for _, a := range b.reading.Parts.Allocators {
		if a.AllocatorState != nil && a.Leads && a.Name != b.site.Name {
			d.Leader = a.Admin
		}
	}
	b.rank(now)
	d.Count = b.count
	b.feed.mu.Lock()
	defer b.feed.mu.Unlock()
	d.Leads, d.Away, d.Gone = b.feed.leads, b.feed.away, b.feed.goneNodes()
	for _, id := range b.hottest {
		if v, known := b.site.Survey(id); known {
			d.Sales = append(d.Sales, listed{string(id), v.Sale.Title, v.Counters.Remaining, v.Counters.Total, b.feed.rate(id)})
		}
	}
	return d
}

// rank finds the hottest sales anew once they may be others: with thousands of sales that is the most that a frame costs.
func (b *Board) rank(now time.Time) {
	if now.Sub(b.ranked) < rankEvery {
		return
	}
	surveys := b.site.Surveys()
	b.ranked, b.count = now, len(surveys)
	b.feed.mu.Lock()
	defer b.feed.mu.Unlock()
	b.hottest = b.feed.hottest(surveys)
}

func (b *Board) saleNow(v sale.Survey, now time.Time) saleNow {
	d := newSaleNow(v, now)
	b.feed.mu.Lock()
	d.PerSecond = b.feed.rate(v.Sale.ID)
	b.feed.mu.Unlock()
	nodes := adminapi.Nodes{}
	if b.reading.Parts.Ledgers != nil {
		nodes.Parts = &b.reading.Parts
	}
	if lag, known := nodes.Lag(d.ID); known {
		d.Behind = &lag
	}
	if a, known := b.reading.Audits[v.Sale.ID]; known {
		d.Audited = &a
	}
	return d
}
