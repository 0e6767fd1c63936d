package report

import (
	"fmt"
	"time"

	"onsale/internal/ledger/postgres"
	"onsale/internal/picture"
	"onsale/internal/sale"
)

// facts are the sale in a few lines.
func (r *Report) facts() (facts [][2]string) {
	h := r.History
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, [2]string{name, picture.Plain(value)})
		}
	}
	add("subtitle", h.Sale.Subtitle)
	add("tickets", picture.Thousands(h.Sale.Total))
	add("price", fmt.Sprintf("%d %s in the minor unit", h.Sale.Price, h.Sale.Currency))
	if h.Sale.Opens != 0 {
		add("opened", stamp(h.Sale.Opens))
	}
	if h.Sale.Closes != 0 {
		add("closed by itself", stamp(h.Sale.Closes))
	}
	add("first order", stamp(h.First))
	add("sold out", r.soldOut())
	taken := r.taken()
	add("orders taken", picture.Thousands(taken.Orders)+", of "+picture.Thousands(taken.Tickets)+" tickets")
	paid := h.States[sale.StatePaid]
	add("tickets paid", fmt.Sprintf("%s, %s of the total", picture.Thousands(paid.Tickets), share(paid.Tickets, h.Sale.Total)))
	expired := h.States[sale.StateExpired]
	add("holds that expired", fmt.Sprintf("%s, %s of the orders", picture.Thousands(expired.Orders), share(expired.Orders, taken.Orders)))
	add("peak of demand that was served", r.peak())
	return facts
}

// soldOut is when, and how long it took.
func (r *Report) soldOut() string {
	h := r.History
	if h.SoldOut == 0 {
		return "never"
	}
	text := fmt.Sprintf("%s after the begin, at %s", took(h.SoldOut.Sub(r.begin())), stamp(h.SoldOut))
	switch {
	case h.SoldOutAtLast == 0:
		text += "; tickets came back later, and some of them are left"
	case h.SoldOutAtLast != h.SoldOut:
		text += "; tickets came back, and the last of these went at " + stamp(h.SoldOutAtLast)
	}
	return text
}

// taken are all orders.
func (r *Report) taken() (all postgres.Tally) {
	for _, t := range r.History.States {
		all.Orders, all.Tickets = all.Orders+t.Orders, all.Tickets+t.Tickets
	}
	return all
}

func (r *Report) peak() string {
	most := int64(0)
	for _, m := range r.History.Flow {
		most = max(most, m.Taken)
	}
	if most == 0 {
		return ""
	}
	return picture.Decimal(float64(most)/r.History.Step.Seconds()) + " orders a second, over " + took(r.History.Step)
}

func (r *Report) tables() []table {
	return []table{r.orders(), r.payments(), r.paymentTimes(), r.answers(), r.failures(), r.alerts(), r.reconciliations()}
}

func (r *Report) orders() table {
	t := table{Heading: "What became of the orders", Head: []string{"state", "orders", "tickets", "of the orders"}, Empty: "No order was taken."}
	all := r.taken()
	for _, state := range []sale.State{sale.StatePaid, sale.StateHeld, sale.StateExpired, sale.StateCancelled, sale.StateRefunded} {
		if n := r.History.States[state]; n.Orders > 0 {
			t.Rows = append(t.Rows, []string{string(state), picture.Thousands(n.Orders), picture.Thousands(n.Tickets), share(n.Orders, all.Orders)})
		}
	}
	return t
}

func (r *Report) payments() table {
	t := table{Heading: "Payments", Head: []string{"state", "payments", "amount, in the minor unit"}, Empty: "No payment was reported.",
		Caption: "applied: it pays its order. due: it has to go back. settled: it has gone back. Parts of payments that go back are counted by themselves."}
	for _, p := range r.History.Payments {
		state := string(p.State)
		if p.Reason != "" {
			state += " (" + string(p.Reason) + ")"
		}
		t.Rows = append(t.Rows, []string{state, picture.Thousands(p.Count), picture.Thousands(p.Amount) + " " + picture.Plain(p.Currency)})
	}
	return t
}

func (r *Report) paymentTimes() table {
	p := r.History.PaidAfter
	t := table{Heading: "From hold to payment", Head: []string{"of the payments", "took at most"}, Empty: "No hold was paid: how long it takes is not known."}
	if p.Count == 0 {
		return t
	}
	t.Caption = fmt.Sprintf("%s payments; holds last %s.", picture.Thousands(p.Count), took(r.History.Sale.HoldFor))
	for _, q := range []struct {
		name string
		took time.Duration
	}{{"50 %", p.P50}, {"90 %", p.P90}, {"99 %", p.P99}, {"all", p.Max}} {
		t.Rows = append(t.Rows, []string{q.name, took(q.took)})
	}
	return t
}

// accepted are the codes of answers that refuse nothing.
var accepted = map[string]bool{"ok": true, "created": true, "replayed": true}

func (r *Report) answers() table {
	t := table{Heading: "Refusals by reason", Head: []string{"problem code", "answers"}, Empty: "Refusals are " + unknown + ": they leave no trace in the ledger, and Prometheus has none of them."}
	if r.Site == nil {
		return t
	}
	for _, a := range r.Site.Answers {
		if !accepted[a.Code] && (!a.Count.Known || a.Count.Value >= 0.5) {
			t.Rows = append(t.Rows, []string{picture.Plain(a.Code), a.Count.String()})
		}
	}
	if len(r.Site.Answers) > 0 {
		t.Empty = "Nodes refused nobody."
		t.Caption = "Answers of the nodes to purchases of all sales of the site in that time. Most of “sold out” is answered by Nginx, which does not count."
	}
	return t
}

func (r *Report) failures() table {
	t := table{Heading: "What failed meanwhile", Head: []string{"what", "how much"},
		Rows: [][]string{{"Entries of the sale's stream that could not be read, and were quarantined", picture.Thousands(int64(r.History.Unreadable))}}}
	if r.Site == nil {
		for _, f := range failures {
			t.Rows = append(t.Rows, []string{f.what, unknown})
		}
		return t
	}
	for _, f := range r.Site.Failures {
		value := f.Count.String()
		if f.Count.Known && f.Unit != "" {
			value += " " + f.Unit
		}
		t.Rows = append(t.Rows, []string{f.What, value})
	}
	return t
}

func (r *Report) alerts() table {
	t := table{Heading: "Alerts that fired", Head: []string{"alert", "severity", "from", "to"}, Empty: "Which alerts fired is " + unknown + "."}
	if r.Site == nil {
		return t
	}
	if r.Site.AlertsKnown {
		t.Empty = "None."
	}
	for _, a := range r.Site.Alerts {
		clock := func(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }
		t.Rows = append(t.Rows, []string{picture.Plain(a.Name), picture.Plain(a.Severity), clock(a.From), clock(a.To)})
	}
	return t
}

func (r *Report) reconciliations() table {
	t := table{Heading: "Losses of data that were reconciled", Head: []string{"at", "plan"}, Empty: "None is recorded."}
	for _, one := range r.History.Reconciliations {
		t.Rows = append(t.Rows, []string{one.At.UTC().Format("2006-01-02 15:04:05 UTC"), picture.Plain(one.Plan)})
	}
	return t
}

func (r *Report) notes() []string {
	notes := []string{
		"Orders and payments are the ledger's, and their times Redis's. The ledger has what buyers got, not what they were refused.",
		fmt.Sprintf("Curves have steps of %s.", took(r.History.Step)),
	}
	if r.History.Restocked {
		notes = append(notes, "The total was changed while the ledger kept the sale. It does not record when, so “sold out” is reckoned with the total of the end.")
	}
	if r.History.Changes > 0 {
		notes = append(notes, fmt.Sprintf("The sale's terms were changed %d times; those of the end are shown.", r.History.Changes))
	}
	if r.Site == nil {
		return append(notes, "Prometheus: "+unknown+", because "+r.Unasked+".")
	}
	return append(notes, fmt.Sprintf("Prometheus was asked for %s to %s, a minute more at both ends. Its figures are of the whole site, and as exact as its interval of scrapes: what a counter did before its first scrape, or after its last, is missing.",
		r.Site.From.UTC().Format("15:04:05"), r.Site.To.UTC().Format("15:04:05 UTC")))
}
