package board

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
)

const token = "an admin token of a test"

// fake is a site of many nodes and sales, which a test changes.
type fake struct {
	board *Board
	feed  *Feed
	reads atomic.Int64

	readTimeout time.Duration // of the server; 0: none

	mu      sync.Mutex
	view    sale.View
	surveys map[sale.ID]sale.Survey
	reading Reading
}

func newFake(nodes, sales int) *fake {
	f := &fake{feed: NewFeed(), surveys: map[sale.ID]sale.Survey{}}
	for i := range nodes {
		n := sale.Node{Name: fmt.Sprintf("n%03d", i+1), Address: fmt.Sprintf("10.0.0.%d:8081", i+1), Weight: 1, Ready: true}
		f.view = append(f.view, n)
		f.feed.NodeJoined(n)
	}
	f.feed.Leading(true)
	for i := range sales {
		f.survey(f.stock(sale.ID(fmt.Sprintf("sale-%04d", i+1)), 10_000, 0, 0))
	}
	f.reading = Reading{
		Parts: adminapi.Parts{
			Allocators: []adminapi.Allocator{{Name: "a01", AllocatorState: &adminapi.AllocatorState{Admin: "10.0.0.2:9080", Ready: true, Leads: true}}},
			Ledgers:    []adminapi.Ledger{{Name: "l01", LedgerState: &adminapi.LedgerState{Ready: true, Sales: sales, Waiting: 12, WaitedSeconds: 0.2, Behind: []adminapi.Behind{{Sale: "sale-0001", Waiting: 12, WaitedSeconds: 0.2}}}}},
		},
		Answers: map[string]map[string]int64{"n001": {"created": 5120, "replayed": 31, "sold-out": 8, "busy": 2, "already-ordered": 77}},
		Audits:  map[sale.ID]sale.Audited{"sale-0001": {At: time.Now().Add(-time.Hour), Ledger: true}},
	}
	f.board = New(Site{
		Name:   "a01",
		View:   func() sale.View { f.mu.Lock(); defer f.mu.Unlock(); return f.view },
		Probed: f.probed,
		Survey: func(id sale.ID) (sale.Survey, bool) {
			f.mu.Lock()
			defer f.mu.Unlock()
			v, ok := f.surveys[id]
			return v, ok
		},
		Surveys: f.all,
		Read:    f.read,
	}, f.feed, adminapi.Tokens{"another token of the test", token}, zap.NewNop())
	return f
}

func (f *fake) probed() map[string]time.Time {
	at := map[string]time.Time{}
	for i, n := range f.view {
		at[n.Name] = time.Now().Add(-time.Duration(i%20) * 200 * time.Millisecond)
	}
	return at
}

func (f *fake) all() (all []sale.Survey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.surveys {
		all = append(all, v)
	}
	return all
}

func (f *fake) read(context.Context, []sale.ID) (Reading, error) {
	f.reads.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reading, nil
}

// stock is a survey of a sale with a plan for all nodes.
func (f *fake) stock(id sale.ID, total, held, paid int64) sale.Survey {
	v := sale.Survey{
		Sale:     sale.Sale{ID: id, Title: "Sale " + string(id), Kind: sale.Ticket, Limit: 4, HoldFor: time.Minute},
		Counters: sale.Counters{Total: total, Remaining: total - held - paid, Held: held, Paid: paid}, Recorded: true,
	}
	v.Reading = sale.Reading{Sent: time.Now(), At: sale.Instant(time.Now().UnixMilli()), Remaining: v.Counters.Remaining, Plan: 1764316800123, Stock: 1}
	v.Sale.Total = total
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, n := range f.view {
		slice := v.Counters.Remaining / int64(len(f.view))
		v.Shares = append(v.Shares, sale.Share{Node: n.Name, Slice: slice, Buffer: slice/10 + 1, Claimed: int64(i) % (slice/3 + 1)})
	}
	return v
}

// survey is what a planner does.
func (f *fake) survey(v sale.Survey) {
	f.mu.Lock()
	f.surveys[v.Sale.ID] = v
	f.mu.Unlock()
	f.feed.Surveyed(v)
}

// kill takes a node out, as gossip does.
func (f *fake) kill(name string) {
	f.mu.Lock()
	var left sale.View
	for _, n := range f.view {
		if n.Name != name {
			left = append(left, n)
		}
	}
	f.view = left
	f.mu.Unlock()
	f.feed.NodeFailed(sale.Node{Name: name})
}

// serve runs the board until the test ends.
func (f *fake) serve(t *testing.T) *httptest.Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.board.Run(ctx) }()
	answering := time.NewTicker(200 * time.Millisecond) // as the lease's calls are
	t.Cleanup(answering.Stop)
	go func() {
		for {
			select {
			case <-answering.C:
				f.feed.RedisAnswered()
			case <-ctx.Done():
				return
			}
		}
	}()
	mux := http.NewServeMux()
	f.board.Register(mux)
	server := httptest.NewUnstartedServer(mux)
	server.Config.ReadTimeout = f.readTimeout
	server.Start()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.CloseClientConnections()
		server.Close()
	})
	return server
}
