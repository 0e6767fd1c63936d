package board

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// shown is a message as a browser reads it.
type shown struct {
	Site   siteNow
	Chosen string
	Sale   *saleNow
	Curve  [][4]int64
	Events []Event
}

// stream is a browser that looks.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func look(t *testing.T, url, id string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/board/events?sale="+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("got %s, want 200", answer.Status)
	}
	s := &stream{t: t, lines: bufio.NewScanner(answer.Body), close: func() { cancel(); answer.Body.Close() }}
	s.lines.Buffer(nil, 1<<20)
	t.Cleanup(s.close)
	return s
}

// next is the next message; ok is false at the end.
func (s *stream) next() (m shown, ok bool) {
	s.t.Helper()
	for s.lines.Scan() {
		if text, is := strings.CutPrefix(s.lines.Text(), "data: "); is {
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				s.t.Fatal(err)
			}
			return m, true
		}
	}
	return m, false
}

func TestAViewerGetsTheSiteAndOneSale(t *testing.T) {
	f := newFake(100, 5_000)
	url := f.serve(t).URL
	for held := range int64(3) {
		f.survey(f.stock("sale-0001", 10_000, held, 1))
	}
	s := look(t, url, "sale-0001")
	m, _ := s.next()
	if len(m.Site.Nodes.Nodes) != 100 || m.Site.Count != 5_000 || len(m.Site.Sales) != maxListed || len(m.Curve) == 0 || m.Sale.Held != 2 || len(m.Sale.Plan) != 100 {
		t.Errorf("got %d nodes, %d sales, %d listed, %d points and %+v", len(m.Site.Nodes.Nodes), m.Site.Count, len(m.Site.Sales), len(m.Curve), m.Sale)
	}
	if got := len(m.Events); got < 100 {
		t.Errorf("got %d events, want those of the nodes that joined", got)
	}
	last := m.Events[len(m.Events)-1].Number
	for m.Sale.Behind == nil || m.Sale.Audited == nil || m.Site.Answers == nil { // what is read comes later
		if m, _ = s.next(); len(m.Curve) > 0 {
			t.Error("got the curve twice, want it once")
		}
	}
	for _, name := range []string{"n007", "n050", "n093"} {
		f.kill(name)
	}
	begun, killed := time.Now(), 0
	for killed < 3 {
		m, ok := s.next()
		if !ok {
			t.Fatal("the stream has ended")
		}
		for _, e := range m.Events {
			if e.Number <= last {
				t.Errorf("got event %d twice, %+v", e.Number, e)
			}
			last = e.Number
			if e.Kind == Killed {
				killed++
			}
		}
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("got the events after %v, want them within 2 s", took)
	}
}

// Without a choice the hottest sale is shown, and stays.
func TestAViewerWithoutAChoiceGetsTheHottestSale(t *testing.T) {
	f := newFake(2, 3)
	url := f.serve(t).URL
	for step := range int64(4) {
		v := f.stock("sale-0003", 100, step, 0)
		v.Reading.At = sale.Instant(1_000_000 + step*200)
		f.survey(v)
	}
	s := look(t, url, "")
	m, _ := s.next()
	if m.Chosen != "sale-0003" || m.Sale == nil || len(m.Curve) == 0 {
		t.Errorf("got %q, sale %v, want sale-0003 with its curve", m.Chosen, m.Sale)
	}
	unknown := look(t, url, "not-there")
	if m, _ := unknown.next(); m.Chosen != "not-there" || m.Sale != nil {
		t.Errorf("got %q and %v, want a sale that is not known", m.Chosen, m.Sale)
	}
}

// Whoever looks, Redis is asked once a second, and not at all while nobody does.
func TestMoreViewersMakeNoMoreReads(t *testing.T) {
	f := newFake(3, 3)
	url := f.serve(t).URL
	time.Sleep(3 * readEvery / 2) // that nothing happens can only be waited for
	if f.reads.Load() != 0 {
		t.Error("got reads while nobody looks")
	}
	var all []*stream
	for i := range MaxViewers {
		all = append(all, look(t, url, fmt.Sprintf("sale-%04d", i%3+1)))
	}
	before, begun := f.reads.Load(), time.Now()
	for time.Since(begun) < 2*readEvery {
		for _, s := range all {
			s.next()
		}
	}
	most := int64(time.Since(begun)/readEvery) + 2
	if got := f.reads.Load() - before; got > most {
		t.Errorf("got %d reads with %d viewers, want at most %d", got, MaxViewers, most)
	}
}

func TestViewersAreFew(t *testing.T) {
	f := newFake(1, 1)
	url := f.serve(t).URL
	var all []*stream
	for range MaxViewers {
		all = append(all, look(t, url, "sale-0001"))
	}
	status := func() int {
		r, _ := http.NewRequest(http.MethodGet, url+"/board/events", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		answer, err := http.DefaultClient.Do(r.WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	if got := status(); got != http.StatusServiceUnavailable {
		t.Errorf("got %d for one viewer more, want 503", got)
	}
	all[0].close()
	await.Until(t, "a place once a viewer has gone", func() bool { return status() == http.StatusOK })
}

// A viewer that reads slowly gets the newest frame next, and misses no event.
func TestASlowViewerSkipsToTheNewestFrame(t *testing.T) {
	f := newFake(3, 1)
	f.serve(t)
	frames, got := make(chan message), []message{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if !f.board.enter("sale-0001") {
		t.Fatal("no place")
	}
	v := viewer{board: f.board, id: "sale-0001"}
	defer f.board.leave(v.id)
	go func() {
		_ = v.follow(ctx, func(m message) error {
			select {
			case frames <- m: // unbuffered: it waits for the reader
			case <-ctx.Done():
			}
			return nil
		})
	}()
	got = append(got, <-frames)
	first := f.board.latest.Load()
	for i := range 5 { // frames that the viewer does not take
		at := f.board.latest.Load()
		f.kill(fmt.Sprintf("x%d", i))
		<-at.next
	}
	published := 0
	for at := first; at != f.board.latest.Load(); published++ {
		<-at.next
		at = f.board.latest.Load()
	}
	got = append(got, <-frames, <-frames)
	killed := map[string]int{}
	for _, m := range got {
		for _, e := range m.Events {
			if e.Kind == Killed {
				killed[e.Node]++
			}
		}
	}
	for i := range 5 {
		if n := killed[fmt.Sprintf("x%d", i)]; n != 1 {
			t.Errorf("got the event of x%d %d times, want it once in the next two frames", i, n)
		}
	}
}

// The admin port has limits for requests; a stream outlives them.
func TestAStreamOutlivesThePortsLimits(t *testing.T) {
	f := newFake(1, 1)
	f.readTimeout = time.Second
	url := f.serve(t).URL
	s := look(t, url, "sale-0001")
	for begun := time.Now(); time.Since(begun) < 3*f.readTimeout; {
		if _, ok := s.next(); !ok {
			t.Fatalf("the stream ended after %v, want it to go on", time.Since(begun))
		}
	}
}

// An allocator that ends lets its viewers go, or it would wait for them.
func TestViewersAreLetGoAtTheEnd(t *testing.T) {
	f := newFake(1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.board.Run(ctx) }()
	if !f.board.enter("") {
		t.Fatal("no place")
	}
	follow := func() <-chan error {
		followed := make(chan error, 1)
		v := viewer{board: f.board}
		go func() { followed <- v.follow(context.Background(), func(message) error { return nil }) }()
		return followed
	}
	early := follow()
	cancel()
	for _, c := range []<-chan error{ended, early} {
		mustEnd(t, c)
	}
	mustEnd(t, follow()) // it had entered, and begins only now
	if f.board.enter("") {
		t.Error("got a place at a board that has ended, want none")
	}
}

func mustEnd(t *testing.T, c <-chan error) {
	t.Helper()
	select {
	case err := <-c:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}
