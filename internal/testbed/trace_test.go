package testbed_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/collector"
)

// traced is the traceparent of a client that has its n-th purchase recorded.
func traced(n byte) (trace, parent string) {
	trace = strings.Repeat(string(rune('0'+n/10))+string(rune('0'+n%10)), 16)
	return trace, "00-" + trace + "-00f067aa0ba902b7-01"
}

// buyTraced buys through Nginx with a traceparent, and returns the request's id.
func (s *site) buyTraced(t *testing.T, buyer, parent string) (request string) {
	t.Helper()
	token, err := s.Issuer.Token(buyer, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.Front()+"/v1/sales/demo/orders", strings.NewReader(`{"quantity":1}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if parent != "" {
		r.Header.Set("traceparent", parent)
	}
	a, body, err := answered(r)
	if err != nil || a.StatusCode != http.StatusCreated {
		t.Fatalf("%s: got %v, %s, want 201", buyer, err, body)
	}
	return a.Header.Get("X-Request-Id")
}

// Redis, PostgreSQL, Nginx, node and ledger are real.
func TestAPurchaseIsTracedFromNginxToTheLedger(t *testing.T) {
	t.Parallel()
	c := collector.Start(t)
	flags := []string{"--otlp-endpoint", c.URL, "--trace-sample", "0"}
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1, Ledgers: 1, NodeArgs: flags, LedgerArgs: flags, AllocatorArgs: flags})
	s.open(t, 1000, time.Hour)
	trace, parent := traced(11)
	request := s.buyTraced(t, "ann", parent)
	s.buyTraced(t, "bob", "") // nobody wishes it
	s.buyTraced(t, "cay", strings.TrimSuffix(parent, "1")+"0")
	named := func(name string) collector.Span {
		t.Helper()
		await.Until(t, "the span "+name, func() bool { return len(c.Named(trace, name)) > 0 })
		if found := c.Named(trace, name); len(found) > 1 {
			t.Errorf("got %v, want one span %s", found, name)
		}
		return c.Named(trace, name)[0]
	}
	purchase, claim, deduct, record := named("purchase"), named("claim"), named("deduct"), named("record")
	if purchase.Parent != parent[36:52] || claim.Parent != purchase.ID || deduct.Parent != claim.ID || record.Parent != purchase.ID {
		t.Errorf("got %+v, %+v, %+v, %+v, want each below the one before, and record below purchase", purchase, claim, deduct, record)
	}
	if !slices.Equal(claim.Links, []string{deduct.ID}) || !slices.Equal(deduct.Links, []string{claim.ID}) || !slices.Equal(record.Links, []string{purchase.ID}) {
		t.Errorf("got links %v, %v, %v, want claim and deduct linked, and record to purchase", claim.Links, deduct.Links, record.Links)
	}
	if purchase.Service != "onsale-node" || record.Service != "onsale-ledger" || purchase.Text["onsale.request_id"] != request || request == "" || purchase.Text["onsale.answer"] != "created" {
		t.Errorf("got %+v and %+v, want node and ledger, and the id %q that the buyer got", purchase, record, request)
	}
	if record.Begin.Before(purchase.Begin) || record.Numbers["onsale.orders"] < 1 {
		t.Errorf("got %+v, want the orders recorded after the purchase began", record)
	}
	for _, span := range c.Spans() {
		if span.Trace != trace && span.Service != "onsale-allocator" {
			t.Errorf("got %+v, want nothing recorded of purchases whose senders did not wish it", span)
		}
	}

	var plan collector.Span
	await.Until(t, "the sale's first plan, with both of its calls", func() bool {
		of := map[string]bool{}
		for _, span := range c.Spans() {
			switch {
			case span.Service != "onsale-allocator":
			case span.Name == "plan" && span.Text["onsale.reason"] == "first":
				plan = span
			case plan.ID != "" && span.Trace == plan.Trace && span.Parent == plan.ID:
				of[span.Name] = true
			}
		}
		return len(of) == 2 && of["survey"] && of["write"]
	})
	if plan.Parent != "" || plan.Text["onsale.sale"] != "demo" || plan.Numbers["onsale.nodes"] != 1 || plan.Numbers["onsale.plan"] < 1 || plan.Failed {
		t.Errorf("got %+v, want a plan of the sale demo for one node, with its number", plan)
	}

	// A collector that takes requests and answers none holds up nobody.
	c.Hang()
	began := time.Now()
	for n := byte(12); n < 62; n++ {
		_, parent := traced(n)
		s.buyTraced(t, "buyer-"+strings.Repeat("x", int(n)), parent)
	}
	t.Logf("50 purchases beside a collector that hangs: %v each", time.Since(began)/50)
	c.Answer()
	trace, parent = traced(70)
	s.buyTraced(t, "eve", parent)
	bought := named("purchase").ID
	await.Until(t, "a link from a transaction to the last purchase", func() bool { // others may be in it, and come first
		return slices.ContainsFunc(c.Spans(), func(s collector.Span) bool { return s.Name == "record" && slices.Contains(s.Links, bought) })
	})
	s.audit(t)
}
