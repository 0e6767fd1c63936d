package tracing_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/collector"
	"onsale/internal/tracing"
)

// TestMain waits for exports that Close has given up: on a busy machine they end later than goleak waits.
func TestMain(m *testing.M) {
	code := m.Run()
	for until := time.Now().Add(time.Minute); code == 0; {
		err := goleak.Find()
		if err == nil {
			break
		}
		if time.Now().After(until) {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// start starts a tracer that records such a share of the purchases.
func start(t *testing.T, endpoint string, share float64, log *zap.Logger) *tracing.Tracer {
	t.Helper()
	tracer, err := tracing.New(tracing.Config{Endpoint: endpoint, Sample: share, Service: "onsale-node", Instance: "n1"}, log)
	if err == nil {
		err = tracer.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// purchase records a purchase that is decided alone in its batch, and the transaction of its order.
func purchase(tracer *tracing.Tracer, parent string, err error) (place *sale.Trace) {
	place, end := tracer.Purchase()("demo", parent)
	if place == nil {
		return nil
	}
	decided := tracer.Deduct()("demo", 1, []sale.TracedClaim{{Trace: *place, Since: time.Now()}})
	decided(err)
	end("created", 201, "the request's id")
	tracer.Record()("demo", 1, 1, []sale.Trace{*place})(nil)
	return place
}

func TestAPurchaseIsOneTrace(t *testing.T) {
	c := collector.Start(t)
	tracer := start(t, c.URL, 0, zap.NewNop())
	purchase(tracer, parent, errors.New("lost"))
	tracer.Close() // which exports
	byName := map[string]collector.Span{}
	for _, s := range c.Spans() {
		byName[s.Name] = s
		if s.Trace != parent[3:35] || s.Service != "onsale-node" || s.Text["onsale.sale"] != "demo" && s.Name != "claim" {
			t.Errorf("got %+v, want it in trace %s", s, parent[3:35])
		}
	}
	bought, claim, deduct, record := byName["purchase"], byName["claim"], byName["deduct"], byName["record"]
	if bought.Parent != parent[36:52] || claim.Parent != bought.ID || deduct.Parent != claim.ID || record.Parent != bought.ID || len(c.Spans()) != 4 {
		t.Errorf("got %+v, want purchase, claim and deduct below each other, and record below purchase", byName)
	}
	if !slices.Equal(claim.Links, []string{deduct.ID}) || !slices.Equal(deduct.Links, []string{claim.ID}) || !slices.Equal(record.Links, []string{bought.ID}) {
		t.Errorf("got links %v, %v, %v, want them between claim and deduct, and from record to purchase", claim.Links, deduct.Links, record.Links)
	}
	if bought.Text["onsale.answer"] != "created" || bought.Numbers["http.response.status_code"] != 201 || bought.Text["onsale.request_id"] != "the request's id" || bought.Failed {
		t.Errorf("got %+v, want the answer", bought)
	}
	if !deduct.Failed || !claim.Failed || record.Failed {
		t.Errorf("got failed deduct %v, claim %v, record %v, want the first two", deduct.Failed, claim.Failed, record.Failed)
	}
}

func TestAPlanIsATraceOfItsCalls(t *testing.T) {
	c := collector.Start(t)
	tracer := start(t, c.URL, 0, zap.NewNop())
	since := time.Now().Add(-time.Second)
	tracer.Plan()("demo", "low", 3, since)(7, nil)
	tracer.Plan()("demo", "drift", 3, since)(0, errors.New("fenced"))
	for range 1000 { // as when a node leaves a site with thousands of sales
		tracer.Plan()("many", "membership", 3, since)(1, nil)
	}
	tracer.Close()
	plans, many := map[string]collector.Span{}, 0
	for _, s := range c.Spans() {
		if s.Name == "plan" && s.Text["onsale.sale"] == "many" {
			many++
		} else if s.Name == "plan" {
			plans[s.Text["onsale.reason"]] = s
		}
	}
	low, drift := plans["low"], plans["drift"]
	if low.Parent != "" || low.Numbers["onsale.plan"] != 7 || low.Numbers["onsale.nodes"] != 3 || low.Failed || low.End.Sub(low.Begin) < time.Second {
		t.Errorf("got %+v, want the plan 7 of three nodes, from a second ago on", low)
	}
	if !drift.Failed || drift.Trace == low.Trace {
		t.Errorf("got %+v, want a trace of its own of a plan that was not written", drift)
	}
	survey, write := c.Named(low.Trace, "survey"), c.Named(low.Trace, "write")
	if len(survey) != 1 || len(write) != 1 || survey[0].Parent != low.ID || write[0].Parent != low.ID || write[0].Begin.Before(survey[0].End) {
		t.Errorf("got %+v and %+v, want both calls, one after the other, below the plan", survey, write)
	}
	if write := c.Named(drift.Trace, "write"); len(write) != 1 || !write[0].Failed {
		t.Errorf("got %+v, want one call that failed", write)
	}
	if many == 0 || many > 250 { // 98 at once, and as many more as the second it takes allows
		t.Errorf("got %d of 1,000 plans, want a bound", many)
	}
}

func TestABatchHasLinksToAllItsClaims(t *testing.T) {
	c := collector.Start(t)
	tracer := start(t, c.URL, 1, zap.NewNop())
	var traced []sale.TracedClaim
	for range 3 {
		place, end := tracer.Purchase()("demo", "")
		end("created", 201, "")
		traced = append(traced, sale.TracedClaim{Trace: *place, Since: time.Now()})
	}
	tracer.Deduct()("demo", 7, traced)(nil)
	tracer.Close()
	var call collector.Span
	var claims []string
	for _, s := range c.Spans() {
		switch s.Name {
		case "deduct":
			call = s
		case "claim":
			claims = append(claims, s.ID)
		}
	}
	for _, s := range c.Spans() {
		if s.Name == "claim" && !slices.Equal(s.Links, []string{call.ID}) {
			t.Errorf("got %+v, want a link to %s", s, call.ID)
		}
	}
	slices.Sort(claims)
	slices.Sort(call.Links)
	if len(claims) != 3 || !slices.Equal(call.Links, claims) || call.Numbers["onsale.claims"] != 7 {
		t.Errorf("got %+v, want links to %v", call, claims)
	}
}

func TestWhoDecidesWhatIsRecorded(t *testing.T) {
	c := collector.Start(t)
	none, all := start(t, c.URL, 0, zap.NewNop()), start(t, c.URL, 1, zap.NewNop())
	defer none.Close()
	defer all.Close()
	unsampled := parent[:53] + "00"
	for name, c := range map[string]struct {
		tracer *tracing.Tracer
		parent string
		want   bool
	}{
		"nobody asks, none is recorded":             {none, "", false},
		"nobody asks, all are recorded":             {all, "", true},
		"the sender wishes it":                      {none, parent, true},
		"the sender has decided against it":         {all, unsampled, false},
		"the sender sends nonsense":                 {all, "00-\"\r\n", true},
		"the sender sends nonsense, none is wanted": {none, parent + "x", false},
	} {
		if got := purchase(c.tracer, c.parent, nil); (got != nil) != c.want {
			t.Errorf("%s: got recorded %v, want %v", name, got != nil, c.want)
		}
	}
	// Anyone may send the header: it must not be a way to make purchases expensive.
	recorded := 0
	for range 5000 {
		if purchase(none, parent, nil) != nil {
			recorded++
		}
	}
	if recorded > 2500 {
		t.Errorf("got %d of 5,000 recorded in a moment because their sender wished it, want a bound", recorded)
	}
	some := start(t, c.URL, 0.1, zap.NewNop())
	defer some.Close()
	recorded = 0
	for range 20_000 {
		if place, end := some.Purchase()("demo", ""); place != nil {
			recorded++
			end("created", 201, "")
		}
	}
	if recorded < 1500 || recorded > 2500 { // eleven standard deviations
		t.Errorf("got %d of 20,000 recorded, want one in ten", recorded)
	}
}

// away are collectors that take nothing.
func away(t *testing.T) map[string]string {
	t.Helper()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	hangs := collector.Start(t)
	hangs.Hang()
	return map[string]string{"closed": "http://" + closed.Addr().String(), "hangs": hangs.URL}
}

func TestACollectorThatIsAwayHoldsUpNothing(t *testing.T) {
	for name, endpoint := range away(t) {
		t.Run(name, func(t *testing.T) {
			core, logged := observer.New(zap.InfoLevel)
			tracer := start(t, endpoint, 1, zap.New(core))
			heap := func() int64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return int64(m.HeapAlloc)
			}
			before, began := heap(), time.Now()
			const purchases = 25_000 // a hundred thousand spans; each batch of 256 would wait for seconds
			for range purchases {
				purchase(tracer, "", nil)
			}
			took, grown := time.Since(began), heap()-before
			t.Logf("%v each, heap grown by %d kB", took/purchases, grown/1000)
			if took > 60*time.Second {
				t.Errorf("got %v for %d purchases, want none to wait for the collector", took, purchases)
			}
			if grown > 40<<20 {
				t.Errorf("got the heap grown by %d bytes, want spans dropped", grown)
			}
			began = time.Now()
			if tracer.Close(); time.Since(began) > 10*time.Second {
				t.Errorf("got %v for the end, want it bounded", time.Since(began))
			}
			if n := logged.Len(); n > 3 {
				t.Errorf("got %d lines, want the failure logged once: %v", n, logged.All())
			}
		})
	}
}

func TestACollectorThatComesBackGetsSpans(t *testing.T) {
	c := collector.Start(t)
	c.Hang()
	core, logged := observer.New(zap.InfoLevel)
	tracer := start(t, c.URL, 1, zap.New(core))
	defer tracer.Close()
	purchase(tracer, "", nil)
	await.Until(t, "a line of the failure", func() bool { return logged.FilterMessageSnippet("takes no spans").Len() == 1 })
	c.Answer()
	place := purchase(tracer, "", nil)
	await.Until(t, "the spans of a later purchase", func() bool { return len(c.Named(place.TraceID(), "record")) == 1 })
	await.Until(t, "a line that it works again", func() bool { return logged.FilterMessageSnippet("takes spans again").Len() == 1 })
}

func TestNothingIsTracedWithoutACollector(t *testing.T) {
	tracer, err := tracing.New(tracing.Config{Sample: 1}, zap.NewNop())
	if err != nil || tracer != nil || tracer.Purchase() != nil || tracer.Deduct() != nil || tracer.Record() != nil || tracer.Start() != nil {
		t.Errorf("got %v, %v, want no tracer and no hooks", tracer, err)
	}
	tracer.Close()
}

func TestAConfigurationThatCantWorkIsRefused(t *testing.T) {
	for _, endpoint := range []string{"10.0.0.9:4318", "grpc://10.0.0.9:4317", "http://", "/v1/traces", "http://a b/", "http://u:p@x/", "http://x/?a=b"} {
		if _, err := tracing.New(tracing.Config{Endpoint: endpoint}, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "--otlp-endpoint") {
			t.Errorf("%s: got %v, want an error with the flag", endpoint, err)
		}
	}
	for _, share := range []float64{-0.1, 1.1} {
		if _, err := tracing.New(tracing.Config{Endpoint: "http://x", Sample: share}, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "--trace-sample") {
			t.Errorf("%v: got %v, want an error with the flag", share, err)
		}
	}
}

// What a purchase costs a node that traces: one that is not recorded allocates nothing.
func TestAPurchaseThatIsNotRecordedAllocatesNothing(t *testing.T) {
	tracer := start(t, collector.Start(t).URL, 0, zap.NewNop())
	defer tracer.Close()
	begins := tracer.Purchase()
	for name, parent := range map[string]string{"without a parent": "", "not sampled": parent[:53] + "00"} {
		if got := testing.AllocsPerRun(100, func() { begins("demo", parent) }); got != 0 {
			t.Errorf("%s: got %v allocations, want none", name, got)
		}
	}
}

func BenchmarkPurchase(b *testing.B) {
	c := collector.Start(b)
	for _, share := range []float64{0, 0.001, 1} {
		b.Run(fmt.Sprint(share), func(b *testing.B) {
			tracer, err := tracing.New(tracing.Config{Endpoint: c.URL, Sample: share}, zap.NewNop())
			if err == nil {
				err = tracer.Start()
			}
			if err != nil {
				b.Fatal(err)
			}
			defer tracer.Close()
			b.ReportAllocs()
			for b.Loop() {
				purchase(tracer, "", nil)
			}
		})
	}
}
