package board

import (
	"context"
	"crypto/rand"
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
