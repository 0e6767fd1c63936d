package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/operate"
	"onsale/internal/sale"
)

func TestMillionIsSoldAuditedLostFoundAgainAndArchived(t *testing.T) {
	var r millionResult
	measured(t, &r, "million", "--tickets", "2000", "--pairs", "1", "--turn", "500ms", "--binaries", binaries)
	if len(r.Faults) > 0 || len(r.Unshown) > 0 || r.Archived <= 0 {
		t.Errorf("archived in %v s, faults %q, unshown %q, want it archived and nothing else", r.Archived, r.Faults, r.Unshown)
	}
	if len(r.Phases) != 7 || len(r.Audits) == 0 || r.Audits[0].Memory == 0 || r.Final == nil {
		t.Fatalf("got %+v, want seven phases and audits", r)
	}
	if r.Sold != 2000 || r.Acknowledged != 2000 || r.Ended["paid"] != 1000 || r.Ended["cancelled"] != 1000 || r.Ended["expired"] != 200 {
		t.Errorf("got %d sold, %d acknowledged, %v ended, want all", r.Sold, r.Acknowledged, r.Ended)
	}
	if r.Reconciled == nil || r.Reconciled.Lost != 100 || r.Reconciled.Selling < r.Reconciled.Noticed || r.Reconciled.Memory == 0 {
		t.Errorf("reconciled: got %+v", r.Reconciled)
	}
	if b := r.Buyers; b == nil || b.Rate <= 0 || len(b.With) != 1 || len(b.Without) != 1 || b.Ratio.Value <= 0 || len(b.Audits) == 0 {
		t.Errorf("buyers: got %+v", b)
	}
}

func TestInterruptedMillionKeepsWhatItMeasured(t *testing.T) {
	var r millionResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &million{Tickets: 400_000, Pairs: 1, Turn: time.Second, Connections: 16, output: output{JSON: file}, Binaries: binaries, begun: begun}
	})
	if r.Acknowledged == 0 || r.Final != nil || r.Sold != 0 {
		t.Errorf("got %d acknowledged, %+v, want some sold, and no figures of all", r.Acknowledged, r.Final)
	}
}

// The judge of the large sale must catch every promise and every bound.
func TestJudgeOfMillion(t *testing.T) {
	good := func() millionResult {
		return millionResult{
			Tickets: 9, Sold: 9, Acknowledged: 9, Audits: []audited{{}}, Final: &audited{},
			Phases: []stretch{{Name: "selling", Trivial: 1, Slow: []slowCall{{Name: "page.lua", Longest: 6, Above: 1}}}},
			Buyers: &noticed{Ratio: ratio{Value: 1.1, Bound: maxP99Ratio}},
		}
	}
	r := good()
	if r.judge(); len(r.Faults)+len(r.Missed)+len(r.Unshown) != 0 {
		t.Fatalf("a good run: got %q, %q and %q", r.Faults, r.Missed, r.Unshown)
	}
	for want, breakIt := range map[string]func(*millionResult){
		"sold 8 of 9":                     func(r *millionResult) { r.Sold, r.Acknowledged = 8, 8 },
		"audit of 7 orders: a fault":      func(r *millionResult) { r.Audits[0] = audited{Orders: 7, Faults: []string{"a fault"}} },
		"audit of 8 orders: a fault":      func(r *millionResult) { r.Final = &audited{Orders: 8, Faults: []string{"a fault"}} },
		"audit of 6 orders: a fault":      func(r *millionResult) { r.Buyers.Audits = []audited{{Orders: 6, Faults: []string{"a fault"}}} },
		"p99 of buyers to 1.20 times":     func(r *millionResult) { r.Buyers.Ratio.Value = 1.2 },
		"the longest 6.2 ms":              func(r *millionResult) { r.Phases[0].Slow[0].Longest = 6.2 },
		"no audit was made while it sold": func(r *millionResult) { r.Audits = nil },
	} {
		r := good()
		breakIt(&r)
		r.judge()
		all := append(append(r.Faults, r.Missed...), r.Unshown...)
		if len(all) != 1 || !strings.Contains(all[0], want) {
			t.Errorf("got %q, want one with %q", all, want)
		}
	}
}

// The last audit puts every acknowledged order beside the stores.
func TestLastAuditJudgesWhatBuyersWereAnswered(t *testing.T) {
	file := filepath.Join(t.TempDir(), "answers.json")
	raw, err := json.Marshal(judge.Answers{Acks: []generator.Ack{{Buyer: "ann", Order: "1"}, {Buyer: "bob", Order: "2"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	found := operate.Audited{Snapshot: sale.Snapshot{Records: sale.Records{Orders: map[sale.OrderID]sale.Order{
		"1": {ID: "1", Buyer: "ann", Quantity: 1, State: sale.StateHeld},
		"3": {ID: "3", Buyer: "cid", Quantity: 1, State: sale.StateHeld},
	}}}}
	found.Sale.Total = 2
	broken, err := (&auditing{Answers: file}).judge(found)
	if diff := cmp.Diff([]string{"lost acknowledgements: 1", "unacknowledged orders: 1"}, broken); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestSlowestCalls(t *testing.T) {
	var deduct string
	for sha, name := range scriptNames {
		if name == "deduct" {
			deduct = sha
		}
	}
	call := func(took time.Duration, args ...string) redis.SlowLog {
		return redis.SlowLog{Duration: took, Args: args}
	}
	got, idle := slowest([]redis.SlowLog{
		call(2*time.Millisecond, "EVALSHA", deduct, "11"), call(7*time.Millisecond, "evalsha", deduct, "11"), call(3*time.Millisecond, "HSCAN", "key"),
		call(time.Second, "slowlog", "get"), call(time.Second, "COPY", "a", "b"), call(2500*time.Microsecond, "hlen", "key"), call(time.Millisecond),
	})
	want := []slowCall{{"deduct.lua", 7, 2, 1}, {"hscan", 3, 1, 0}, {"?", 1, 1, 0}}
	if diff := cmp.Diff(want, got); diff != "" || idle != 2.5 {
		t.Errorf("trivial %v ms, want 2.5 (-want +got):\n%s", idle, diff)
	}
}
