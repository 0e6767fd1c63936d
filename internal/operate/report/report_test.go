package report

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"onsale/internal/ledger/postgres"
	"onsale/internal/picture/picturetest"
	"onsale/internal/sale"
	"onsale/internal/testbed/browser"
)

const (
	begin   = sale.Instant(1_795_000_000_000)
	hostile = `<script src="http://evil/x.js"></script>&"'` + "\x1b[2J\x00"
)

// sample is a sale of ten tickets that opened ten seconds before the first order, and sold out after twenty.
func sample() *Report {
	h := postgres.History{
		Sale: sale.Sale{ID: "concert", Title: "Concert", Total: 10, Price: 4200, Currency: "EUR", Opens: begin, Closed: true, HoldFor: 10 * time.Minute},
		Read: begin + 3_600_000, First: begin + 10_000, Last: begin + 40_000, Step: 10 * time.Second, SoldOut: begin + 20_000, SoldOutAtLast: begin + 40_000,
		States:    map[sale.State]postgres.Tally{sale.StatePaid: {Orders: 8, Tickets: 10}, sale.StateExpired: {Orders: 2, Tickets: 2}},
		Payments:  []postgres.PaymentTally{{State: sale.PaymentApplied, Currency: "EUR", Count: 8, Amount: 42000}, {State: sale.PaymentDue, Reason: sale.ReasonLate, Currency: "EUR", Count: 1, Amount: 4200}},
		PaidAfter: postgres.PaymentTimes{Count: 8, P50: 3 * time.Second, P90: 30 * time.Second, P99: 4 * time.Minute, Max: 9 * time.Minute},
		Flow:      []postgres.Moment{{At: begin + 10_000, Taken: 9, Live: 10}, {At: begin + 20_000, Live: 10}, {At: begin + 30_000, Expired: 2, Live: 8}, {At: begin + 40_000, Taken: 1, Live: 10}},
	}
	return &Report{History: h, Unasked: "none was named"}
}

func written(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	picturetest.WantSelfContained(t, b.String())
	return b.String()
}

func want(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("got no %q in the page, want it", text)
		}
	}
}

// cell is a row of two cells.
func cell(what, value string) string {
	return fmt.Sprintf(`<tr><td class="left">%s</td><td>%s</td></tr>`, what, value)
}

func TestThePageOfASale(t *testing.T) {
	page := written(t, sample())
	want(t, page,
		"<h1>Concert</h1>", "20s after the begin, at 2026-11-18 11:07:00 UTC; tickets came back, and the last of these went at 2026-11-18 11:07:20 UTC",
		"10, of 12 tickets", "10, 100.0 % of the total", "2, 20.0 % of the orders", "0.90 orders a second, over 10s",
		cell("50 %", "3s"), cell("all", "9m0s"), "due (late)", "Tickets that are held or paid", "Orders taken, and holds that ended unpaid", "sold out</text>")
	if strings.Contains(page, "is not over") {
		t.Error("got a sale that is not over")
	}
	t.Run("has what nobody knows as not known", func(t *testing.T) {
		want(t, page, "Refusals are not known", "Which alerts fired is not known.", "Prometheus: not known, because none was named.")
		if got := strings.Count(page, "<td>not known</td>"); got != len(failures) {
			t.Errorf("got %d failures that are not known, want all %d", got, len(failures))
		}
	})
	t.Run("that goes on", func(t *testing.T) {
		r := sample()
		r.History.Sale.Closed = false
		want(t, written(t, r), "The sale is not over")
	})
	t.Run("that sold nothing", func(t *testing.T) {
		r := &Report{History: postgres.History{Sale: sale.Sale{ID: "none", Total: 5, Closed: true}}}
		if err := r.During(t.Context(), Prometheus{URL: "http://127.0.0.1:1"}); err != nil {
			t.Errorf("got %v, want nobody asked", err)
		}
		page := written(t, r)
		want(t, page, "<h1>none</h1>", "No order was taken.", "how long it takes is not known", "<dd>never</dd>")
		if strings.Contains(page, "<svg") {
			t.Error("got a picture of nothing")
		}
	})
	t.Run("that was never sold out, or is not any more", func(t *testing.T) {
		r := sample()
		r.History.SoldOutAtLast = 0
		want(t, written(t, r), "and some of them are left")
		r.History.SoldOut = 0
		want(t, written(t, r), "<dd>never</dd>")
	})
}

func TestTheSiteStandsBesideTheSale(t *testing.T) {
	r, at := sample(), begin.Time()
	r.Site = &Site{From: at, To: at.Add(time.Minute), AlertsKnown: true,
		Answers: []Answers{
			{Code: "sold-out", Count: Count{12345, true}, rates: []point{{at.Add(15 * time.Second), 500}, {at.Add(20 * time.Second), 700}}},
			{Code: "created", Count: Count{10, true}}, {Code: "closed", Count: Count{0, true}}, {Code: "busy", Count: Count{}},
		},
		Failures: []Failure{{"crashes", "", Count{0, true}}, {"lag", "s", Count{1.5, true}}, {"unheard", "s", Count{}}},
	}
	page := written(t, r)
	want(t, page, cell("sold-out", "12,345"), cell("busy", "not known"), cell("crashes", "0.00"), cell("lag", "1.50 s"), cell("unheard", "not known"), "<p>None.</p>", "Answers of nodes to purchases of all sales")
	for _, not := range []string{cell("created", "10"), cell("closed", "0.00")} {
		if strings.Contains(page, not) {
			t.Errorf("got %s among the refusals", not)
		}
	}
	r.Site.Alerts = []Alert{{"OnsaleRedisAway", "page", at, at.Add(10 * time.Second)}}
	want(t, written(t, r), `<td class="left">OnsaleRedisAway</td><td>page</td><td>2026-11-18 11:06:40 UTC</td><td>2026-11-18 11:06:50 UTC</td>`)
	r.Site.Answers = nil
	want(t, written(t, r), "Refusals are not known")
}

func TestWhatSomebodyTypedBecomesNoMarkup(t *testing.T) {
	r := sample()
	at := begin.Time()
	r.History.Sale.Title, r.History.Sale.Subtitle, r.Unasked = hostile, hostile, hostile
	r.History.Reconciliations = []postgres.Reconciliation{{At: at, Plan: hostile}}
	r.Site = &Site{Answers: []Answers{{Code: hostile, Count: Count{5, true}, rates: []point{{at.Add(15 * time.Second), 500}}}}, Alerts: []Alert{{hostile, hostile, at, at}}}
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.Contains(page, "<script") || strings.ContainsAny(page, "\x1b\x00") {
		t.Error("got the hostile text as it was, want it escaped")
	}
	if got := strings.Count(page, "&lt;script src="); got < 6 {
		t.Errorf("got %d escaped texts, want six or more", got)
	}
}

// All that a report may have, with titles and names as long as they may be, on a phone.
func TestThePageOpensOfflineOnAPhone(t *testing.T) {
	r, at := sample(), begin.Time()
	long := strings.Repeat("x", 200)
	r.History.Sale.Title, r.History.Sale.Subtitle = long, hostile
	r.History.Reconciliations = []postgres.Reconciliation{{At: at, Plan: long}}
	r.Site = &Site{From: at, To: at.Add(time.Minute), AlertsKnown: true,
		Answers:  []Answers{{Code: "sold-out", Count: Count{12345, true}, rates: []point{{at.Add(15 * time.Second), 500}, {at.Add(20 * time.Second), 700}}}},
		Failures: []Failure{{long, "s", Count{1.5, true}}},
		Alerts:   []Alert{{long, "page", at, at.Add(10 * time.Second)}},
	}
	file := filepath.Join(t.TempDir(), "report.html")
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	browser.WantOffline(t, file)
}

// A metric that is renamed would be "not known" for ever.
func TestQueriesNameMetricsThatExist(t *testing.T) {
	page, err := os.ReadFile("../../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	queries := answersQuery + ratesQuery
	for _, f := range failures {
		queries += f.query
	}
	names := regexp.MustCompile(`onsale_\w+`).FindAllString(queries, -1)
	for _, name := range names {
		if !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("%s is no metric of docs/metrics.md", name)
		}
	}
	if len(names) < 10 {
		t.Errorf("got %q, want more names", names)
	}
}
