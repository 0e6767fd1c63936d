package buyerapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

// joined is a remote whose line buyers join.
type joined struct {
	remote
	join func(sale.Join) (sale.Placed, error)
}

func (j joined) Join(join sale.Join) (sale.Placed, error) { return j.join(join) }

// proofs are place tokens that anybody can read.
type proofs struct{}

func (proofs) Sign(id sale.ID, buyer sale.Buyer, p sale.Proof) string {
	return fmt.Sprintf("%s/%s/%s", id, buyer, p.Place)
}

func (proofs) Verify(token string, id sale.ID, buyer sale.Buyer) (p sale.Proof, err error) {
	place, ours := strings.CutPrefix(token, fmt.Sprintf("%s/%s/", id, buyer))
	if !ours {
		return p, errors.New("it is another's")
	}
	p.Place, err = sale.ParsePlace(place)
	return p, err
}

// lined has a line of fifty drawn and of some in turn, admitted up to the front.
func lined(s *sale.Sale, r *sale.Reading, front int64) {
	s.Admission, s.LineRate, s.LineLimit = sale.AdmitLine, 10, 1000
	s.LineSecret, s.LineSeed = sale.Secret(strings.Repeat("0a", 32)), sale.Secret(strings.Repeat("0b", 32))
	r.Line = &sale.Line{Joined: 60, Drawn: 50, Over: true, Turn: 10, Front: front}
}

// line is a site whose sale has such a line.
func line(front int64) *site {
	s := &site{places: proofs{}, store: reads(func(s *sale.Sale, r *sale.Reading) { lined(s, r, front) })}
	s.joins = func(j sale.Join) (sale.Placed, error) {
		return sale.Placed{Outcome: sale.Joined, Place: 5, Line: sale.Line{Joined: 61, Drawn: 50, Over: true, Front: front}}, nil
	}
	return s
}

func TestABuyerJoinsTheLine(t *testing.T) {
	t.Parallel()
	alice := bearer(token(t, "alice"))
	answers := func(p sale.Placed, err error) func(*site) {
		return func(s *site) { s.joins = func(sale.Join) (sale.Placed, error) { return p, err } }
	}
	for name, c := range map[string]struct {
		change func(*site)
		header []string
		body   string
		want   buyerapi.Answer
	}{
		"and has a place":          {want: buyerapi.Joined},
		"and has it still":         {change: answers(sale.Placed{Outcome: sale.Rejoined, Place: 5, Line: sale.Line{Joined: 61}}, nil), want: buyerapi.Rejoined},
		"with an empty object":     {body: "{}", want: buyerapi.Joined},
		"but with no other body":   {body: `{"place":1}`, want: buyerapi.InvalidRequest},
		"but not one that is full": {change: answers(sale.Placed{Outcome: sale.LineFull}, nil), want: buyerapi.LineFull},
		"but not at its end":       {change: answers(sale.Placed{Outcome: sale.LineClosed}, nil), want: buyerapi.Closed},
		"but not in a crowd":       {change: answers(sale.Placed{Outcome: sale.LineBusy}, nil), want: buyerapi.Busy},
		"but not while Redis is away": {change: answers(sale.Placed{}, fmt.Errorf("lost: %w", sale.ErrUnknown)),
			want: buyerapi.StoreUnavailable},
		"but not without a token":                  {header: []string{"X-Nothing: 1"}, want: buyerapi.Unauthorized},
		"but not at a node without keys of places": {change: func(s *site) { s.places = nil }, want: buyerapi.StoreUnavailable},
		"but not in a closed sale": {change: func(s *site) {
			s.store = reads(func(s *sale.Sale, r *sale.Reading) { lined(s, r, 0); s.Closed = true })
		}, want: buyerapi.Closed},
		"but not in a sale without one": {change: func(s *site) { s.store = store{} }, want: buyerapi.NoLine},
		"before the sale opens": {change: func(s *site) {
			s.store = reads(func(s *sale.Sale, r *sale.Reading) { lined(s, r, 0); s.Opens = noon.Add(time.Minute) })
		}, want: buyerapi.Joined},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := line(20)
			if c.change != nil {
				c.change(s)
			}
			header := c.header
			if header == nil {
				header = []string{alice}
			}
			a := s.serve(t).ask(t, "POST", "/v1/sales/s/line", c.body, header...)
			if c.want != buyerapi.Joined && c.want != buyerapi.Rejoined {
				wantProblem(t, a, c.want)
				return
			}
			want := map[string]any{
				"sale": "s", "place": "5", "position": json.Number("55"), "joined": json.Number("61"), "front": json.Number("20"), "token": "s/alice/5",
			}
			if diff := cmp.Diff(want, a.document(t)); a.StatusCode != c.want.Status() || diff != "" {
				t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
			}
			wantPrivate(t, a, c.want)
		})
	}
}

// TestAJoinBringsTheProofOfItsPlace: one's own, and nobody else's.
func TestAJoinBringsTheProofOfItsPlace(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]sale.Place{"s/alice/7": 7, "s/alice/d": sale.Drawn, "s/bob/7": 0, "t/alice/7": 0, "x": 0} {
		s, got := line(0), make(chan sale.Join, 1)
		s.joins = func(j sale.Join) (sale.Placed, error) {
			got <- j
			return sale.Placed{Outcome: sale.Rejoined, Place: 7}, nil
		}
		s.serve(t).ask(t, "POST", "/v1/sales/s/line", "", bearer(token(t, "alice")), "Onsale-Place: "+header)
		if j := <-got; j != (sale.Join{Buyer: "alice", Proof: want}) {
			t.Errorf("%s: got %+v, want the proof of %v", header, j, want)
		}
	}
}

func TestAPurchaseNeedsItsTurn(t *testing.T) {
	t.Parallel()
	pass := func(s *sale.Sale, r *sale.Reading) {
		lined(s, r, 0)
		s.Admission, s.LineRate = sale.AdmitJoined, 0
	}
	for name, c := range map[string]struct {
		front   int64
		place   string
		change  func(*sale.Sale, *sale.Reading)
		want    buyerapi.Answer
		members map[string]any
	}{
		"without a place": {front: 60, want: buyerapi.PlaceRequired,
			members: map[string]any{"line": "/v1/sales/s/line", "reason": "there is no Onsale-Place"}},
		"with another's place": {front: 60, place: "s/bob/1", want: buyerapi.PlaceRequired,
			members: map[string]any{"line": "/v1/sales/s/line", "reason": "it is another's"}},
		"one behind the front": {front: 54, place: "s/alice/5", want: buyerapi.NotYourTurn,
			members: map[string]any{"position": json.Number("55"), "front": json.Number("54")}},
		"at the front":                 {front: 55, place: "s/alice/5", want: buyerapi.Created},
		"one whom no draw is known of": {front: 60, place: "s/alice/d", want: buyerapi.NotYourTurn, members: map[string]any{"front": json.Number("60")}},
		"before its turn though all is sold": {front: 54, place: "s/alice/5", want: buyerapi.NotYourTurn,
			change:  func(s *sale.Sale, r *sale.Reading) { lined(s, r, 54); r.Remaining = 0 },
			members: map[string]any{"position": json.Number("55"), "front": json.Number("54")}},
		"in turn when all is sold": {place: "s/alice/5", want: buyerapi.SoldOut,
			change:  func(s *sale.Sale, r *sale.Reading) { lined(s, r, 60); r.Remaining = 0 },
			members: map[string]any{"mine": "/v1/sales/s/orders/mine"}},
		"with a pass":    {place: "s/alice/5", want: buyerapi.Created, change: pass},
		"without a pass": {want: buyerapi.PlaceRequired, change: pass, members: map[string]any{"line": "/v1/sales/s/line", "reason": "there is no Onsale-Place"}},
		"of a sale that is open to all, with a place": {place: "x", want: buyerapi.Created, change: func(*sale.Sale, *sale.Reading) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := line(c.front)
			if c.change != nil {
				s.store = reads(c.change)
			}
			s.remote = func(c sale.Claim) (sale.Decision, error) {
				return sale.Decision{Outcome: sale.Held, Order: orderOf(c)}, nil
			}
			header := []string{bearer(token(t, "alice"))}
			if c.place != "" {
				header = append(header, "Onsale-Place: "+c.place)
			}
			a := s.serve(t).ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, header...)
			if c.want == buyerapi.Created {
				if a.StatusCode != http.StatusCreated {
					t.Errorf("got %s %s, want 201", a.Status, a.body)
				}
				return
			}
			d := a.document(t)
			if d["code"] != c.want.String() || a.StatusCode != c.want.Status() {
				t.Fatalf("got %s %s, want code %v", a.Status, a.body, c.want)
			}
			for member, want := range c.members {
				if d[member] != want {
					t.Errorf("got %s %v, want %v", member, d[member], want)
				}
			}
			if c.want == buyerapi.NotYourTurn {
				if after, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || after != 1 {
					t.Errorf("got Retry-After %q, want a second for who is next in turn", a.Header.Get("Retry-After"))
				}
			}
			// Nginx would give everybody the same answer for a second.
			wantHeader(t, a, "X-Accel-Expires", "")
		})
	}
}

// TestRedisComparesThePlaceAgain: what it refuses is no fault of the site, and who is late learns how
// many are called first.
func TestRedisComparesThePlaceAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refused     sale.Decision
		least, most int
		want        map[string]any
	}{
		"who is late": {sale.Decision{Front: 70, Ahead: 400}, 15, 25,
			map[string]any{"position": json.Number("55"), "front": json.Number("70"), "ahead": json.Number("400")}},
		"who is late and next": {sale.Decision{Front: 55}, 2, 4,
			map[string]any{"position": json.Number("55"), "front": json.Number("55"), "ahead": json.Number("0")}},
		"where it has lost the front": {sale.Decision{Front: 20}, 1, 1,
			map[string]any{"position": json.Number("55"), "front": json.Number("20"), "ahead": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, claimed := line(60), make(chan int64, 1)
			c.refused.Outcome = sale.NotYourTurn
			s.remote = func(claim sale.Claim) (sale.Decision, error) {
				claimed <- claim.Place
				return c.refused, nil
			}
			a := s.serve(t).ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, bearer(token(t, "alice")), "Onsale-Place: s/alice/5")
			if place := <-claimed; place != 55 {
				t.Errorf("got a claim with the place %d, want 55", place)
			}
			d := a.document(t)
			if a.StatusCode != http.StatusForbidden || d["code"] != "not-your-turn" {
				t.Fatalf("got %s %s, want not-your-turn", a.Status, a.body)
			}
			for member, want := range c.want {
				if d[member] != want {
					t.Errorf("got %s %v, want %v", member, d[member], want)
				}
			}
			if after, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || after < c.least || after > c.most {
				t.Errorf("got Retry-After %q, want %d to %d", a.Header.Get("Retry-After"), c.least, c.most)
			}
		})
	}
}

// TestNobodyWaitsByAnOldReading: the front moved since, and all who ask meanwhile share one read.
func TestNobodyWaitsByAnOldReading(t *testing.T) {
	t.Parallel()
	s := line(0)
	var calls, front atomic.Int64
	s.poll = time.Hour
	s.store.read = func(id sale.ID) (sale.Sale, sale.Reading, error) {
		calls.Add(1)
		d, r := definition(id), planned(10)
		lined(&d, &r, front.Load())
		if calls.Load() == 1 {
			r.Sent = r.Sent.Add(-time.Second)
		}
		return d, r, nil
	}
	server := s.serve(t)
	front.Store(60)
	a := server.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, bearer(token(t, "alice")), "Onsale-Place: s/alice/5")
	if a.StatusCode != http.StatusCreated {
		t.Errorf("got %s %s, want 201", a.Status, a.body)
	}
	before := calls.Load()
	for range 3 {
		server.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":1}`, bearer(token(t, "alice")), "Onsale-Place: s/alice/5")
	}
	if n := calls.Load(); n != before {
		t.Errorf("got %d more reads, want none for those whose turn has come", n-before)
	}
}

func TestTheLineIsShownToAnybody(t *testing.T) {
	t.Parallel()
	commitment := sale.Secret(strings.Repeat("0b", 32)).Commitment()
	for name, c := range map[string]struct {
		change func(*sale.Sale, *sale.Reading)
		want   map[string]any
	}{
		"before the draw": {func(s *sale.Sale, r *sale.Reading) {
			s.DrawAt, s.Beacon = s.Opens.Add(-time.Hour), "drand quicknet 7"
			r.Line = &sale.Line{Joined: 60}
		}, map[string]any{"joined": json.Number("60"), "front": json.Number("0"), "rate": json.Number("10"), "commitment": commitment, "beacon": "drand quicknet 7"}},
		"frozen, the list unknown": {func(s *sale.Sale, _ *sale.Reading) { s.DrawAt = s.Opens.Add(-time.Hour) },
			map[string]any{"joined": json.Number("60"), "drawn": json.Number("50"), "front": json.Number("20"), "rate": json.Number("10"),
				"commitment": commitment, "operator_trusted": true}},
		"waiting for the beacon": {func(s *sale.Sale, r *sale.Reading) {
			s.DrawAt, s.Beacon = s.Opens.Add(-time.Hour), "drand quicknet 7"
			r.Line.List = "11"
		}, map[string]any{"joined": json.Number("60"), "drawn": json.Number("50"), "front": json.Number("20"), "rate": json.Number("10"),
			"commitment": commitment, "beacon": "drand quicknet 7", "list": "11"}},
		"after it": {func(s *sale.Sale, r *sale.Reading) {
			s.DrawAt, s.Beacon = s.Opens.Add(-time.Hour), "drand quicknet 7"
			r.Line.List, r.Line.BeaconValue = "11", "v"
		}, map[string]any{"joined": json.Number("60"), "drawn": json.Number("50"), "front": json.Number("20"), "rate": json.Number("10"),
			"commitment": commitment, "list": "11", "seed": strings.Repeat("0b", 32), "beacon": "drand quicknet 7", "beacon_value": "v"}},
		"without a beacon": {func(s *sale.Sale, r *sale.Reading) {
			s.DrawAt = s.Opens.Add(-time.Hour)
			r.Line = &sale.Line{Joined: 60}
		}, map[string]any{"joined": json.Number("60"), "front": json.Number("0"), "rate": json.Number("10"), "commitment": commitment, "operator_trusted": true}},
		"without a draw": {func(*sale.Sale, *sale.Reading) {},
			map[string]any{"joined": json.Number("60"), "drawn": json.Number("50"), "front": json.Number("20"), "rate": json.Number("10")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{store: reads(func(s *sale.Sale, r *sale.Reading) {
				lined(s, r, 20)
				c.change(s, r)
			})}
			a := s.serve(t).ask(t, "GET", "/v1/sales/s", "")
			d := a.document(t)
			if diff := cmp.Diff(any(c.want), d["line"]); diff != "" || d["admission"] != "line" {
				t.Errorf("got admission %v (-want +got):\n%s", d["admission"], diff)
			}
			if strings.Contains(string(a.body), strings.Repeat("0a", 32)) {
				t.Errorf("got the secret in %s", a.body)
			}
		})
	}
}
