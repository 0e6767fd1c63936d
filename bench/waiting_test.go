package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestPagesThatWaitReachNginxAlone(t *testing.T) {
	var r waitingResult
	resultOf(t, &r, "waiting", "--pages", "5000", "--sales", "2", "--nodes", "2", "--for", "6s", "--connections", "32")
	if r.Asked < 1000 || r.EdgeCPU <= 0 || r.P99 <= 0 || r.Reached <= 0 || r.Reached > 5 || len(r.Answers) != 1 || r.Answers[documentAnswer] != r.Asked {
		t.Errorf("got %+v", r)
	}
}

func TestWaitingIsJudgedByEachFigure(t *testing.T) {
	b := &waiting{NodeMost: 5}
	good := func() *waitingResult {
		return &waitingResult{Rate: 100, Asked: 1000, Seconds: 10, Reached: 5, Answers: map[string]int{documentAnswer: 1000}}
	}
	for name, c := range map[string]struct {
		change                  func(*waitingResult)
		faults, missed, unshown int
	}{
		"nothing":                     {change: func(*waitingResult) {}},
		"too much for the nodes":      {change: func(r *waitingResult) { r.Reached = 5.1 }, missed: 1},
		"an answer that is none":      {change: func(r *waitingResult) { r.Answers["502 Bad Gateway"] = 1 }, faults: 1},
		"documents that never change": {change: func(r *waitingResult) { r.Reached = 0 }, faults: 1},
		"a machine that is too slow":  {change: func(r *waitingResult) { r.Seconds = 20 }, unshown: 1},
	} {
		r := good()
		c.change(r)
		b.judge(r)
		if len(r.Faults) != c.faults || len(r.Missed) != c.missed || len(r.Unshown) != c.unshown {
			t.Errorf("%s: got faults %q, missed %q, unshown %q", name, r.Faults, r.Missed, r.Unshown)
		}
	}
	if got := asksPerSecond(1_000_000, 500); math.Abs(got-19_000) > 200 {
		t.Errorf("a million pages ask %.0f times a second, want some 19,000", got)
	}
	w := &waiting{Pages: 0, LineRate: 1, Sales: 1, Nodes: 1, For: time.Millisecond, Connections: 0, NodeMost: 1}
	if err := w.Validate(); err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("got %v, want three faults", err)
	}
}
