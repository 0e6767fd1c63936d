package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/bench/generator"
	"onsale/bench/report"
	"onsale/bench/strategy"
)

// compared runs a comparison small enough for a test, and returns its report.
func compared(t *testing.T, ctx context.Context, c *compare) (*report.Report, error) {
	t.Helper()
	c.Repeats, c.Connections, c.Warmth, c.For, c.Rate, c.Crowd = 1, 32, 100, 300*time.Millisecond, 300, 1000
	c.Out, c.Binaries = t.TempDir(), binaries
	err := c.Run(ctx)
	f, ferr := os.Open(filepath.Join(c.Out, "report.json"))
	if ferr != nil {
		t.Fatal(errors.Join(err, ferr))
	}
	defer f.Close()
	r, ferr := report.Load(f)
	if ferr != nil {
		t.Fatal(errors.Join(err, ferr))
	}
	return r, err
}

// TestBrokenStrategiesAreInvalid: a harness that can't see a broken strategy
// proves nothing of a sound one.
func TestBrokenStrategiesAreInvalid(t *testing.T) {
	c := &compare{extra: strategy.Broken, Only: []string{ours}}
	want := map[string]string{
		"oversells": "oversold", "loses-acks": "lost acknowledgements", "early-sold-out": "false sold-out", "doubles": "duplicate orders", "forgets-buyers": "duplicate orders",
		"dates-back":      "outside the sale's time",
		"sells-to-ghosts": "orders that nobody was told of", "hides-orders": "orders that nobody was told of",
	}
	for name := range want {
		c.Only = append(c.Only, name)
	}
	r, err := compared(t, t.Context(), c)
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
	faults := map[string]string{}
	for _, row := range r.Rows {
		faults[row.Strategy] += strings.Join(row.Faults, "; ")
	}
	for name, fault := range want {
		if !strings.Contains(faults[name], fault) {
			t.Errorf("%s: got the faults %q, want %q among them", name, faults[name], fault)
		}
	}
	if len(r.Rows) != (1+len(want))*len(phases) || faults[ours] != "" {
		t.Errorf("got %d rows, and of the node the faults %q, want %d and none", len(r.Rows), faults[ours], (1+len(want))*len(phases))
	}
}

// A contender that falls is INVALID, and the others are measured all the same.
func TestAFallenContenderIsInvalid(t *testing.T) {
	r, err := compared(t, t.Context(), &compare{extra: strategy.Broken, Only: []string{ours, "falls"}})
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
	rows, invalid := map[string]int{}, map[string]int{}
	for _, row := range r.Rows {
		rows[row.Strategy]++
		if row.Invalid() {
			invalid[row.Strategy]++
		}
	}
	if rows[ours] != len(phases) || invalid[ours] != 0 || invalid["falls"] != 1 || !strings.HasPrefix(r.Notes[len(r.Notes)-1], "falls fell") {
		t.Errorf("got %v rows, %v INVALID, notes %q", rows, invalid, r.Notes)
	}
}

// TestComparisonCoversEveryStrategy on the real stores.
func TestComparisonCoversEveryStrategy(t *testing.T) {
	c := &compare{Profile: true}
	r, err := compared(t, t.Context(), c)
	if err != nil {
		t.Error(err)
	}
	rows := map[string]int{}
	for _, row := range r.Rows {
		rows[row.Strategy]++
		if row.Completed == 0 || row.CPU["server"] <= 0 || row.Memory["server"] == 0 {
			t.Errorf("%s, %s: got %d answers, CPU %v, memory %v", row.Strategy, row.Phase, row.Completed, row.CPU, row.Memory)
		}
	}
	for _, name := range names() {
		profile, err := os.ReadFile(filepath.Join(c.Out, "server-"+name+"-1.pprof"))
		if err != nil || !bytes.HasPrefix(profile, []byte{0x1f, 0x8b}) { // gzip, as every profile
			t.Errorf("%s: got a profile of %d bytes, %v", name, len(profile), err)
		}
		if rows[name] != len(phases) {
			t.Errorf("%s: got %d rows, want %d", name, rows[name], len(phases))
		}
	}
}

// TestInterruptedComparisonKeepsWhatItMeasured, and ends what it started.
func TestInterruptedComparisonKeepsWhatItMeasured(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := &compare{Only: []string{ours}, measured: func(rows int) {
		if rows == 2 {
			cancel()
		}
	}}
	r, err := compared(t, ctx, c)
	if !errors.Is(err, context.Canceled) || len(r.Rows) != 2 {
		t.Errorf("got %d rows, %v, want the two that were measured and %v", len(r.Rows), err, context.Canceled)
	}
	if last := r.Notes[len(r.Notes)-1]; !strings.Contains(last, "2 of 5 rows") {
		t.Errorf("got the last note %q, want one that says what is missing", last)
	}
}

func TestUnknownStrategyIsRefused(t *testing.T) {
	err := run(t.Context(), []string{"compare", "--only", "redis-magic"})
	if err == nil || !strings.Contains(err.Error(), "redis-magic") || !strings.Contains(err.Error(), "redis-lua") {
		t.Errorf("got %v, want an error that names those there are", err)
	}
}

func TestJudgeRun(t *testing.T) {
	at := time.UnixMilli(10_000)
	order := func(id, buyer string, after time.Duration) strategy.Order {
		return strategy.Order{ID: id, Buyer: buyer, At: at.Add(after)}
	}
	ran := func(sold, soldOut int) generator.Run {
		r := generator.Run{Latencies: map[generator.Class]*generator.Latency{
			generator.ClassSold: generator.NewLatency(), generator.ClassSoldOut: generator.NewLatency(),
		}}
		for range sold {
			r.Latencies[generator.ClassSold].Record(time.Millisecond)
		}
		for range soldOut {
			r.Latencies[generator.ClassSoldOut].Record(time.Millisecond)
		}
		return r
	}
	sound := func() (generator.Run, []strategy.Order) {
		r := ran(2, 1)
		r.Acks = []generator.Ack{{Buyer: "ann", Order: "1"}, {Buyer: "bob", Order: "2"}}
		r.SoldOut = []generator.SoldOut{{Sent: 10_005, Received: 10_006, Buyers: 1}}
		return r, []strategy.Order{order("1", "ann", 0), order("2", "bob", 2*time.Millisecond)}
	}
	t.Run("one who got no answer has an order", func(t *testing.T) {
		run, orders := sound()
		run.Acks = run.Acks[:1]
		run.Latencies[generator.ClassBusy] = generator.NewLatency()
		run.Latencies[generator.ClassBusy].Record(time.Second)
		if got := judgeRun(2, run, orders, 0); got != (verdict{}) {
			t.Errorf("got %+v, want no fault: nobody was told anything else", got)
		}
	})
	for name, c := range map[string]struct {
		change func(*generator.Run, *[]strategy.Order)
		want   verdict
	}{
		"a sound run":        {func(*generator.Run, *[]strategy.Order) {}, verdict{}},
		"one order too many": {func(_ *generator.Run, o *[]strategy.Order) { *o = append(*o, order("3", "cid", 9)) }, verdict{Oversold: 1, Untold: 1}},
		"a buyer with two":   {func(_ *generator.Run, o *[]strategy.Order) { (*o)[1].Buyer = "ann" }, verdict{Duplicates: 1, LostAcks: 1, Untold: 1}},
		"an order that is not kept, and sold out is said": {func(_ *generator.Run, o *[]strategy.Order) { *o = (*o)[:1] },
			verdict{Unsold: 1, LostAcks: 1, FalseSoldOut: 1}},
		"another's order":                       {func(r *generator.Run, _ *[]strategy.Order) { r.Acks[0].Order = "2" }, verdict{LostAcks: 1, Untold: 1}},
		"sold out too early":                    {func(r *generator.Run, _ *[]strategy.Order) { r.SoldOut[0].Sent, r.SoldOut[0].Received = 9_990, 10_001 }, verdict{FalseSoldOut: 1}},
		"an order of one who was told sold out": {func(r *generator.Run, _ *[]strategy.Order) { r.Acks = r.Acks[:1] }, verdict{Untold: 1}},
		"sold out long after":                   {func(r *generator.Run, _ *[]strategy.Order) { r.SoldOut[0].Sent, r.SoldOut[0].Received = 99_990, 99_999 }, verdict{}},
	} {
		t.Run(name, func(t *testing.T) {
			run, orders := sound()
			c.change(&run, &orders)
			got := judgeRun(2, run, orders, 0)
			if got != c.want || (len(got.faults()) == 0) != (c.want == verdict{}) {
				t.Errorf("got %+v %q, want %+v", got, got.faults(), c.want)
			}
		})
	}
	t.Run("few were heard", func(t *testing.T) {
		run := ran(1, 0)
		run.Acks = []generator.Ack{{Buyer: "ann", Order: "1"}}
		if got := judgeRun(10, run, []strategy.Order{order("1", "ann", 0)}, 0); got != (verdict{}) {
			t.Errorf("got %+v, want no fault: nobody was refused", got)
		}
	})
}
