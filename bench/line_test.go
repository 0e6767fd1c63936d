package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/bench/generator"
	"onsale/internal/sale"
	"onsale/internal/token"
)

// A whole run, as small and fast as a line can be: it opens a minute after its draw, and its turns last 45 s. Of a few hostile buyers
// none who hoards may be drawn among the first hundred, and then the run does not show what hoarding gets; of 225 one is.
func TestLineIsJoinedDrawnSoldAndSoldAgain(t *testing.T) {
	var r lineResult
	folder := t.TempDir()
	resultOf(t, &r, "line", "--buyers", "3000", "--tickets", "100", "--draw-after", "30s", "--join-rate", "150", "--show", "1", "--hostile", "0.3", "--human", "300ms", "--late", "0.1",
		"--late-after", "46s", "--rate", "1000", "--look", "500ms", "--returns", "20", "--rejoiners", "5", "--rejoins", "200", "--out", folder)
	if len(r.Joins) != 4 || r.Lost != 0 || r.Without != 0 || r.Joins[0].Micros["nodes"] <= 0 || r.Joins[3].Answers["200"] != 3000 {
		t.Errorf("got the joins %+v, %d lost, %d without, want each place kept", r.Joins, r.Lost, r.Without)
	}
	if r.Draw.Drawn < 2000 || len(r.Draw.Nodes) != 5 || r.Draw.Asked == 0 || r.Draw.Missing+r.Draw.Differ != 0 {
		t.Errorf("got the draw %+v, want it on all nodes", r.Draw)
	}
	if r.Sold != 100 || r.Returns.Returned != 20 || r.Returns.Next == 0 || r.Sale.Visits[endLate] == 0 || r.Sale.All <= 0 {
		t.Errorf("got %d sold, %+v, %+v, want all, and those returned again", r.Sold, r.Sale, r.Returns)
	}
	if files, err := filepath.Glob(filepath.Join(folder, "*.svg")); err != nil || len(files) != 1 {
		t.Errorf("got %v, %v, want a picture", files, err)
	}
}

func TestInterruptedLineKeepsWhatItMeasured(t *testing.T) {
	var r lineResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &lineRun{Buyers: 20000, Tickets: 100, Nodes: 4, Connections: 16, After: 0.1, Rate: 100, Show: 1, JoinRate: 500, Outage: time.Second,
			output: output{JSON: file}, Binaries: binaries, begun: begun}
	})
	if len(r.Joins) != 1 || len(r.Joins[0].Answers) == 0 || r.Joins[0].Answers["201"] >= 20000 {
		t.Errorf("got %+v, want some joins", r.Joins)
	}
}

// The judge must catch every promise and bound that it judges, and a run that showed nothing.
func TestJudgeOfTheLine(t *testing.T) {
	good := func() lineResult {
		return lineResult{
			Tickets: 9, Sold: 9,
			Joins:   []joinResult{{Name: "early", Buyers: 1999, Killed: map[string]int{"node": 3, "redis": 1}, Outside: map[string]int64{"busy": 1}}},
			Sale:    saleResult{Visits: map[visitEnd]int{endServed: 8, endLate: 1, endRefused: 2}, Share: 0.2},
			Returns: returnsResult{Next: 1, Orders: quantiles{Max: 2999}},
			Hostile: hostileResult{Buyers: map[role]int{forger: 1, rejoiner: 1}, Tried: map[role]int{forger: 1}, Got: map[role]int{}},
		}
	}
	r := good()
	if r.judge(); len(r.Faults)+len(r.Missed)+len(r.Unshown) != 0 {
		t.Fatalf("a good run: got %q, %q and %q", r.Faults, r.Missed, r.Unshown)
	}
	for want, breakIt := range map[string]func(*lineResult){
		"got no place: 1":                 func(r *lineResult) { r.Joins[0].GaveUp = 1 },
		"differ from those of before: 2":  func(r *lineResult) { r.Joins[0].Differs = 2 },
		"2 joins early were answered 503": func(r *lineResult) { r.Joins[0].Outside["busy"] = 2 },
		"acknowledged and lost: 1":        func(r *lineResult) { r.Lost = 1 },
		"buyers without a place: 1":       func(r *lineResult) { r.Without = 1 },
		"whose position another has: 1":   func(r *lineResult) { r.Draw.Missing = 1 },
		"published list does not have: 1": func(r *lineResult) { r.Draw.Differ = 1 },
		"position is 161":                 func(r *lineResult) { r.Draw.ChiSquare = 161 },
		"whose turn it was: 1":            func(r *lineResult) { r.Sale.TooSoon = 1 },
		"places in turn that differ":      func(r *lineResult) { r.Sale.Differ = 1 },
		"waited in the late line: 1":      func(r *lineResult) { r.Sale.Late.Passed = 1 },
		"one who forges places: 1":        func(r *lineResult) { r.Hostile.Got[forger] = 1 },
		"before their buyer's turn: 1":    func(r *lineResult) { r.Beyond = 1 },
		"orders of hostile buyers: 1":     func(r *lineResult) { r.Unadmitted = 1 },
		"without an answer: 1":            func(r *lineResult) { r.Sale.Visits[endNoAnswer] = 1 },
		"tickets unsold: 1":               func(r *lineResult) { r.Sold = 8 },
		"duplicate orders: 1":             func(r *lineResult) { r.Duplicates = 1 },
		"3 of those in turn found":        func(r *lineResult) { r.Sale.Visits[endRefused] = 3 },
		"3.0 s after the turn":            func(r *lineResult) { r.Returns.Orders.Max = 3001 },
		"nobody next in turn":             func(r *lineResult) { r.Returns.Next = 0 },
		"nobody who came late":            func(r *lineResult) { r.Sale.Visits[endLate] = 0 },
		"nobody tried who forges":         func(r *lineResult) { r.Hostile.Tried[forger] = 0 },
		"fewer than three nodes":          func(r *lineResult) { r.Joins[0].Killed["node"] = 2 },
		"Redis was not killed":            func(r *lineResult) { r.Joins[0].Killed["redis"] = 0 },
	} {
		r := good()
		breakIt(&r)
		r.judge()
		all := append(append(r.Faults, r.Missed...), r.Unshown...)
		if len(all) != 1 || !strings.Contains(all[0], want) {
			t.Errorf("got %q, want one with %q", all, want)
		}
	}
}

func TestChiSquareFindsAnOrderThatIsNotDrawn(t *testing.T) {
	const n = 5000
	fair, inOrder := make([]int64, n+100), make([]int64, n+100)
	for i, at := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		fair[i], inOrder[i] = int64(at+1), int64(i+1)
	}
	for i := range 100 { // who joined later is no part of the draw
		fair[n+i], inOrder[n+i] = int64(n+i+1), int64(n+i+1)
	}
	if chi := chiSquare(fair, n); chi > maxChiSquare {
		t.Errorf("a fair draw: got %.0f", chi)
	}
	if chi := chiSquare(inOrder, n); chi <= maxChiSquare {
		t.Errorf("the order of joining: got %.0f", chi)
	}
}

func TestTheWatchFindsNewcomersWhoAreServedBeforeTheLate(t *testing.T) {
	at := time.UnixMilli(1_000_000)
	look := func(ms int64, front, joined, called int64) lineLook {
		return lineLook{at: at.Add(time.Duration(ms) * time.Millisecond), front: front, remaining: 5, lateJoined: joined, lateMay: called}
	}
	w := &lineWatch{}
	w.take(look(0, 0, 0, 0), at)
	w.take(look(100, 10, 1, 0), at.Add(60*time.Millisecond)) // it may have been joined after the move
	w.take(look(200, 10, 1, 0), at)
	w.take(look(300, 12, 2, 1), at.Add(260*time.Millisecond)) // whoever waited was called, and another one came
	if w.passed != 0 || w.waiting != 1 {
		t.Errorf("got %d passed, %d waiting, want none and one", w.passed, w.waiting)
	}
	w.take(look(400, 13, 2, 1), at.Add(360*time.Millisecond))
	if w.passed != 1 {
		t.Errorf("got %d passed, want one", w.passed)
	}
	for position, want := range map[int64]int64{1: 60, 10: 60, 11: 260, 13: 360} {
		if m, ok := w.turnOf(position); !ok || m.at.Sub(at).Milliseconds() != want || !m.seen.Before(m.at) {
			t.Errorf("position %d: got %+v, want a turn at %d ms", position, m, want)
		}
	}
	if _, ok := w.turnOf(14); ok {
		t.Error("got a turn of a position that the front has not reached")
	}
}

func TestRoles(t *testing.T) {
	r := newRoles(&lineRun{Buyers: 1000, Hostile: 0.1, Rejoiners: 50, Show: 0.5, Late: 0.2, Human: 10 * time.Second, LateAfter: time.Minute, Look: time.Second, Seed: 1})
	counts := map[role]int{}
	came, late := 0, 0
	for i := range 1000 {
		is := r.of(i)
		counts[is]++
		delay, isLate, comes := r.shows(i)
		if comes && is != honest && is != hoarder {
			t.Errorf("buyer %d, who %s, comes", i, is)
		}
		if is == honest && comes {
			came++
			if isLate {
				late++
			}
			if isLate != (delay > lineWindow) {
				t.Errorf("buyer %d comes after %v, late %v", i, delay, isLate)
			}
		}
	}
	if counts[honest] != 900 || counts[rejoiner] != 20 || counts[forger] != 20 || counts[hoarder] != 20 {
		t.Errorf("got %v", counts)
	}
	if came < 400 || came > 500 || late < came/8 || late > came/3 {
		t.Errorf("got %d who come, %d late, want about 450 and a fifth", came, late)
	}
}

// Forged tokens prove nothing because of their signatures alone: what they claim is well formed.
func TestForgeriesAreOtherPlacesAndProveNothing(t *testing.T) {
	key := func(secret string) *token.Places {
		p, err := token.NewPlaces(fmt.Appendf(nil, `{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":%q}]}`, base64.RawURLEncoding.EncodeToString([]byte(secret))))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	places := key("0123456789abcdef0123456789abcdef")
	own := places.Sign(lineSale, "ann", sale.Proof{Place: sale.Drawn})
	if proof, err := places.Verify(own, lineSale, "ann"); err != nil || proof.Place != sale.Drawn {
		t.Fatalf("got %+v, %v of the token itself", proof, err)
	}
	other := altered(own, "d", "1")
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(other, ".")[1])
	if err != nil || !strings.Contains(string(claims), `"place":"1"`) {
		t.Errorf("got the claims %s, %v, want another place", claims, err)
	}
	for name, forged := range map[string]string{"altered": other, "signed by another key": signedByOther(other), "unsigned": unsigned(other)} {
		if proof, err := places.Verify(forged, lineSale, "ann"); err == nil {
			t.Errorf("%s: got %+v, want a refusal", name, proof)
		}
	}
}

// What orders there are is put beside when their buyers' turns came, whatever nodes answered.
func TestOrdersOutOfTurnAreFound(t *testing.T) {
	at := time.UnixMilli(1_000_000)
	l := &lineRun{Buyers: 1000, Hostile: 0.01, Rejoiners: 1}
	s := &lineSite{lineRun: l, roles: newRoles(l), positions: make([]int64, 1000)}
	s.positions[500], s.positions[501], s.positions[0] = 5, 7, 3
	w := &lineWatch{}
	w.take(lineLook{at: at}, at)
	w.take(lineLook{at: at.Add(time.Second), front: 5}, at.Add(900*time.Millisecond))
	s.people = &linePeople{lineSite: s, watch: w}
	order := func(buyer int, ms int64) sale.Order {
		return sale.Order{Buyer: sale.Buyer(generator.Buyer(buyer)), Created: sale.Instant(at.UnixMilli() + ms)}
	}
	for name, c := range map[string]struct {
		order              sale.Order
		beyond, unadmitted int
	}{
		"in turn":           {order(500, 950), 0, 0},
		"before it":         {order(500, -1), 1, 0},
		"never admitted":    {order(501, 5000), 1, 0},
		"hostile":           {order(0, 950), 0, 1},
		"nobody of the run": {sale.Order{Buyer: "ann"}, 0, 1},
	} {
		if beyond, unadmitted := s.outOfTurn(map[sale.OrderID]sale.Order{"o": c.order}); beyond != c.beyond || unadmitted != c.unadmitted {
			t.Errorf("%s: got %d, %d, want %d, %d", name, beyond, unadmitted, c.beyond, c.unadmitted)
		}
	}
}
