package generator

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// turn is a request that a buyer is to send, and its answer.
type turn struct {
	mine   bool // it is to ask for the order
	answer []byte
	closes bool // the connection, afterwards
}

func purchased(answer []byte) turn { return turn{false, answer, false} }

func askedMine(answer []byte) turn { return turn{true, answer, false} }

// last closes the connection after a turn.
func last(t turn) turn { return turn{t.mine, t.answer, true} }

// lost closes it without an answer.
func lost(mine bool) turn { return turn{mine, nil, true} }

// exchange answers one buyer turn by turn, and then with the last one again and again.
type exchange struct {
	t     *testing.T
	turns []turn

	mu   sync.Mutex
	next int
}

func (x *exchange) answer(v attempt) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.turns[min(x.next, len(x.turns)-1)]
	x.next++
	if v.mine != now.mine {
		x.t.Errorf("request %d asks for the order: got %v, want %v", x.next, v.mine, now.mine)
	}
	_, err := v.Write(now.answer)
	return err == nil && !now.closes
}

// requests is how many have come.
func (x *exchange) requests() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.next
}

// seen is what came of a run's buyers, by how many or whom.
type seen struct {
	Sold, SoldOut, Wrong, Lost              int64
	Acks                                    []Ack
	Doubled, Forgotten, GaveUp, Interrupted []string
}

func seenIn(r Run) seen {
	v := r.Visits
	return seen{
		r.Latencies[ClassSold].Count(), r.Latencies[ClassSoldOut].Count(), r.Errors[WrongQuantity], v.Lost,
		r.Acks, v.Doubled, v.Forgotten, v.GaveUp, v.Interrupted,
	}
}

func order(id string) []byte { return render(201, `{"id":"`+id+`","quantity":1}`) }

func problem(status int, code string, headers ...string) []byte {
	return render(status, `{"code":"`+code+`"}`, headers...)
}

var (
	replyBusy    = problem(503, "busy")
	replyUnknown = problem(503, "outcome-unknown")
	replyNone    = problem(404, "order-unknown")
)

// patiently is a closed loop of patient buyers.
func patiently(s *server, buyers, connections int) Order {
	o := closed(s, buyers, connections)
	o.Patience = 10 * time.Second // no good run takes so long, and a bad one shows who gave up
	return o
}

// mustVisit makes a run of patient buyers, and checks what is true of every whole one.
func mustVisit(t *testing.T, o Order) Run {
	t.Helper()
	r, err := send(o, tokens(o.First+o.Requests), nil, never, nil)
	if err != nil {
		t.Fatal(err)
	}
	v := r.Visits
	left := r.Latencies[ClassSold].Count() + r.Latencies[ClassSoldOut].Count() + int64(len(v.GaveUp))
	if r.Intended != int64(o.Requests) || r.Dropped != 0 || left != r.Intended || len(v.Interrupted) > 0 {
		t.Errorf("got %d buyers due, %d dropped, %d decided or gone, %d not, want all %d decided or gone", r.Intended, r.Dropped, left, len(v.Interrupted), o.Requests)
	}
	var answers int64
	for _, n := range v.Answers {
		answers += n
	}
	if r.Sent != r.Completed+v.Lost || answers != r.Completed || v.Latency.Count() != r.Completed {
		t.Errorf("got %d sent, %d answered, %d lost, %d by code, %d latencies, want each request answered or lost", r.Sent, r.Completed, v.Lost, answers, v.Latency.Count())
	}
	return r
}

// The buyer is the first of a run, and repeats its purchase if that is asked for.
func TestPatientBuyer(t *testing.T) {
	ack := []Ack{{Buyer(0), "o"}}
	sold := seen{Sold: 1, Acks: ack}
	lostOnce := seen{Sold: 1, Acks: ack, Lost: 1}
	me := []string{Buyer(0)}
	soldOut := problem(409, "sold-out")
	for name, c := range map[string]struct {
		turns  []turn
		repeat int
		want   seen
	}{
		"with an order leaves": {
			[]turn{purchased(order("o"))}, 0, sold},
		"is refused at once, if no answer was lost": {
			[]turn{purchased(soldOut)}, 0, seen{SoldOut: 1}},
		"sends again after a 503": {
			[]turn{purchased(replyBusy), purchased(replyBusy), purchased(order("o"))}, 0, sold},
		"sends again after any other status": {
			[]turn{purchased(render(502, "<html>")), purchased(problem(429, "rate-limited")), purchased(order("o"))}, 0, sold},
		"sends again after a lost answer": {
			[]turn{lost(false), purchased(order("o"))}, 0, lostOnce},
		"sends again after an answer that was cut short": {
			[]turn{last(purchased([]byte("HTTP/1.1 201 Cre"))), purchased(order("o"))}, 0, lostOnce},
		"sends again on another connection, if the server closes that one": {
			[]turn{last(purchased(problem(503, "busy", "Connection: close\r\n"))), purchased(order("o"))}, 0, sold},
		"sends again after an order without an id": {
			[]turn{purchased(render(201, `{}`)), purchased(order("o"))}, 0, sold},
		"believes sold out after a 503 that proves that nothing was sold": {
			[]turn{purchased(replyBusy), purchased(soldOut)}, 0, seen{SoldOut: 1}},
		"believes sold out after a lost answer, if there is no order": {
			[]turn{lost(false), purchased(soldOut), askedMine(replyNone)}, 0, seen{SoldOut: 1, Lost: 1}},
		"finds its order after a lost answer and sold out": {
			[]turn{lost(false), purchased(soldOut), askedMine(order("o"))}, 0, lostOnce},
		"finds its order after an unknown outcome and sold out": {
			[]turn{purchased(replyUnknown), purchased(soldOut), askedMine(order("o"))}, 0, sold},
		"finds its order after an order without an id and sold out": {
			[]turn{purchased(render(201, `{}`)), purchased(soldOut), askedMine(order("o"))}, 0, sold},
		"finds its order, if sold out is the answer to a retried request": {
			[]turn{purchased(problem(409, "sold-out", "Onsale-Retried: 1\r\n")), askedMine(order("o"))}, 0, sold},
		"remembers a lost answer over a 503": {
			[]turn{lost(false), purchased(replyBusy), purchased(soldOut), askedMine(order("o"))}, 0, lostOnce},
		"asks for its order until that is answered": {
			[]turn{purchased(replyUnknown), purchased(soldOut), askedMine(replyBusy), lost(true), askedMine(replyNone)}, 0, seen{SoldOut: 1, Lost: 1}},
		"is confirmed another number of tickets": {
			[]turn{purchased(render(201, `{"id":"o","quantity":2}`))}, 0, seen{Sold: 1, Acks: ack, Wrong: 1}},
		"repeats and gets the same order": {
			[]turn{purchased(order("o")), purchased(order("o"))}, 1, sold},
		"repeats until it is answered": {
			[]turn{purchased(order("o")), purchased(replyBusy), lost(false), purchased(order("o"))}, 1, lostOnce},
		"repeats and gets another order": {
			[]turn{purchased(order("o")), purchased(order("p"))}, 1, seen{Sold: 1, Acks: ack, Doubled: me}},
		"repeats and finds its order after sold out": {
			[]turn{purchased(order("o")), purchased(soldOut), askedMine(order("o"))}, 1, sold},
		"repeats and finds another order after sold out": {
			[]turn{purchased(order("o")), purchased(soldOut), askedMine(order("p"))}, 1, seen{Sold: 1, Acks: ack, Doubled: me}},
		"repeats and finds no order after sold out": {
			[]turn{purchased(order("o")), purchased(soldOut), askedMine(replyNone)}, 1, seen{Sold: 1, Acks: ack, Forgotten: me}},
		"repeats what it found": {
			[]turn{lost(false), purchased(soldOut), askedMine(order("o")), purchased(order("o"))}, 1, lostOnce},
		"that was refused repeats nothing": {
			[]turn{purchased(soldOut)}, 1, seen{SoldOut: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			x := &exchange{t: t, turns: c.turns}
			o := patiently(startServer(t, x.answer), 1, 1)
			o.Repeat = c.repeat
			if diff := cmp.Diff(c.want, seenIn(mustVisit(t, o))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := x.requests(); got != len(c.turns) {
				t.Errorf("got %d requests, want %d", got, len(c.turns))
			}
		})
	}
}

func TestPatienceEnds(t *testing.T) {
	me := []string{Buyer(0)}
	soldOut := problem(409, "sold-out")
	for name, c := range map[string]struct {
		turns []turn
		want  seen
	}{
		"and the buyer gives up": {
			[]turn{purchased(replyBusy)}, seen{GaveUp: me}},
		"while the buyer asks for its order": {
			[]turn{purchased(replyUnknown), purchased(soldOut), askedMine(replyBusy)}, seen{GaveUp: me}},
		"and the order of a repeated purchase is forgotten": {
			[]turn{purchased(order("o")), purchased(replyBusy)}, seen{Sold: 1, Acks: []Ack{{Buyer(0), "o"}}, Forgotten: me}},
		"and the order of a repeated purchase is not found": {
			[]turn{purchased(order("o")), purchased(soldOut), askedMine(replyBusy)}, seen{Sold: 1, Acks: []Ack{{Buyer(0), "o"}}, Forgotten: me}},
	} {
		t.Run(name, func(t *testing.T) {
			x := &exchange{t: t, turns: c.turns}
			o := patiently(startServer(t, x.answer), 1, 1)
			o.Repeat, o.Patience = 1, 300*time.Millisecond
			r := mustVisit(t, o)
			if diff := cmp.Diff(c.want, seenIn(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := x.requests(); got <= len(c.turns) || r.Seconds < o.Patience.Seconds() {
				t.Errorf("got %d requests in %v s, want more than %d, over %v", got, r.Seconds, len(c.turns), o.Patience)
			}
		})
	}
}

// The buyer asks again and gets an order, and the answers that named none would be in no count.
func TestAnswersThatNoClientCanUseAreCounted(t *testing.T) {
	for name, answer := range map[string][]byte{
		"an order without an id": render(201, `{}`),
		"more than its length":   append(order("o"), "more"...),
	} {
		t.Run(name, func(t *testing.T) {
			x := &exchange{t: t, turns: []turn{purchased(answer), purchased(order("o"))}}
			r := mustVisit(t, patiently(startServer(t, x.answer), 1, 1))
			if r.Malformed() != 1 || len(r.Acks) != 1 {
				t.Errorf("got %d malformed answers and %v, want one of each", r.Malformed(), r.Acks)
			}
		})
	}
}
