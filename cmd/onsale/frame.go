package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/output"
)

// frame is what top shows of two views, the earlier of which may be empty.
type frame struct {
	before, now view
	columns     int
	rows        int    // 0: as many as there are
	failed      string // why there is no newer view
	one         bool   // sale, and not all of them
}

// lines are no wider than the frame's columns and no more than its rows.
func (f frame) lines() []string {
	title := "onsale top   " + f.now.At.UTC().Format(time.DateTime) + " UTC"
	if f.failed != "" {
		title = "no newer view than of " + f.now.At.UTC().Format(time.DateTime) + " UTC: " + f.failed
	}
	lines := []string{title, f.parts(), ""}
	if f.one {
		lines = append(lines, f.sale()...)
	} else {
		lines = append(lines, f.sales()...)
	}
	if f.rows > 0 && len(lines) > f.rows {
		more := len(lines) - f.rows + 1
		lines = append(lines[:f.rows-1], fmt.Sprintf("... and %d lines more", more))
	}
	for i, l := range lines {
		lines[i] = strings.TrimRight(text.Trim(output.Clean(l), f.columns), " ")
	}
	return lines
}

// parts is the line of programs.
func (f frame) parts() string {
	states := map[string]int{}
	for _, n := range f.now.Nodes.Nodes {
		states[nodeState(n)]++
	}
	var counts []string
	for _, state := range sortedKeys(states) {
		counts = append(counts, fmt.Sprintf("%d %s", states[state], state))
	}
	line := "nodes " + cmp.Or(strings.Join(counts, ", "), "none")
	if f.now.Nodes.Parts == nil {
		return line + "; allocators and ledgers are not known"
	}
	leads, current, nginxes := "none leads", 0, 0
	for _, a := range f.now.Nodes.Allocators {
		if a.AllocatorState == nil {
			continue
		}
		if a.Leads {
			leads = a.Name + " leads"
		}
		if a.Nginx != nil {
			nginxes++
			if a.Nginx.Current {
				current++
			}
		}
	}
	events, waited := int64(0), 0.0
	for _, l := range f.now.Nodes.Ledgers {
		if l.LedgerState != nil {
			events += l.Waiting
			waited = max(waited, l.WaitedSeconds)
		}
	}
	line += fmt.Sprintf("; allocators %d, %s", len(f.now.Nodes.Allocators), leads)
	line += fmt.Sprintf("; ledgers %d, %d events wait, %.1f s", len(f.now.Nodes.Ledgers), events, waited)
	return line + fmt.Sprintf("; nginx %d of %d current", current, nginxes)
}

func sortedKeys(m map[string]int) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// rate is how many tickets a second were sold and paid between the views, by Redis's time. Tickets that come back make
// it negative. known is false if the earlier view does not have the sale, or no time has passed.
func (f frame) rate(now client.Listed) (sold, paid float64, known bool) {
	i := slices.IndexFunc(f.before.Sales, func(s client.Listed) bool { return s.ID == now.ID })
	if i < 0 || now.Code != "" || f.before.Sales[i].Code != "" {
		return 0, 0, false
	}
	b := f.before.Sales[i]
	passed := now.RedisTime.Sub(b.RedisTime).Seconds()
	if passed <= 0 {
		return 0, 0, false
	}
	return float64(now.Held+now.Paid-b.Held-b.Paid) / passed, float64(now.Paid-b.Paid) / passed, true
}

func perSecond(rate float64, known bool) string {
	if !known {
		return "-"
	}
	return fmt.Sprintf("%.0f", rate)
}

// seconds is how long the oldest event of a sale has waited for the ledger.
func (f frame) seconds(id string) string {
	lag, known := f.now.Nodes.Lag(id)
	if !known {
		return "-"
	}
	return fmt.Sprintf("%.1fs", lag.WaitedSeconds)
}

// sales are a line each, those that sell the most first.
func (f frame) sales() []string {
	type row struct {
		client.Listed
		sold  float64
		known bool
	}
	var rows []row
	for _, s := range f.now.Sales {
		sold, _, known := f.rate(s)
		rows = append(rows, row{s, sold, known})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(b.sold, a.sold), cmp.Compare(a.ID, b.ID)) })
	width := max(f.columns-64, 8)
	line := func(id, state, remaining, held, paid, total, rate, lag string) string {
		return fmt.Sprintf("%s %-12s %9s %7s %7s %8s %7s %7s", fit(id, width), state, remaining, held, paid, total, rate, lag)
	}
	lines := []string{line("SALE", "STATE", "REMAINING", "HELD", "PAID", "TOTAL", "SOLD/S", "LAG")}
	for _, r := range rows {
		if r.Code != "" {
			lines = append(lines, fit(r.ID, width)+" "+r.Code+": "+r.Detail)
			continue
		}
		lines = append(lines, line(r.ID, saleState(r.Status), number(r.Remaining), number(r.Held), number(r.Paid), number(r.Total), perSecond(r.sold, r.known), f.seconds(r.ID)))
	}
	if len(rows) == 0 {
		lines = append(lines, "there is no sale")
	}
	return lines
}

// fit is the text in as many columns, no more and no less.
func fit(s string, columns int) string {
	return text.Pad(text.Snip(output.Clean(s), columns, "~"), columns, ' ')
}

// sale is one sale, and what each node has left of it.
func (f frame) sale() []string {
	s := f.now.Sales[0]
	sold, paid, known := f.rate(s)
	total := float64(max(s.Total, 1))
	lines := []string{
		fmt.Sprintf("%s   %s   %s", s.ID, saleState(s.Status), s.Title),
		fmt.Sprintf("total %d   remaining %d   held %d   paid %d   sold/s %s   paid/s %s",
			s.Total, s.Remaining, s.Held, s.Paid, perSecond(sold, known), perSecond(paid, known)),
		bar(f.columns, segment{'#', float64(s.Paid) / total}, segment{'=', float64(s.Held) / total}) + " # paid = held",
		f.behind(s.ID),
		"",
	}
	states := map[string]adminapi.Node{}
	for _, n := range f.now.Nodes.Nodes {
		states[n.Name] = n
	}
	line := func(node, state, weight, slice, buffer, claimed, left string) string {
		return fmt.Sprintf("%s %-9s %6s %7s %7s %7s %7s", fit(node, 16), state, weight, slice, buffer, claimed, left)
	}
	lines = append(lines, line("NODE", "STATE", "WEIGHT", "SLICE", "BUFFER", "CLAIMED", "LEFT"))
	for _, share := range s.Plan {
		state, weight := "gone", "-"
		if n, ok := states[share.Node]; ok {
			state, weight = nodeState(n), fmt.Sprint(cmp.Or(n.SetWeight, n.Weight))
			delete(states, share.Node)
		}
		has := share.Slice + share.Buffer
		left := max(has-share.Claimed, 0)
		lines = append(lines, line(share.Node, state, weight, number(share.Slice), number(share.Buffer), number(share.Claimed), number(left))+
			" "+bar(f.columns-64, segment{'#', float64(left) / float64(max(has, 1))}))
	}
	for _, n := range f.now.Nodes.Nodes { // those that the plan does not have
		if _, ok := states[n.Name]; ok {
			lines = append(lines, line(n.Name, nodeState(n), fmt.Sprint(cmp.Or(n.SetWeight, n.Weight)), "-", "-", "-", "-"))
		}
	}
	return lines
}

// behind is what waits for the ledger of one sale, in words.
func (f frame) behind(id string) string {
	switch lag, known := f.now.Nodes.Lag(id); {
	case !known:
		return "the ledgers' lag is not known"
	case lag.Waiting == 0:
		return "the ledgers have recorded all"
	default:
		return fmt.Sprintf("%d events wait for the ledgers, the oldest for %.1f s", lag.Waiting, lag.WaitedSeconds)
	}
}

// segment is a share of a bar, and how it is drawn.
type segment struct {
	mark  byte
	share float64
}

// bar is some 15 to 60 columns wide.
func bar(columns int, segments ...segment) string {
	width := min(max(columns-20, 12), 60)
	b := strings.Builder{}
	for _, p := range segments {
		b.WriteString(strings.Repeat(string(p.mark), min(int(p.share*float64(width)+0.5), width-b.Len())))
	}
	return "[" + b.String() + strings.Repeat(".", width-b.Len()) + "]"
}
