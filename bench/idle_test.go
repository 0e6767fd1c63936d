package main

import "testing"

func TestIdle(t *testing.T) {
	var r idleResult
	// A machine that is busy with other tests shows nothing of what a site costs: here only that each figure is measured.
	resultOf(t, &r, "idle", "--nodes", "3", "--for", "2s", "--settle", "1s", "--kills", "1", "--most", "3", "--known", "20s")
	if r.Cores["nodes"] <= 0 || r.Wakeups["nodes"] <= 0 || len(r.Crashes) != 1 || r.Crashes[0] < 0.2 || r.Crashes[0] < r.Planner[0] || r.Published[0] < r.Planner[0] {
		t.Errorf("got %+v", r)
	}
}

func TestIdleIsJudgedByEachFigure(t *testing.T) {
	i := &idle{Nodes: 100, Kills: 3, Most: 0.3, Known: 1500e6}
	good := func() *idleResult {
		return &idleResult{Nodes: 100, Cores: map[string]float64{"nodes": 0.3, "redis": 1}, Crashes: []float64{1, 1.5, 1.9}}
	}
	for name, spoil := range map[string]func(*idleResult){
		"processor time": func(r *idleResult) { r.Cores["nodes"] = 0.31 },
		"crashes":        func(r *idleResult) { r.Crashes[1] = 1.51 },
		"one crash less": func(r *idleResult) { r.Crashes = []float64{1, 1} },
		"live nodes":     func(r *idleResult) { r.Wrongly = 1 },
	} {
		r := good()
		i.judge(r)
		if len(r.Faults) != 0 {
			t.Fatalf("got %q of a good run, want none", r.Faults)
		}
		spoil(r)
		i.judge(r)
		if len(r.Faults) != 1 {
			t.Errorf("%s: got %q, want one fault", name, r.Faults)
		}
	}
}
