package generator

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestClosedLoopAsksForEveryBuyerOnce(t *testing.T) {
	const first, requests, tickets = 100, 1000, 50
	var mu sync.Mutex
	seen := map[string]int{}
	sold := []Ack{}
	s := startServer(t, func(v attempt) bool {
		mu.Lock()
		defer mu.Unlock()
		seen[v.token]++
		if len(sold) == tickets {
			return always(replySoldOut)(v)
		}
		ack := Ack{v.token, "order-of-" + v.token}
		sold = append(sold, ack)
		return always(render(201, `{"id":"`+ack.Order+`","quantity":1}`))(v)
	})
	o := closed(s, requests, 8)
	o.First = first
	before := time.Now()
	r := mustSend(t, o)
	after := time.Now()
	mu.Lock()
	defer mu.Unlock()

	if diff := cmp.Diff(map[int]int64{201: tickets, 409: requests - tickets}, r.Statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	byBuyer := func(a, b Ack) int { return strings.Compare(a.Buyer, b.Buyer) }
	slices.SortFunc(r.Acks, byBuyer)
	slices.SortFunc(sold, byBuyer)
	if diff := cmp.Diff(sold, r.Acks); diff != "" {
		t.Errorf("acks (-want +got):\n%s", diff)
	}
	var refused int64
	for _, at := range r.SoldOut {
		refused += at.Buyers
		if at.Sent < before.UnixMilli() || at.Received < at.Sent || at.Received > after.UnixMilli() {
			t.Errorf("sold out between %v and %v: got sent %d, received %d", before.UnixMilli(), after.UnixMilli(), at.Sent, at.Received)
		}
	}
	if refused != requests-tickets || r.Latencies[ClassSoldOut].Count() != refused || r.Latencies[ClassSold].Count() != tickets {
		t.Errorf("got %d refused as sold out, with %d latencies, and %d sold, want %d and %d",
			refused, r.Latencies[ClassSoldOut].Count(), r.Latencies[ClassSold].Count(), requests-tickets, tickets)
	}
	for i := range requests {
		if n := seen[Buyer(first+i)]; n != 1 {
			t.Errorf("%s asked %d times, want once", Buyer(first+i), n)
		}
	}
	if len(seen) != requests || len(r.Errors) != 0 || s.accepted.Load() != 8 {
		t.Errorf("got %d buyers, errors %v, %d connections, want %d, none, 8", len(seen), r.Errors, s.accepted.Load(), requests)
	}
	if r.Seconds <= 0 || r.Seconds > after.Sub(before).Seconds() || r.CPUSeconds <= 0 {
		t.Errorf("got %v seconds and %v of processor time within %v", r.Seconds, r.CPUSeconds, after.Sub(before))
	}
}

func TestMoreConnectionsThanRequests(t *testing.T) {
	s := startServer(t, always(replySold))
	if r := mustSend(t, closed(s, 3, 20)); r.Completed != 3 {
		t.Errorf("got %d answers, want 3", r.Completed)
	}
}

// It wakes for each request and for its patrols, and sleeps else: a generator that
// spins would take a core from the servers, one that only patrols would send in bursts.
func TestOpenLoopKeepsItsScheduleWithoutSpinning(t *testing.T) {
	s := startServer(t, always(replySold))
	o := open(s, 26, 4, 50)
	turns, woken := 0, map[time.Duration]bool{}
	r := mustWatch(t, o, func(e *engine) {
		turns++
		woken[e.poll.armed] = true
	})
	checkSums(t, o, r)
	if r.Completed != 26 || r.Seconds < 0.5 {
		t.Errorf("got %d answers in %v seconds, want 26 in at least 0.5", r.Completed, r.Seconds)
	}
	inTime, schedule := 0, newSchedule(o)
	for i := 1; i < 26; i++ {
		if woken[schedule.at(i)] {
			inTime++
		}
	}
	// On a busy machine it oversleeps many of them, and patrols never fall on one.
	if inTime == 0 {
		t.Error("got woken for patrols alone, want for requests too")
	}
	// Two for each request, a hundred a second for patrols.
	if limit := 300 + int(200*r.Seconds); turns > limit {
		t.Errorf("got %d turns, want at most %d", turns, limit)
	}
}

func TestPollWakesInTimeAgainAndAgain(t *testing.T) {
	p, err := newPoll(1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	start := time.Now()
	// The last two are past already, and the same: both must wake it.
	for _, at := range []time.Duration{3 * ms, 7 * ms, 7 * ms, 7 * ms} {
		if err := p.wakeAt(at, time.Since(start)); err != nil {
			t.Fatal(err)
		}
		events, err := p.wait()
		if err != nil || len(events) != 1 || events[0].Fd != timerIndex {
			t.Errorf("got events %v, %v, want the timer's", events, err)
		}
		if now := time.Since(start); now < at {
			t.Errorf("got woken at %v, want not before %v", now, at)
		}
	}
}

func TestTimelineKeepsTenthsApart(t *testing.T) {
	y := newTally(time.Now())
	sold := answer{status: 201, class: ClassSold, order: "o"}
	y.answered(request{intended: 0}, sold, 50*ms)
	y.answered(request{intended: 310 * ms}, sold, 312*ms)
	y.lost(request{intended: 310 * ms}, errReset, 320*ms)
	r := y.finish()
	want := []Second{
		{At: 0, Answers: map[Class]int64{ClassSold: 1}, P99: 50 * ms},
		{At: 0.1, Answers: map[Class]int64{}},
		{At: 0.2, Answers: map[Class]int64{}},
		{At: 0.3, Answers: map[Class]int64{ClassSold: 1, ClassError: 1}, P99: 10 * ms},
	}
	near := cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() <= max(a, b)/1000 })
	if diff := cmp.Diff(want, r.Timeline, near); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
	if r.Seconds != 0.32 {
		t.Errorf("got %v seconds, want 0.32", r.Seconds)
	}
}

// Requests that were due while the server stalled must count as slow, though the
// server answered each of them at once when it got it. A closed loop hides them: it
// did not ask while the server stalled. That is why the two are labelled.
func TestOpenLoopOmitsNoStall(t *testing.T) {
	const stall = 300 * time.Millisecond
	stalling := func() script {
		var mu sync.Mutex // the whole server stalls, not one connection
		return func(v attempt) bool {
			mu.Lock()
			defer mu.Unlock()
			if v.number == 100 {
				time.Sleep(stall) // the service time of one request
			}
			return always(replySold)(v)
		}
	}
	t.Run("open", func(t *testing.T) {
		r := mustSend(t, open(startServer(t, stalling()), 1000, 2, 1000))
		l := r.Latencies[ClassSold]
		if got := l.Quantile(0.99); got < 200*ms {
			t.Errorf("got p99 %v, want at least 200ms", got)
		}
		// About 200 requests were due in the stall's first 200 ms, and waited 100 ms or more.
		if got := l.Quantile(0.81); got < 90*ms {
			t.Errorf("got p81 %v, want the stall to show in a fifth of all requests", got)
		}
		if got := slices.ContainsFunc(r.Timeline, func(p Second) bool { return len(p.Answers) == 0 }); !got {
			t.Errorf("got timeline %v, want a tenth of a second without answers", r.Timeline)
		}
		if worst := slices.MaxFunc(r.Timeline, func(a, b Second) int { return int(a.P99 - b.P99) }); worst.P99 < 200*ms {
			t.Errorf("got p99 %v in the worst tenth of a second, want at least 200ms", worst.P99)
		}
		for i, p := range r.Timeline {
			wantAbout(t, "point of the timeline", time.Duration(p.At*float64(time.Second)), time.Duration(i)*tenth)
		}
	})
	t.Run("closed", func(t *testing.T) {
		l := mustSend(t, closed(startServer(t, stalling()), 1000, 2)).Latencies[ClassSold]
		if l.Quantile(0.99) >= 200*ms || l.Max() < stall-ms {
			t.Errorf("got p99 %v, max %v, want the stall in the max only", l.Quantile(0.99), l.Max())
		}
	})
}

func TestOpenLoopDropsWhatFindsNoConnection(t *testing.T) {
	var mu sync.Mutex
	s := startServer(t, func(v attempt) bool {
		mu.Lock()
		defer mu.Unlock()
		time.Sleep(5 * time.Millisecond) // a fifth of what is asked of it
		return always(replySold)(v)
	})
	o := open(s, 400, 2, 1000)
	o.Late = 50 * time.Millisecond
	r := mustSend(t, o)
	if r.Dropped < 200 || r.Sent == 0 || len(r.Errors) > 0 {
		t.Errorf("got %d dropped, %d sent, errors %v, want most dropped and no error", r.Dropped, r.Sent, r.Errors)
	}
	// Three: the wait until it was sent, the answers of two connections.
	if got := r.Latencies[ClassSold].Max(); got < 45*ms {
		t.Errorf("got at most %v, want the wait in line to count", got)
	}
}

// The generator that oversleeps must not blame the server silently.
func TestGeneratorThatIsBehindReportsIt(t *testing.T) {
	s := startServer(t, always(replySold))
	// A connection for each request: were all of them busy, the server would be to blame.
	o := open(s, 300, 300, 1000)
	o.Late = ms
	slept := false
	r, err := send(o, tokens(300), nil, func() bool {
		if s.asked.Load() >= 10 && !slept {
			slept = true
			time.Sleep(80 * time.Millisecond) // the stall, which is the subject
		}
		return false
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Behind < 70*ms {
		t.Errorf("got %v behind, want about 80ms", r.Behind)
	}
}

func TestStoppedRunReturnsWhatWasMeasured(t *testing.T) {
	s := startServer(t, always(replySold))
	r, err := send(open(s, 1_000_000, 4, 1000), tokens(1_000_000), nil, func() bool { return s.asked.Load() >= 20 }, nil)
	if !errors.Is(err, ErrStopped) {
		t.Errorf("got %v, want %v", err, ErrStopped)
	}
	if r.Sent < 20 || r.Intended < r.Sent || r.Intended >= 1_000_000 || r.Completed > r.Sent || len(r.Acks) != int(r.Completed) {
		t.Errorf("got %d intended, %d sent, %d completed, %d acks", r.Intended, r.Sent, r.Completed, len(r.Acks))
	}
}

func TestRunThatCanNotBeginIsRefused(t *testing.T) {
	s := startServer(t, always(replySold))
	dead := startServer(t, always(replySold))
	dead.die()
	for name, o := range map[string]Order{
		"nobody listens":   closed(dead, 5, 2),
		"too few tokens":   closed(s, 6, 2),
		"no sale":          {Addr: s.addr, Requests: 5, Connections: 1, Timeout: time.Second},
		"not an address":   {Addr: "nowhere", Sale: "s", Requests: 5, Connections: 1, Timeout: time.Second},
		"no such protocol": {Addr: "127.0.0.1:xyz", Sale: "s", Requests: 5, Connections: 1, Timeout: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := send(o, tokens(5), nil, never, nil); err == nil {
				t.Error("got no error")
			}
		})
	}
	if got := s.asked.Load(); got != 0 {
		t.Errorf("got %d requests sent, want none", got)
	}
}
