package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/sale"
)

// A killed master costs seconds, and nothing that was acknowledged before it died
// and had reached its replica.
func TestFailoverOfAKilledMaster(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.json")
	err := run(context.Background(), []string{
		"failover", "--rounds", "1", "--kinds", "killed", "--replicas", "0", "--cost", "1s", "--tickets", "1000", "--rate", "300",
		"--json", file, "--binaries", binaries,
	})
	if err != nil && !errors.Is(err, errBroken) { // it may lose an order, and reports it
		t.Error(err)
	}
	var r failoverResult
	readResult(t, file, &r)
	if len(r.Rows) != 1 || len(r.Rows[0].Rounds) != 1 || len(r.Cost) != 1 || r.Cost[0].Rate <= 0 || r.Cost[0].Millis.P99 <= 0 {
		t.Fatalf("got %+v, want one round and the cost", r)
	}
	got := r.Rows[0].Rounds[0]
	if !got.Resumed || got.Acknowledged < 1000 || got.SecondsDry < 1 || got.Seconds503 == 0 {
		t.Errorf("got %+v, want all 1000 sold, after a second at least without", got)
	}
}

func TestInterruptedFailoverKeepsWhatItMeasured(t *testing.T) {
	var r failoverResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &failover{Rounds: 1, Kinds: []string{"stopped"}, Replicas: []int{0}, Tickets: 100_000, Rate: 300, Clients: 16, Nodes: 1,
			output: output{JSON: file}, Binaries: binaries, begun: begun}
	})
	if len(r.Rows) != 1 || len(r.Rows[0].Rounds) != 1 || r.Rows[0].Rounds[0].Acknowledged == 0 {
		t.Errorf("got %+v, want what was sold until then", r)
	}
}

func TestLossesOfARound(t *testing.T) {
	held := func(id, buyer string) sale.Order {
		return sale.Order{ID: sale.OrderID(id), Buyer: sale.Buyer(buyer), Quantity: 1, State: sale.StateHeld}
	}
	record := func(orders ...sale.Order) map[sale.OrderID]sale.Order {
		m := map[sale.OrderID]sale.Order{}
		for _, o := range orders {
			m[o.ID] = o
		}
		return m
	}
	ended := held("6", "fay")
	ended.State = sale.StateExpired
	var r round
	r.judge(
		record(held("1", "ann"), held("3", "bob"), held("4", "cid"), ended),
		record(held("1", "ann"), held("2", "ann"), held("5", "dee")),
		4,
		judge.Answers{WrongQuantity: 6,
			Acks: []generator.Ack{{Buyer: "ann", Order: "1"}, {Buyer: "ann", Order: "2"}, {Buyer: "eve", Order: "3"}, {Buyer: "dee", Order: "5"}, {Buyer: "gus", Order: "7"}}},
	)
	want := round{LostInRedis: 4, LostInUnion: 2, Oversold: 1, Doubled: 1, WrongQuantity: 6}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("2 and 5 are the ledger's alone, 3 is another's, 7 is nowhere (-want +got):\n%s", diff)
	}
}

func TestTimelineOfAFault(t *testing.T) {
	begin := time.UnixMilli(1_000_000)
	at := func(ms ...int) (times []time.Time) {
		for _, m := range ms {
			times = append(times, begin.Add(time.Duration(m)*time.Millisecond))
		}
		return times
	}
	b := &roundBuyers{wrong: map[string]int{"410 closed": 1}, times: at(-2000, -10, 40, 2040, 2050), away: at(-100, 110, 120, 250, 330), soldOut: true}
	want := &round{Seconds503: 0.3, SecondsDry: 2, Resumed: true, Wrong: b.wrong}
	if diff := cmp.Diff(want, b.timeline(begin)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.soldOut = false
	if diff := cmp.Diff(&round{Seconds503: 0.3, Wrong: b.wrong}, b.timeline(begin)); diff != "" {
		t.Errorf("a sale that is dead (-want +got):\n%s", diff)
	}
}

// The judge of failovers must catch every promise that it judges.
func TestJudgeOfFailovers(t *testing.T) {
	judged := func(r round) []string {
		all := failoverResult{Rows: []failoverRow{{Kind: "cut", Replicas: 1, Rounds: []round{{Acknowledged: 9, Resumed: true}, r}}}}
		all.judge()
		return all.Faults
	}
	if got := judged(round{Acknowledged: 9, Resumed: true}); len(got) > 0 {
		t.Fatalf("a good run: got %q", got)
	}
	for want, r := range map[string]round{
		"1 acknowledged orders are lost in Redis":   {Resumed: true, LostInRedis: 1},
		"1 acknowledged orders are in no record":    {Resumed: true, LostInUnion: 1},
		"1 tickets are oversold":                    {Resumed: true, Oversold: 1},
		"1 live orders are a buyer's second":        {Resumed: true, Doubled: 1},
		"1 answers have an order of another number": {Resumed: true, WrongQuantity: 1},
		"1 of 2 sales did not sell on":              {},
		"3 buyers were answered 410 closed":         {Resumed: true, Wrong: map[string]int{"410 closed": 3}},
		"the ledger stood still in 1 of 2 sales":    {Resumed: true, LedgerStuck: true},
	} {
		if got := judged(r); len(got) != 1 || !strings.Contains(got[0], want) || !strings.HasPrefix(got[0], "cut, 1 replicas: ") {
			t.Errorf("got %q, want one fault with %q", got, want)
		}
	}
}
