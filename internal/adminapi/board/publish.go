package board

import (
	"encoding/json"
	"slices"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
)

// frame is one state of the site. It is never changed once it is published, so all viewers share it.
type frame struct {
	next   chan struct{} // closed when there is a newer one
	site   json.RawMessage
	sales  map[sale.ID]json.RawMessage // those that viewers have chosen; null: not known here
	first  sale.ID                     // the hottest; "": there is none
	events []Event                     // of the site
	of     map[sale.ID][]Event         // and of each chosen sale
}

// publish makes a frame and has all viewers send it.
func (b *Board) publish(chosen []sale.ID) {
	now := time.Now()
	next := &frame{next: make(chan struct{}), sales: map[sale.ID]json.RawMessage{}, of: map[sale.ID][]Event{}}
	site := b.siteNow(now)
	if len(site.Sales) > 0 {
		next.first = sale.ID(site.Sales[0].ID)
	}
	next.site = encoded(site)
	for _, id := range chosen {
		next.sales[id] = json.RawMessage("null")
		if v, known := b.site.Survey(id); known {
			next.sales[id] = encoded(b.saleNow(v, now))
		}
	}
	b.feed.mu.Lock()
	next.events = slices.Clone(b.feed.site.events)
	for _, id := range chosen {
		if s := b.feed.sales[id]; s != nil {
			next.of[id] = slices.Clone(s.events.events)
		}
	}
	b.feed.mu.Unlock()
	old := b.latest.Swap(next)
	close(old.next)
}

func encoded(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts, numbers and times can be encoded
	}
	return text
}

func (b *Board) siteNow(now time.Time) siteNow {
	d := siteNow{Time: now.UTC(), Name: b.site.Name, Run: b.run, Probed: map[string]float64{}, Answers: b.answers.now(), Sales: []listed{}}
	view := b.site.View()
	probed := b.site.Probed()
	for _, n := range view {
		if at, known := probed[n.Name]; known {
			d.Probed[n.Name] = now.Sub(at).Seconds()
		}
	}
	d.Nodes = adminapi.Nodes{Nodes: adminapi.NewNodes(view, b.reading.Settings), Time: now.UTC()}
	if b.reading.Parts.Allocators != nil {
		d.Nodes.Parts = &b.reading.Parts
	}
	if b.failed != nil {
		d.Nodes.Unknown = "Redis did not answer which allocators and ledgers run"
	}
	for _, a := range b.reading.Parts.Allocators {
		if a.AllocatorState != nil && a.Leads && a.Name != b.site.Name {
			d.Leader = a.Admin
		}
	}
	b.rank(now)
	d.Count = b.count
	b.feed.mu.Lock()
	defer b.feed.mu.Unlock()
	d.Leads, d.Away, d.Gone = b.feed.leads, b.feed.away, b.feed.goneNodes()
	for _, id := range b.hottest {
		if v, known := b.site.Survey(id); known {
			d.Sales = append(d.Sales, listed{string(id), v.Sale.Title, v.Counters.Remaining, v.Counters.Total, b.feed.rate(id)})
		}
	}
	return d
}

// rank finds the hottest sales anew once they may be others: with thousands of sales that is the most that a frame costs.
func (b *Board) rank(now time.Time) {
	if now.Sub(b.ranked) < rankEvery {
		return
	}
	surveys := b.site.Surveys()
	b.ranked, b.count = now, len(surveys)
	b.feed.mu.Lock()
	defer b.feed.mu.Unlock()
	b.hottest = b.feed.hottest(surveys)
}

func (b *Board) saleNow(v sale.Survey, now time.Time) saleNow {
	d := newSaleNow(v, now)
	b.feed.mu.Lock()
	d.PerSecond = b.feed.rate(v.Sale.ID)
	b.feed.mu.Unlock()
	nodes := adminapi.Nodes{}
	if b.reading.Parts.Ledgers != nil {
		nodes.Parts = &b.reading.Parts
	}
	if lag, known := nodes.Lag(d.ID); known {
		d.Behind = &lag
	}
	if a, known := b.reading.Audits[v.Sale.ID]; known {
		d.Audited = &a
	}
	return d
}
