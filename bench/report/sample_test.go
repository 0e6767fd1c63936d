package report_test

import (
	"fmt"
	"math"
	"time"

	"onsale/bench/report"
)

// hostile is a text that means something to every output.
const hostile = "a<script src=\"http://x/y.js\">&amp;'\n\x1b[31m\x00#\tevil/x=1"

// latency is a distribution around a p50 in ms.
func latency(count int64, p50 float64) report.Quantiles {
	return report.Quantiles{Count: count, P50: p50, P95: p50 * 2, P99: p50 * 3, P999: p50 * 8, Max: p50 * 20}
}

// hit is a row of 10,000 buyers who all got a ticket, at capacity.
func hit(strategy string, repeat int, rate float64) report.Row {
	return report.Row{
		Strategy: strategy, Title: "Title of " + strategy, Phase: report.PhaseHit, Loop: report.LoopClosed, Repeat: repeat,
		Intended: 10_000, Sent: 10_000, Completed: 10_000, Rate: rate,
		Classes:    map[string]report.Quantiles{report.ClassSold: latency(10_000, 50_000/rate)},
		CPU:        map[string]float64{"server": 200_000 / rate, "redis": 100_000 / rate, "generator": 12},
		Memory:     map[string]int64{"server": 20 << 20, "redis": 12 << 20, "generator": 1 << 30},
		Durability: "fsync always", GeneratorBusy: 0.4,
	}
}

// spike is a row of 20,000 buyers for 10,000 tickets, on schedule.
func spike(strategy string, p50 float64) report.Row {
	r := hit(strategy, 1, 18_000)
	r.Phase, r.Loop, r.Offered, r.Intended, r.Sent, r.Completed = report.PhaseSpike, report.LoopOpen, 20_000, 20_000, 20_000, 20_000
	r.Classes = map[string]report.Quantiles{report.ClassSold: latency(10_000, p50), report.ClassSoldOut: latency(10_000, p50/2)}
	return r
}

// curve is the spike's, with a tail.
func curve(strategy string, p50 float64) report.Curve {
	c := report.Curve{Strategy: strategy, Phase: report.PhaseSpike, Loop: report.LoopOpen, Offered: 20_000, Repeat: 1, Class: report.ClassSold}
	for _, q := range []float64{0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 1} {
		c.Points = append(c.Points, report.Point{Quantile: q, Millis: p50 * math.Pow(2-q+2*q/(1.1-q), 0.9)})
	}
	return c
}

// sample is a small comparison with something of everything.
func sample() *report.Report {
	r := &report.Report{
		Header: report.Header{
			Command: "go run ./bench compare", Machine: "2 cores, linux/amd64, go1.26", Commit: "0123456789ab",
			Started: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Versions: map[string]string{"redis": "7.0.15", "go": "go1.26", "postgres": "15.8"},
			Cores: 2, CPUModel: "Example CPU", Kernel: "6.1.0",
		},
		Notes: []string{"Redis: appendfsync always.", "PostgreSQL: synchronous_commit on."},
		Marks: []report.Mark{{Seconds: 1.5, What: "killed n002"}, {Seconds: 1.6, What: "redis away"}, {Seconds: 3.2, What: "redis back"}},
	}
	for repeat := range 3 {
		n := float64(repeat)
		r.Rows = append(r.Rows, hit("redis-lua", repeat+1, 20_000+100*n), hit("onsale", repeat+1, 40_000-1000*n),
			hit("postgres-row-lock", repeat+1, 900+n))
	}
	broken := hit("oversells", 1, 90_000)
	broken.Faults, broken.Oversold = []string{"sold 10,013 of 10,000 tickets", "13 buyers hold nothing"}, 13
	saturated := hit("redis-decr", 1, 30_000)
	saturated.GeneratorBusy, saturated.Lacks = 0.97, []string{"a crash between its commands loses a ticket"}
	late := spike("postgres-row-lock", 1) // quick for those it served, and it served half
	late.Dropped, late.Sent = 10_000, 10_000
	late.Classes = map[string]report.Quantiles{report.ClassSold: latency(10_000, 0.5)}
	wrong := spike("oversells", 0.1)
	wrong.Faults = []string{"false “sold out”: 7"}
	r.Rows = append(r.Rows, broken, saturated, spike("onsale", 2), spike("redis-lua", 5), late, wrong)
	soldOut := hit("onsale", 1, 60_000)
	soldOut.Phase, soldOut.Classes = report.PhaseSoldOut, map[string]report.Quantiles{report.ClassSoldOut: latency(10_000, 1)}
	r.Rows = append(r.Rows, soldOut)
	r.Curves = []report.Curve{curve("redis-lua", 5), curve("onsale", 2), curve("oversells", 0.1)}
	for node := range 5 {
		s := report.Series{Node: fmt.Sprintf("n%03d", node)}
		for tick := range 41 {
			left := max(0, 2000-int64(tick*(50+3*node)))
			if node == 2 && tick > 15 {
				break
			}
			s.Levels = append(s.Levels, report.Level{Seconds: float64(tick) / 10, Left: left})
		}
		r.Stock = append(r.Stock, s)
	}
	return r
}
