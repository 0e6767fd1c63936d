package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
)

func listedAt(id string, second int, held, paid int64) client.Listed {
	s := client.Listed{}
	s.ID, s.Title, s.Total, s.Recorded = id, "Zoë & 生命 \x1b[2J", 100, true
	s.Held, s.Paid, s.Remaining = held, paid, 100-held-paid
	s.RedisTime = time.Unix(int64(second), 0)
	return s
}

func aView(second int, sales ...client.Listed) view {
	now := time.Unix(int64(second), 0)
	return view{At: now, Sales: sales, Nodes: adminapi.Nodes{
		Nodes: []adminapi.Node{{Name: "n001", Weight: 1, Ready: true}, {Name: "n002", Weight: 1, Away: true}},
		Parts: &adminapi.Parts{
			Allocators: []adminapi.Allocator{{Name: "a1", AllocatorState: &adminapi.AllocatorState{Leads: true, Nginx: &adminapi.Nginx{Current: true}}}, {Name: "a2"}},
			Ledgers: []adminapi.Ledger{{Name: "l1", LedgerState: &adminapi.LedgerState{Waiting: 7, WaitedSeconds: 1.25, Behind: []adminapi.Behind{
				{Sale: "hot", Waiting: 6, WaitedSeconds: 1.25}, {Sale: "concert", Waiting: 1, WaitedSeconds: 0.5}}}}, {Name: "l2"}},
		},
	}}
}

func TestTheSalesThatSellTheMostAreFirst(t *testing.T) {
	broken := client.Listed{Code: "store-unavailable", Detail: "Redis is away"}
	broken.ID = "broken"
	f := frame{
		before: aView(10, listedAt("cold", 10, 1, 1), listedAt("hot", 10, 0, 0), listedAt("lapsing", 10, 9, 0)), columns: 80,
		now: aView(12, broken, listedAt("cold", 12, 1, 1), listedAt("hot", 12, 20, 10), listedAt("lapsing", 12, 1, 0), listedAt("new", 12, 5, 5)),
	}
	want := []string{
		"onsale top   1970-01-01 00:00:12 UTC",
		"nodes 1 away, 1 selling; allocators 2, a1 leads; ledgers 2, 7 events wait, 1.2 s",
		"",
		"SALE             STATE        REMAINING    HELD    PAID    TOTAL  SOLD/S     LAG",
		"hot              on sale             70      20      10      100      15    1.2s",
		"broken           store-unavailable: Redis is away",
		"cold             on sale             98       1       1      100       0    0.0s",
		"new              on sale             90       5       5      100       -    0.0s",
		"lapsing          on sale             99       1       0      100      -4    0.0s",
	}
	if diff := cmp.Diff(want, f.lines()); diff != "" {
		t.Error(diff)
	}
}

func TestASaleIsShownWithItsNodes(t *testing.T) {
	s := listedAt("concert", 12, 25, 50)
	s.Plan = []adminapi.Share{{Node: "n001", Slice: 10, Buffer: 10, Claimed: 5}, {Node: "n009", Slice: 5, Claimed: 5}}
	got := strings.Join(frame{before: aView(10, listedAt("concert", 10, 25, 30)), now: aView(12, s), columns: 80, rows: 24, one: true}.lines(), "\n")
	for _, want := range []string{
		"\n1 events wait for the ledgers, the oldest for 0.5 s\n", "\nconcert   on sale   Zoë & 生命", "remaining 25   held 25   paid 50   sold/s 10   paid/s 10",
		"[" + strings.Repeat("#", 30) + strings.Repeat("=", 15) + strings.Repeat(".", 15) + "]",
		"n001             selling        1      10      10       5      15 [#########...]",
		"n009             gone           -       5       0       5       0 [............]",
		"n002             away           1       -",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got:\n%s\nwant %q in it", got, want)
		}
	}
}

func TestALagThatNoLedgerKnowsIsNoZero(t *testing.T) {
	full := make([]adminapi.Behind, adminapi.MaxBehind)
	for _, c := range []struct {
		name    string
		ledgers []adminapi.Ledger
		want    string
	}{
		{"no ledger", nil, "-"},
		{"without a state", []adminapi.Ledger{{Name: "l1"}}, "-"},
		{"of an older version", []adminapi.Ledger{{LedgerState: &adminapi.LedgerState{Waiting: 3}}}, "-"},
		{"with others that have waited longer", []adminapi.Ledger{{LedgerState: &adminapi.LedgerState{Waiting: 30, Behind: full}}}, "-"},
		{"nothing waits", []adminapi.Ledger{{LedgerState: &adminapi.LedgerState{}}}, "0.0s"},
		{"two that looked one after the other", []adminapi.Ledger{
			{LedgerState: &adminapi.LedgerState{Behind: []adminapi.Behind{{Sale: "s", Waiting: 1, WaitedSeconds: 1}}}},
			{LedgerState: &adminapi.LedgerState{Behind: []adminapi.Behind{{Sale: "s", Waiting: 2, WaitedSeconds: 2}}}},
		}, "2.0s"},
	} {
		if got := (frame{now: view{Nodes: adminapi.Nodes{Parts: &adminapi.Parts{Ledgers: c.ledgers}}}}).seconds("s"); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	if got := (frame{}).seconds("s"); got != "-" {
		t.Errorf("without parts: got %s, want -", got)
	}
}

// Whatever the site has, a frame fits the terminal, and nothing in it moves the cursor.
func TestAFrameFitsItsTerminal(t *testing.T) {
	var many []client.Listed
	plan := listedAt("concert", 1, 1, 1)
	for i := range 100 {
		many = append(many, listedAt(fmt.Sprintf("sale-%d-%s", i, strings.Repeat("x", 50)), 1, 1, 1))
		plan.Plan = append(plan.Plan, adminapi.Share{Node: fmt.Sprintf("n%03d", i), Slice: 1 << 40, Buffer: 1 << 40, Claimed: 1})
	}
	for _, size := range [][2]int{{80, 24}, {40, 5}, {10, 3}, {300, 100}} {
		for _, failed := range []string{"", strings.Repeat("no connection\n", 20)} {
			for _, f := range []frame{{now: aView(1, many...)}, {now: aView(1, plan), one: true}, {}} {
				f.columns, f.rows, f.failed = size[0], size[1], failed
				lines := f.lines()
				if len(lines) > size[1] {
					t.Errorf("%v: got %d lines", size, len(lines))
				}
				for _, l := range lines {
					if text.StringWidth(l) > size[0] || strings.ContainsAny(l, "\x1b\n\r\t") {
						t.Errorf("%v: got %q", size, l)
					}
				}
			}
		}
	}
	if got := (frame{columns: 80}).lines(); got[len(got)-1] != "there is no sale" {
		t.Errorf("got %q of a site without sales", got)
	}
}
