package generator

import (
	"cmp"
	"slices"
	"time"
)

// tenth is how much time one point of the timeline covers.
const tenth = 100 * time.Millisecond

// tally gathers a run's outcome. Times count from the start of the run.
type tally struct {
	run     Run
	start   time.Time
	last    time.Duration // of the last answer or error
	soldOut map[instants]int64

	point    Second // the one of the timeline that is being gathered
	pointEnd time.Duration
	pointed  *Latency
}

// instants are when a request was sent and when it was answered, in Unix milliseconds.
type instants struct{ sent, received int64 }

func newTally(start time.Time) *tally {
	return &tally{
		run:     Run{Latencies: map[Class]*Latency{}, Statuses: map[int]int64{}, Errors: map[string]int64{}},
		start:   start,
		soldOut: map[instants]int64{},
		point:   Second{Answers: map[Class]int64{}}, pointEnd: tenth, pointed: NewLatency(),
	}
}

// request is one that is under way.
type request struct {
	buyer    int
	intended time.Duration
	sent     time.Duration
}

// answered counts a whole answer.
func (t *tally) answered(r request, a answer, now time.Duration) {
	t.run.Completed++
	t.run.Statuses[a.status]++
	switch a.class {
	case ClassSold:
		t.run.Acks = append(t.run.Acks, Ack{Buyer(r.buyer), a.order})
	case ClassSoldOut:
		t.soldOut[instants{t.unixMilli(r.sent), t.unixMilli(now)}]++
	case ClassError:
		t.run.Errors[a.fault]++
	}
	t.record(a.class, now-r.intended, now)
}

// lost counts a request that got no whole answer.
func (t *tally) lost(r request, kind string, now time.Duration) {
	t.run.Errors[kind]++
	t.record(ClassError, now-r.intended, now)
}

// fault counts an error that cost no request.
func (t *tally) fault(kind string) { t.run.Errors[kind]++ }

func (t *tally) unixMilli(at time.Duration) int64 { return t.start.Add(at).UnixMilli() }

func (t *tally) record(c Class, took, now time.Duration) {
	l := t.run.Latencies[c]
	if l == nil {
		l = NewLatency()
		t.run.Latencies[c] = l
	}
	l.Record(took)
	for now >= t.pointEnd {
		t.turn()
	}
	t.point.Answers[c]++
	t.pointed.Record(took)
	t.last = now
}

// turn ends the timeline's point and begins the next.
func (t *tally) turn() {
	t.point.P99 = t.pointed.Quantile(0.99)
	t.run.Timeline = append(t.run.Timeline, t.point)
	t.pointed.Reset()
	t.point = Second{At: t.pointEnd.Seconds(), Answers: map[Class]int64{}}
	t.pointEnd += tenth
}

// finish is the outcome, once all was counted that will be.
func (t *tally) finish() Run {
	if t.pointed.Count() > 0 {
		t.turn()
	}
	for at, buyers := range t.soldOut {
		t.run.SoldOut = append(t.run.SoldOut, SoldOut{at.sent, at.received, buyers})
	}
	slices.SortFunc(t.run.SoldOut, func(a, b SoldOut) int {
		return cmp.Or(cmp.Compare(a.Sent, b.Sent), cmp.Compare(a.Received, b.Received))
	})
	t.run.Seconds = t.last.Seconds()
	return t.run
}
