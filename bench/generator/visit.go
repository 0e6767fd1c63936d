package generator

import (
	"strconv"
	"time"
)

// step is what a patient buyer is at.
type step uint8

const (
	absent     step = iota // no buyer is on the connection
	buying                 // it sends its purchase
	confirming             // it was answered "sold out", and asks for its order before it believes that
	repeating              // it has an order, and sends its purchase again
	finding                // that was answered "sold out", and it asks for its order
)

// visit is a patient buyer's, from when it was due until it leaves.
type visit struct {
	buyer    int
	repeats  bool // it sends its purchase again once it has an order
	due      time.Duration
	step     step
	until    time.Duration // when its patience with this step ends
	at       time.Duration // when it sends its next request
	doubtful bool          // it may have an order that no answer named
	refused  instants      // of the answer "sold out" that it confirms
	order    string        // that it was granted
}

// asksForOrder reports whether the buyer asks for its order, instead of sending its purchase.
func (v *visit) asksForOrder() bool { return v.step == confirming || v.step == finding }

// rest is the time before a request is sent again, if the answer asks for no longer one.
const rest = 20 * time.Millisecond

// visits are those of a run's patient buyers: one on each connection at most.
//
// A purchase is idempotent, so an answer of unavailability or a lost one is no decision: the
// request is sent again. "Sold out" speaks of the stock and not of the buyer. So a buyer who may
// have an order that no answer named asks for it first, and believes "sold out" only if there is none.
type visits struct {
	patience time.Duration
	repeat   int
	tally    *tally
	all      []visit // by connection
	under    int     // how many are under way
	requests int64
	answers  map[statusCode]int64
	found    Visits
	ending   bool // no request is sent any more
	cut      bool // a visit ended because of that
}

// statusCode is what answers are counted by.
type statusCode struct {
	status int
	code   string
}

// newVisits returns nil if buyers are not patient.
func newVisits(o Order, t *tally) *visits {
	if !o.patient() {
		return nil
	}
	return &visits{
		patience: o.Patience, repeat: o.Repeat, tally: t, all: make([]visit, o.Connections),
		answers: map[statusCode]int64{}, found: Visits{Latency: NewLatency()},
	}
}

// come has the buyer of a request begin its visit.
func (s *visits) come(v *visit, request, buyer int, due, now time.Duration) {
	s.under++
	*v = visit{buyer: buyer, due: due, repeats: s.repeat > 0 && request%s.repeat == 0}
	s.begin(v, buying, now)
}

// begin takes a visit to its next step, whose first request is due now.
func (s *visits) begin(v *visit, next step, now time.Duration) {
	v.step, v.at, v.until = next, now, now+s.patience
}

// leave ends a visit.
func (s *visits) leave(v *visit) {
	v.step = absent
	s.under--
}

// answered counts a whole answer and takes the visit on by it.
func (s *visits) answered(v *visit, r request, a answer, d details, now time.Duration) {
	received := s.tally.unixMilli(now)
	s.tally.run.Completed++
	s.tally.run.Statuses[a.status]++
	s.answers[statusCode{a.status, d.code}]++
	s.found.Latency.Record(now - r.sent)
	if a.status == 503 {
		s.found.Unavailable = append(s.found.Unavailable, Unavailable{d.code, received})
	}
	if a.fault == errQuantity || a.fault == errNoOrder || a.fault == errNoPlace { // others are statuses
		s.tally.run.Errors[a.fault]++
	}
	switch {
	case a.order != "":
		s.has(v, a.order, now)
	case v.asksForOrder() && a.status == 404:
		s.hasNone(v, now)
	case v.asksForOrder():
		v.at = now + max(d.wait, rest)
	case a.class == ClassSoldOut && v.step == repeating:
		s.begin(v, finding, now)
	case a.class == ClassSoldOut:
		v.refused = instants{s.tally.unixMilli(r.sent), received}
		if v.doubtful || d.retried {
			s.begin(v, confirming, now)
		} else {
			s.hasNone(v, now)
		}
	default:
		// Both are as good as no answer: there may be an order.
		v.doubtful = v.doubtful || d.code == codeUnknown || a.fault == errNoOrder
		v.at = now + max(d.wait, rest)
	}
	s.interruptIfEnding(v)
}

// lost counts a request without a whole answer.
func (s *visits) lost(v *visit, kind string, now time.Duration) {
	s.tally.run.Errors[kind]++
	s.found.Lost++
	v.doubtful, v.at = true, now+rest
	s.interruptIfEnding(v)
}

// has takes a visit on whose buyer has been answered that it has that order.
func (s *visits) has(v *visit, order string, now time.Duration) {
	switch v.step {
	case buying, confirming:
		s.tally.record(ClassSold, now-v.due, now)
		s.tally.run.Acks = append(s.tally.run.Acks, Ack{Buyer(v.buyer), order})
		if v.repeats {
			v.order = order
			s.begin(v, repeating, now)
			return
		}
	case repeating, finding:
		if order != v.order {
			s.found.Doubled = append(s.found.Doubled, Buyer(v.buyer))
		}
	}
	s.leave(v)
}

// hasNone ends a visit whose buyer has truly no order.
func (s *visits) hasNone(v *visit, now time.Duration) {
	if v.step == finding {
		s.found.Forgotten = append(s.found.Forgotten, Buyer(v.buyer))
	} else {
		s.tally.record(ClassSoldOut, now-v.due, now)
		s.tally.soldOut[v.refused]++
	}
	s.leave(v)
}

// giveUp ends a visit whose buyer's patience has ended.
func (s *visits) giveUp(v *visit) {
	switch v.step {
	case buying, confirming:
		s.found.GaveUp = append(s.found.GaveUp, Buyer(v.buyer))
	case repeating, finding:
		s.found.Forgotten = append(s.found.Forgotten, Buyer(v.buyer))
	}
	s.leave(v)
}

// interrupt ends a visit, if there is one, because the run ends. A repeated purchase without an
// answer is not counted.
func (s *visits) interrupt(v *visit) {
	if v.step == absent {
		return
	}
	s.cut = true
	if v.step == buying || v.step == confirming {
		s.found.Interrupted = append(s.found.Interrupted, Buyer(v.buyer))
	}
	s.leave(v)
}

func (s *visits) interruptIfEnding(v *visit) {
	if s.ending {
		s.interrupt(v)
	}
}

// finish adds what came of the visits to their run, which took so long.
func (s *visits) finish(r *Run, took time.Duration) {
	r.Sent, r.Seconds = s.requests, took.Seconds()
	s.found.Answers = map[string]int64{}
	for k, n := range s.answers {
		key := strconv.Itoa(k.status)
		if k.code != "" {
			key += " " + k.code
		}
		s.found.Answers[key] += n
	}
	r.Visits = &s.found
}
