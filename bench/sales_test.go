package main

import "testing"

func TestManySales(t *testing.T) {
	var r salesResult
	// So short a run shows little of what a site costs; what it may take is a measurement of its own.
	resultOf(t, &r, "sales", "--sales", "60", "--hot", "2", "--nodes", "2", "--for", "2s", "--settle", "4s", "--openings", "1", "--returns", "1",
		"--redis-most", "100", "--node-most", "100")
	if r.Created != 60 || r.Bought == 0 || len(r.Opened) != 1 || len(r.Returned) != 1 || r.Ready <= 0 || r.Idle["redis"] <= 0 || r.Selling["nodes"] <= 0 {
		t.Errorf("got %+v", r)
	}
}

func TestSalesAreJudgedByEachFigure(t *testing.T) {
	s := &sales{Sales: 10, RedisMost: 5, NodeMost: 1}
	good := func() *salesResult {
		return &salesResult{Created: 10, Bought: 1, Answers: map[string]int{"201": 1}, Idle: map[string]float64{"redis": 5, "node": 1},
			Opened: []float64{1}, Returned: []float64{3}}
	}
	for name, spoil := range map[string]func(*salesResult){
		"created":  func(r *salesResult) { r.Created = 9 },
		"redis":    func(r *salesResult) { r.Idle["redis"] = 5.1 },
		"node":     func(r *salesResult) { r.Idle["node"] = 1.1 },
		"log":      func(r *salesResult) { r.IdleLog = 1 },
		"answers":  func(r *salesResult) { r.Answers["503"] = 1 },
		"opened":   func(r *salesResult) { r.Opened = []float64{0.2, 1.1} },
		"returned": func(r *salesResult) { r.Returned = []float64{3.1} },
		"bought":   func(r *salesResult) { r.Bought = 0 },
	} {
		r := good()
		s.judge(r)
		if len(r.Faults)+len(r.Unshown) != 0 {
			t.Fatalf("got %q, %q of a good run, want none", r.Faults, r.Unshown)
		}
		spoil(r)
		s.judge(r)
		if len(r.Faults)+len(r.Unshown) != 1 {
			t.Errorf("%s: got %q, %q, want one fault", name, r.Faults, r.Unshown)
		}
	}
}
