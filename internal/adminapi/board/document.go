package board

import (
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
)

// siteNow is what a frame shows of the site, to every viewer.
type siteNow struct {
	Time time.Time `json:"time"`
	// Name is this allocator's. Leads: it plans, and knows the sales. Otherwise Leader is the admin address of the one that
	// does, if it is known.
	Name string `json:"name"`
	// Run is another one when this allocator has been started again: its events are numbered anew.
	Run    string         `json:"run"`
	Leads  bool           `json:"leads"`
	Leader string         `json:"leader,omitempty"`
	Away   bool           `json:"away"`  // Redis does not answer
	Nodes  adminapi.Nodes `json:"nodes"` // and the other parts
	// Probed is how many seconds ago each node last answered a probe of this allocator's gossip.
	Probed  map[string]float64 `json:"probed"`
	Gone    []Gone             `json:"gone"`
	Answers *answersNow        `json:"answers"` // null: nodes have registered none
	Count   int                `json:"count"`   // of all sales
	Sales   []listed           `json:"sales"`   // the hottest
}

// answersNow are answers to purchases by code: what nodes have registered, and how many more there were in the last second.
// Nginx answers sold-out by itself while it knows that: those are not among them.
type answersNow struct {
	Totals    map[string]int64   `json:"totals"`
	PerSecond map[string]float64 `json:"per_second"`
}

// listed is a sale in the list from which viewers choose.
type listed struct {
	ID        string  `json:"id"`
	Title     string  `json:"title"`
	Remaining int64   `json:"remaining"`
	Total     int64   `json:"total"`
	PerSecond float64 `json:"per_second"`
}

// saleNow is what a frame shows of one sale, to those who chose it.
type saleNow struct {
	adminapi.Status
	Phase     sale.Phase `json:"phase"` // by the window and by what remains
	PerSecond float64    `json:"per_second"`
	Line      *lineNow   `json:"line"` // null: it has none
	// Behind is what the ledgers have not recorded yet; null: that is not known.
	Behind  *adminapi.Behind `json:"behind"`
	Audited *sale.Audited    `json:"audited"` // the last audit; null: none is known
	AgeMS   int64            `json:"age_ms"`  // of the survey
}

type lineNow struct {
	Joined int64 `json:"joined"`
	Front  int64 `json:"front"`
	Drawn  int64 `json:"drawn"`
	Over   bool  `json:"over"` // the draw has taken place, or the sale has none
	Rate   int   `json:"rate"` // people a second at most
}

func newSaleNow(v sale.Survey, now time.Time) saleNow {
	d := saleNow{Status: adminapi.NewStatus(v), Phase: v.Sale.WindowAt(v.Reading.At), AgeMS: now.Sub(v.Reading.Sent).Milliseconds()}
	if d.Phase == sale.PhaseOnSale && v.Counters.Remaining == 0 {
		d.Phase = sale.PhaseSoldOut
	}
	if l := v.Reading.Line; l != nil {
		d.Line = &lineNow{Joined: l.Joined, Front: l.Front, Drawn: l.Drawn, Over: l.Over, Rate: v.Sale.LineRate}
	}
	return d
}
