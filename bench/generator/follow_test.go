package generator

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestRunOfPatientBuyersIsFollowed(t *testing.T) {
	p := startProcess(t, 30)
	s := startServer(t, func(v attempt) bool {
		time.Sleep(20 * time.Millisecond) // or the run ends before any progress is reported
		return sellToAll(v)
	})
	o := patiently(s, 30, 2)
	o.Repeat = 10
	var done []int64
	r, err := p.Follow(t.Context(), o, func(n int64) { done = append(done, n) })
	if err != nil {
		t.Fatal(err)
	}
	if len(done) == 0 || !slices.IsSorted(done) || done[len(done)-1] > 30 || done[len(done)-1] == 0 {
		t.Errorf("got %v buyers done, want rising figures up to 30", done)
	}
	if len(r.Acks) != 30 || r.Sent != 33 || r.Visits.Answers["201"] != 33 || r.Visits.Latency.Count() != 33 {
		t.Errorf("got %d acks, %d requests, answers %v, %d latencies, want 30 and 33 of each", len(r.Acks), r.Sent, r.Visits.Answers, r.Visits.Latency.Count())
	}
	if r, err := p.Run(t.Context(), closed(s, 10, 2)); err != nil || len(r.Acks) != 10 || r.Visits != nil {
		t.Errorf("the next run, which nobody follows: got %d acks, visits %+v, %v, want 10 and none", len(r.Acks), r.Visits, err)
	}
}

// Patient buyers may have an order by a request that is under way.
func TestContextThatEndsLetsPatientBuyersBeAnswered(t *testing.T) {
	p := startProcess(t, 5000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := startServer(t, func(v attempt) bool {
		if v.number == 20 {
			cancel()
		}
		time.Sleep(20 * time.Millisecond) // so that requests are under way when the run is stopped
		return sellToAll(v)
	})
	r, err := p.Run(ctx, patiently(s, 5000, 4))
	if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrStopped) {
		t.Errorf("got %v, want %v and %v", err, context.Canceled, ErrStopped)
	}
	if r.Sent < 20 || r.Sent >= 5000 || int64(len(r.Acks)) != r.Sent || len(r.Visits.Interrupted) > 0 {
		t.Errorf("got %d sent, %d acks, %d interrupted, want each request of the first twenty or some more answered", r.Sent, len(r.Acks), len(r.Visits.Interrupted))
	}
}

// A process that is killed while its last requests are answered takes all that it measured with it.
func TestStopWaitsForTheSlowestAnswerOfPatientBuyers(t *testing.T) {
	o := Order{Timeout: 15 * time.Second}
	if got := stopLimit(o); got != grace {
		t.Errorf("of others: got %v, want %v", got, grace)
	}
	o.Patience = time.Second
	if got := stopLimit(o); got <= o.Timeout {
		t.Errorf("of patient buyers: got %v, want more than %v", got, o.Timeout)
	}
}
