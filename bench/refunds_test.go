package main

import (
	"strings"
	"testing"
)

func TestRefundsArePagedWhileBuyersCome(t *testing.T) {
	var r refundsResult
	measured(t, &r, "refunds", "--payments", "300", "--pairs", "1", "--turn", "1s", "--rate", "100", "--page", "50", "--binaries", binaries)
	if len(r.Faults) > 0 || len(r.Unshown) > 0 || r.Payments != 300 || r.Bought != 200 {
		t.Errorf("got %d payments, %d bought, faults %q, unshown %q, want 300, 200 and nothing else", r.Payments, r.Bought, r.Faults, r.Unshown)
	}
	if len(r.Walks) != 1 || r.Walks[0].Whole < 1 || r.Walks[0].Pages < 6 || r.Ratio == nil || r.Ratio.Value <= 0 {
		t.Errorf("got walks %+v, ratio %+v, want the whole list of six pages once and more", r.Walks, r.Ratio)
	}
}

func TestJudgeOfRefunds(t *testing.T) {
	good := func() refundsResult {
		return refundsResult{Payments: 9, Walks: []walk{{}, {Whole: 1}}, Ratio: &ratio{Value: 1.1, Bound: maxP99Ratio}}
	}
	f := &refunds{Payments: 9}
	r := good()
	if r.judge(f); len(r.Faults)+len(r.Missed)+len(r.Unshown) != 0 {
		t.Fatalf("a good run: got %q, %q and %q", r.Faults, r.Missed, r.Unshown)
	}
	for want, breakIt := range map[string]func(*refundsResult){
		"p99 of buyers to 1.20 times": func(r *refundsResult) { r.Ratio.Value = 1.2 },
		"8 payments are listed":       func(r *refundsResult) { r.Payments = 8 },
		"did not come to the end":     func(r *refundsResult) { r.Walks[1].Whole = 0 },
	} {
		r := good()
		breakIt(&r)
		r.judge(f)
		all := append(append(r.Faults, r.Missed...), r.Unshown...)
		if len(all) != 1 || !strings.Contains(all[0], want) {
			t.Errorf("got %q, want one with %q", all, want)
		}
	}
}
