package generator

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// perBuyer has an exchange of its own with each buyer.
func perBuyer(t *testing.T, turns func(buyer string) []turn) script {
	var mu sync.Mutex
	all := map[string]*exchange{}
	return func(v attempt) bool {
		mu.Lock()
		x := all[v.token]
		if x == nil {
			x = &exchange{t: t, turns: turns(v.token)}
			all[v.token] = x
		}
		mu.Unlock()
		return x.answer(v)
	}
}

func TestOneBuyerInRepeatRepeats(t *testing.T) {
	var mu sync.Mutex
	times := map[string]int{}
	o := patiently(startServer(t, func(v attempt) bool {
		mu.Lock()
		times[v.token]++
		mu.Unlock()
		return always(order("of-" + v.token))(v)
	}), 20, 3)
	o.First, o.Repeat = 100, 5
	r := mustVisit(t, o)
	mu.Lock()
	defer mu.Unlock()
	for i := range 20 {
		want := 1
		if i%5 == 0 {
			want = 2
		}
		if got := times[Buyer(100+i)]; got != want {
			t.Errorf("%s sent %d requests, want %d", Buyer(100+i), got, want)
		}
	}
	if len(r.Acks) != 20 || r.Sent != 24 {
		t.Errorf("got %d acks and %d requests, want 20 and 24", len(r.Acks), r.Sent)
	}
}

func TestAnswersOfPatientBuyersAreCountedByCode(t *testing.T) {
	before := time.Now()
	r := mustVisit(t, patiently(startServer(t, perBuyer(t, func(buyer string) []turn {
		if buyer == Buyer(1) {
			return []turn{purchased(problem(409, "sold-out"))}
		}
		return []turn{purchased(replyBusy), purchased(render(502, "<html>")), purchased(replyUnknown), purchased(replySold)}
	})), 2, 2))
	after := time.Now()
	want := map[string]int64{"201": 1, "409 sold-out": 1, "503 busy": 1, "503 outcome-unknown": 1, "502 no-json": 1}
	if diff := cmp.Diff(want, r.Visits.Answers); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	var codes []string
	for _, u := range r.Visits.Unavailable {
		codes = append(codes, u.Code)
		if u.Received < before.UnixMilli() || u.Received > after.UnixMilli() {
			t.Errorf("%s: got received at %d, want between %d and %d", u.Code, u.Received, before.UnixMilli(), after.UnixMilli())
		}
	}
	if diff := cmp.Diff([]string{"busy", "outcome-unknown"}, codes); diff != "" {
		t.Errorf("codes of every 503, by time (-want +got):\n%s", diff)
	}
	if r.CPUSeconds <= 0 {
		t.Errorf("got %v s of processor time, want some", r.CPUSeconds)
	}
}

// What a buyer waits between two requests is part of its decision, and of no request.
func TestPatientBuyerRestsAsLongAsItIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		turns []turn
		least time.Duration
	}{
		"a second after Retry-After":   {[]turn{purchased(problem(503, "busy", "Retry-After: 1\r\n")), purchased(replySold)}, time.Second},
		"a little after a 503 without": {[]turn{purchased(replyBusy), purchased(replyBusy), purchased(replySold)}, 2 * rest},
		"a little after a lost answer": {[]turn{lost(false), purchased(replySold)}, rest},
		"as asked also for its order": {[]turn{purchased(replyUnknown), purchased(problem(409, "sold-out")), askedMine(problem(503, "busy", "Retry-After: 1\r\n")), askedMine(order("o"))},
			time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			x := &exchange{t: t, turns: c.turns}
			r := mustVisit(t, patiently(startServer(t, x.answer), 1, 1))
			if got := r.Latencies[ClassSold].Max(); got < c.least || got > c.least+time.Second {
				t.Errorf("decided after %v, want %v and not much more", got, c.least)
			}
			if got := r.Visits.Latency.Max(); c.least >= time.Second && got >= c.least {
				t.Errorf("the longest request: got %v, want no rest in it", got)
			}
		})
	}
}

// Connections are the buyers at the same time: who rests keeps the next one waiting.
func TestBuyerWhoRestsKeepsItsConnection(t *testing.T) {
	var mu sync.Mutex
	var came []string
	good := perBuyer(t, func(string) []turn { return []turn{purchased(replyBusy), purchased(replySold)} })
	mustVisit(t, patiently(startServer(t, func(v attempt) bool {
		mu.Lock()
		came = append(came, v.token)
		mu.Unlock()
		return good(v)
	}), 2, 1))
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{Buyer(0), Buyer(0), Buyer(1), Buyer(1)}, came); diff != "" {
		t.Errorf("requests came from (-want +got):\n%s", diff)
	}
}

// A server that serves half as many buyers as come keeps the later ones waiting. In an open loop
// that is their latency, and none is dropped.
func TestPatientBuyersWaitFromWhenTheyAreDue(t *testing.T) {
	const buyers, each = 50, 10 * time.Millisecond
	o := patiently(startServer(t, func(v attempt) bool {
		time.Sleep(each) // the service time of one buyer
		return always(replySold)(v)
	}), buyers, 1)
	o.Rate = 2 / each.Seconds()
	r := mustVisit(t, o)
	if got, want := r.Latencies[ClassSold].Max(), buyers*each/2-each; got < want {
		t.Errorf("the longest wait was %v, want at least %v", got, want)
	}
	if got, most := r.Visits.Latency.Quantile(0.5), buyers*each/4; got < each || got > most {
		t.Errorf("half of the requests took %v, want %v to %v: from their sending", got, each, most)
	}
}

// The stamps are those of the answer "sold out", not of the one that confirmed it.
func TestConfirmedSoldOutIsDatedByItsAnswer(t *testing.T) {
	const late = 100 * time.Millisecond
	x := &exchange{t: t, turns: []turn{purchased(replyUnknown), purchased(problem(409, "sold-out")), askedMine(replyNone)}}
	before := time.Now()
	r := mustVisit(t, patiently(startServer(t, func(v attempt) bool {
		if v.mine {
			time.Sleep(late) // the service time of this request
		}
		return x.answer(v)
	}), 1, 1))
	after := time.Now()
	if len(r.SoldOut) != 1 || r.SoldOut[0].Buyers != 1 {
		t.Fatalf("got %+v, want one buyer", r.SoldOut)
	}
	at := r.SoldOut[0]
	if at.Sent < before.UnixMilli()+rest.Milliseconds() || at.Received < at.Sent || at.Received > after.Add(-late).UnixMilli()+1 {
		t.Errorf("got sent %d, received %d, want from %d on, and %v before %d", at.Sent, at.Received, before.UnixMilli()+rest.Milliseconds(), late, after.UnixMilli())
	}
}

// Buyers come to a server that is away, and wait as long as they have patience.
func TestPatientBuyersOfADeadServer(t *testing.T) {
	t.Run("give up, each of them", func(t *testing.T) {
		s := startServer(t, func(v attempt) bool {
			v.server.die()
			return false
		})
		o := patiently(s, 6, 2)
		o.Patience, o.Timeout = 100*time.Millisecond, 50*time.Millisecond // which ends a run of others
		r := mustVisit(t, o)
		if len(r.Visits.GaveUp) != 6 || r.Visits.Lost == 0 || r.Visits.Lost > 2 || r.Sent != r.Visits.Lost {
			t.Errorf("got %d who gave up, %d requests, %d lost, want all 6, and one or two requests that died with the server", len(r.Visits.GaveUp), r.Sent, r.Visits.Lost)
		}
	})
	t.Run("are served once it is back", func(t *testing.T) {
		r, _ := replaced(t, patiently(startServer(t, dying), 100, 4))
		if len(r.Acks) != 100 || len(r.Visits.GaveUp) > 0 {
			t.Errorf("got %d acks and %d who gave up, want 100 and none", len(r.Acks), len(r.Visits.GaveUp))
		}
	})
}

// A stop has nobody come any more. What is under way is still answered: it may be an order.
func TestStoppedVisits(t *testing.T) {
	const resting, asking = 0, 1
	for name, c := range map[string]struct {
		repeat int
		turns  map[string][]turn // of the buyer who rests at the stop
		want   seen
	}{
		"a buyer who rests is named": {
			0, map[string][]turn{Buyer(resting): {purchased(problem(503, "busy", "Retry-After: 60\r\n"))}},
			seen{Sold: 1, Acks: []Ack{{Buyer(asking), "late"}}, Interrupted: []string{Buyer(resting)}},
		},
		"a repeated purchase is not counted": {
			2, map[string][]turn{Buyer(resting): {purchased(order("o")), purchased(problem(503, "busy", "Retry-After: 60\r\n"))}},
			seen{Sold: 2, Acks: []Ack{{Buyer(resting), "o"}, {Buyer(asking), "late"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			stopping := make(chan struct{})
			answered := perBuyer(t, func(buyer string) []turn { return c.turns[buyer] })
			s := startServer(t, func(v attempt) bool {
				if v.token == Buyer(asking) {
					<-stopping
					return always(order("late"))(v)
				}
				return answered(v)
			})
			o := patiently(s, 1000, 2)
			o.Repeat = c.repeat
			var once sync.Once
			r, err := watch(t, o, func(e *engine) bool {
				stop := e.in[asked] == 1 && e.in[held] == 1 && s.asked.Load() == int64(len(c.turns[Buyer(resting)]))+1
				if stop {
					once.Do(func() { time.AfterFunc(50*time.Millisecond, func() { close(stopping) }) })
				}
				return stop || e.visits != nil && e.visits.ending
			})
			if !errors.Is(err, ErrStopped) {
				t.Errorf("got %v, want %v", err, ErrStopped)
			}
			slices.SortFunc(r.Acks, func(a, b Ack) int { return len(a.Order) - len(b.Order) })
			if diff := cmp.Diff(c.want, seenIn(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if s.accepted.Load() != 2 || r.Seconds <= 0 {
				t.Errorf("got %d connections and %v s, want 2 and some time", s.accepted.Load(), r.Seconds)
			}
		})
	}
	t.Run("a buyer whose last request is lost is named", func(t *testing.T) {
		s := startServer(t, func(v attempt) bool {
			time.Sleep(20 * time.Millisecond)
			return false
		})
		r, err := watch(t, patiently(s, 1, 1), func(e *engine) bool { return e.visits != nil && e.in[asked] == 1 })
		if !errors.Is(err, ErrStopped) {
			t.Errorf("got %v, want %v", err, ErrStopped)
		}
		if diff := cmp.Diff(seen{Lost: 1, Interrupted: []string{Buyer(0)}}, seenIn(r)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestOrderOfPatientBuyersIsValidated(t *testing.T) {
	good := Order{Addr: "127.0.0.1:80", Sale: "s", Requests: 1, Connections: 1, Timeout: time.Second, Patience: time.Second, Repeat: 10, Rate: 5}
	if err := good.Validate(); err != nil {
		t.Errorf("got %v, want no fault", err)
	}
	for name, change := range map[string]func(*Order){
		"repeats without patience": func(o *Order) { o.Patience, o.Rate = 0, 0 },
		"negative patience":        func(o *Order) { o.Patience, o.Repeat, o.Rate = -1, 0, 0 },
		"negative repeats":         func(o *Order) { o.Repeat = -1 },
		"again and patience":       func(o *Order) { o.Again = 10 },
	} {
		o := good
		change(&o)
		if o.Validate() == nil {
			t.Errorf("%s: got no fault", name)
		}
	}
}
