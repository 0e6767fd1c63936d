package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Site is what Prometheus has kept of the site while the sale sold.
type Site struct {
	From, To time.Time
	Answers  []Answers // to purchases, by code
	Failures []Failure
	Alerts   []Alert
	// AlertsKnown: Prometheus evaluates rules, so that no alert means that none fired.
	AlertsKnown bool
}

// Answers are those of one problem code, or ok, created or replayed.
type Answers struct {
	Code  string
	Count Count
	rates []point // a second
}

// Failure is something that should be 0.
type Failure struct {
	What  string
	Unit  string
	Count Count
}

// Alert is one that fired, and when it was seen to do so first and last.
type Alert struct {
	Name, Severity string
	From, To       time.Time
}

const (
	// around is what is asked for before and after the sale: a counter's step is seen between two scrapes.
	around = time.Minute
	// leastStep is a common interval of scrapes: less shows nothing more.
	leastStep = 5 * time.Second
)

// failures are what is asked for, by query. RANGE is the sale's time, and SALE its id. Counters with labels are absent until
// they count, so each adds 0 if a metric is there that its program always has: otherwise it is not known.
var failures = []struct{ what, unit, query string }{
	{"Nodes that crashed, as an allocator noticed", "", `max(sum by (instance) (increase(onsale_membership_events_total{event="failed"}[RANGE]))) or max(0 * max_over_time(onsale_rebalance_ready[RANGE]))`},
	{"Programs that did not answer Prometheus for a while", "", `sum(min_over_time(up{job=~"onsale-.*"}[RANGE]) == bool 0)`},
	{"Calls of Redis that failed, of nodes", "", `sum(increase(onsale_remotestock_calls_total{result="error"}[RANGE])) or sum(0 * max_over_time(onsale_checkout_ready[RANGE]))`},
	{"Claims that were sent again, because the answer was lost", "", `sum(increase(onsale_remotestock_resent_claims_total[RANGE]))`},
	{"Calls that failed, of allocators", "", `sum(increase(onsale_rebalance_failures_total[RANGE])) or sum(0 * max_over_time(onsale_rebalance_ready[RANGE]))`},
	{"Upstreams that could not be put in force", "", `sum(increase(onsale_upstream_failures_total[RANGE]))`},
	{"Calls that failed, of ledgers", "", `sum(increase(onsale_ledger_failures_total[RANGE])) or sum(0 * max_over_time(onsale_ledger_ready[RANGE]))`},
	{"Longest that an event waited for its ledger", "s", `max(max_over_time(onsale_ledger_lag_seconds{sale="SALE"}[RANGE]))`},
	{"Most of Redis's memory that was used", "of 1", `max(max_over_time(onsale_remotestock_memory_used_ratio[RANGE]))`},
}

const (
	answersQuery = `sum by (code) (increase(onsale_buyerapi_answers_total{endpoint="place-order"}[RANGE]))`
	ratesQuery   = `sum by (code) (rate(onsale_buyerapi_answers_total{endpoint="place-order"}[STEP]))`
	alertsQuery  = `ALERTS{alertstate="firing"}`
)

// during asks for all of it. sale is an id, which has no character that a query would take for its own.
func (p Prometheus) during(ctx context.Context, sale string, from, to time.Time) (s Site, err error) {
	s.From, s.To = from.Add(-around), to.Add(around)
	span := s.To.Sub(s.From)
	fill := func(query string) string {
		return strings.NewReplacer("RANGE", fmt.Sprintf("%ds", int(span.Seconds())), "SALE", sale).Replace(query)
	}
	for _, f := range failures {
		count, err := sole(p.at(ctx, fill(f.query), s.To))
		if err != nil {
			return s, err
		}
		s.Failures = append(s.Failures, Failure{f.what, f.unit, count})
	}
	if err := p.answers(ctx, &s, fill, span); err != nil {
		return s, err
	}
	return s, p.alerts(ctx, &s, span)
}

func (p Prometheus) answers(ctx context.Context, s *Site, fill func(string) string, span time.Duration) error {
	all, err := p.at(ctx, fill(answersQuery), s.To)
	if err != nil {
		return err
	}
	for _, one := range all {
		count, _ := sole([]series{one}, nil)
		s.Answers = append(s.Answers, Answers{Code: one.labels["code"], Count: count})
	}
	slices.SortFunc(s.Answers, func(a, b Answers) int {
		return cmp.Or(cmp.Compare(b.Count.Value, a.Count.Value), cmp.Compare(a.Code, b.Code))
	})
	step := max(leastStep, (span / 200).Truncate(time.Second))
	// A rate needs two scrapes: four steps of the shortest have them with any usual interval.
	rates, err := p.over(ctx, strings.ReplaceAll(ratesQuery, "STEP", fmt.Sprintf("%ds", int(4*step.Seconds()))), s.From, s.To, step)
	for _, one := range rates {
		for i := range s.Answers {
			if s.Answers[i].Code == one.labels["code"] {
				s.Answers[i].rates = one.points
			}
		}
	}
	return err
}

func (p Prometheus) alerts(ctx context.Context, s *Site, span time.Duration) error {
	fired, err := p.over(ctx, alertsQuery, s.From, s.To, max(leastStep, (span/1000).Truncate(time.Second)))
	if err != nil {
		return err
	}
	for _, one := range fired {
		name := one.labels["alertname"]
		if i := slices.IndexFunc(s.Alerts, func(a Alert) bool { return a.Name == name }); i >= 0 { // of another instance
			s.Alerts[i].From = earlier(s.Alerts[i].From, one.points[0].at)
			s.Alerts[i].To = later(s.Alerts[i].To, one.points[len(one.points)-1].at)
			continue
		}
		s.Alerts = append(s.Alerts, Alert{name, one.labels["severity"], one.points[0].at, one.points[len(one.points)-1].at})
	}
	slices.SortFunc(s.Alerts, func(a, b Alert) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Name, b.Name)) })
	if s.AlertsKnown = len(s.Alerts) > 0; !s.AlertsKnown {
		s.AlertsKnown, err = p.hasRules(ctx)
	}
	return err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
