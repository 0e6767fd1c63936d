package hostile_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/proof"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// placed is what one who joins gets.
type placed struct {
	Place, Token            string
	Position, Joined, Front int64
}

// joins is the text of a join with a proof, which may be empty.
func (s *site) joins(t testing.TB, id, buyer, solution string, header ...string) string {
	t.Helper()
	body := ""
	if solution != "" {
		body = `{"proof":"` + solution + `"}`
	}
	return request("POST", "/v1/sales/"+id+"/line", body, append(header, s.bearer(t, buyer))...)
}

// challenge is one that a node gives the buyer.
func (s *site) challenge(t testing.TB, addr, id, buyer string) (c proof.Challenge) {
	t.Helper()
	a := ask(t, addr, request("GET", "/v1/sales/"+id+"/line/challenge", "", s.bearer(t, buyer)))
	if a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &c) != nil {
		t.Fatalf("got %v %s, want a challenge for %s", a, a.body, buyer)
	}
	return c
}

// solved is the challenge's solution.
func solved(t testing.TB, c proof.Challenge) string {
	t.Helper()
	solution, err := proof.Solve(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return solution
}

// join has an honest buyer join, and returns the place.
func (s *site) join(t testing.TB, addr, id, buyer string) placed {
	t.Helper()
	return placeOf(t, ask(t, addr, s.joins(t, id, buyer, solved(t, s.challenge(t, addr, id, buyer)))))
}

func placeOf(t testing.TB, a answer) (p placed) {
	t.Helper()
	if a.status != http.StatusCreated && a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &p) != nil || p.Place == "" {
		t.Fatalf("got %v %s, want a place", a, a.body)
	}
	return p
}

func place(token string) string { return "Onsale-Place: " + token }

// everywhere are the two doors and the other node.
func (s *site) everywhere() []string {
	return []string{s.doors()[0].addr, s.Nodes[0].Listen, s.Nodes[1].Listen}
}

// lineOf is the line as an operator sees it.
func (s *site) lineOf(t testing.TB, id string) (l adminapi.Line) {
	t.Helper()
	text, err := s.AdminCall(s.ctx, http.MethodGet, "/admin/v1/sales/"+id+"/line?entries=1", nil)
	if err != nil || json.Unmarshal(text, &l) != nil {
		t.Fatalf("got %s, %v, want the line of %s", text, err, id)
	}
	return l
}

// Attack: one buyer joins a thousand times, at every door at once: by the same solution, by the place token, and without either. There is
// one place, and no more in Redis than after the first time.
func TestWhoJoinsAThousandTimesHasOnePlace(t *testing.T) {
	id := target.openAs(t, adminapi.Definition{Total: 10, Admission: "line", LineRate: 1})
	solution := solved(t, target.challenge(t, target.everywhere()[0], id, "mallory"))
	texts := []string{target.joins(t, id, "mallory", solution)}
	first := placeOf(t, ask(t, target.everywhere()[1], texts[0]))
	before := target.events(t, id)
	texts = append(texts, target.joins(t, id, "mallory", "", place(first.Token)), target.joins(t, id, "mallory", ""))
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			for _, a := range send(t, target.everywhere()[i%3], strings.Repeat(texts[i%len(texts)], 50)) {
				if i%len(texts) == 2 {
					if a.code != "proof-required" {
						t.Errorf("without a proof: got %v, want proof-required", a)
					}
					continue
				}
				if p := placeOf(t, a); p.Place != first.Place || p.Position != first.Position || p.Token != first.Token || p.Joined != 1 {
					t.Errorf("got %+v, want the first place again: %+v", p, first)
				}
			}
		})
	}
	clients.Wait()
	if l := target.lineOf(t, id); l.Joined != 1 {
		t.Errorf("got %d places, want one", l.Joined)
	}
	// The front's moves are events too, at most one a second.
	if after := target.events(t, id); after > before+30 {
		t.Errorf("got %d events after the joins and %d before, want none of the joins", after, before)
	}
	if p := target.join(t, target.everywhere()[0], id, "ann"); p.Position != 2 {
		t.Errorf("ann got %+v, want position 2", p)
	}
}

// events is how many events the sale has had.
func (s *site) events(t testing.TB, id string) int64 {
	t.Helper()
	client, err := remotestock.Dial(s.StoreConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	n, err := client.HGet(s.ctx, remotestock.Keys(sale.ID(id))[0], "seq").Int64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Attack: those who have joined all buy all the time at every door, with their good places, while the front moves. Whoever gets a ticket
// stood before the front; the audit that ends the test compares each order's place with the front of its event.
func TestNobodyBuysBeforeTheFront(t *testing.T) {
	id := target.openAs(t, adminapi.Definition{Total: 20, Limit: 1, Admission: "line", LineRate: 20})
	const joined = 48
	texts := make([]string, joined)
	positions := make([]int64, joined)
	for i := range joined {
		buyer := fmt.Sprint("racer-", i)
		p := target.join(t, target.everywhere()[i%3], id, buyer)
		positions[i], texts[i] = p.Position, target.purchase(t, id, buyer, place(p.Token))
	}
	var mu sync.Mutex
	bought := map[int]string{}
	end := time.Now().Add(10 * time.Second)
	var clients sync.WaitGroup
	for worker := range 8 {
		clients.Go(func() {
			for i := worker; time.Now().Before(end); i = (i + 8) % joined {
				a := ask(t, target.everywhere()[(i/8+worker)%3], texts[i])
				switch {
				case a.order != "":
					mu.Lock()
					if was := bought[i]; was != "" && was != a.order {
						t.Errorf("position %d got the orders %s and %s", positions[i], was, a.order)
					}
					bought[i] = a.order
					mu.Unlock()
				case a.code != "not-your-turn" && a.code != "sold-out":
					t.Errorf("position %d: got %v, want an order, not-your-turn or sold-out", positions[i], a)
				}
			}
		})
	}
	clients.Wait()
	front := target.lineOf(t, id).Front
	for i := range bought {
		if positions[i] > front {
			t.Errorf("position %d has an order, and the front is %d", positions[i], front)
		}
	}
	if n := target.orders(t, id); n != int64(len(bought)) || n == 0 || n > 20 {
		t.Errorf("got %d orders in Redis and %d acknowledged, want the same, 1 to 20", n, len(bought))
	}
	t.Logf("%d bought, the front came to %d of %d", len(bought), front, joined)
}

// Attack: strangers with many identities take all places of a line. Nobody else gets one, which no line can prevent; but whoever has a
// place keeps it, and no place that was made up gets in.
func TestAFullLineKeepsThePlacesThatItHas(t *testing.T) {
	const places = 12
	id := target.openAs(t, adminapi.Definition{Total: 10, Limit: 1, Admission: "line", LineRate: 100, LineLimit: places})
	ann := target.join(t, target.everywhere()[0], id, "ann")
	var mu sync.Mutex
	got, full := 1, 0
	var clients sync.WaitGroup
	for i := range 40 {
		clients.Go(func() {
			buyer := fmt.Sprint("sybil-", i)
			solution := solved(t, target.proofs.New(sale.ID(id), sale.Buyer(buyer), sale.Instant(time.Now().Add(time.Minute).UnixMilli()), 100))
			a := ask(t, target.everywhere()[i%3], target.joins(t, id, buyer, solution))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case a.status == http.StatusCreated:
				got++
			case a.code == "line-full":
				full++
			default:
				t.Errorf("%s: got %v, want a place or line-full", buyer, a)
			}
		})
	}
	clients.Wait()
	if l := target.lineOf(t, id); got != places || full != 41-places || l.Joined != places {
		t.Errorf("got %d places, %d refusals and %d joined, want %d places in all", got, full, l.Joined, places)
	}
	forged := target.forgedPlaces(t, id, "bob", "1")
	for name, token := range forged {
		c := target.challenge(t, target.everywhere()[0], id, "bob")
		if a := ask(t, target.everywhere()[0], target.joins(t, id, "bob", solved(t, c), place(token))); a.code != "line-full" {
			t.Errorf("bob joins a full line with a place %s: got %v, want line-full", name, a)
		}
	}
	for _, addr := range target.everywhere() {
		if p := placeOf(t, ask(t, addr, target.joins(t, id, "ann", "", place(ann.Token)))); p.Place != ann.Place {
			t.Errorf("ann got %+v, want %+v", p, ann)
		}
	}
	await.Until(t, "ann to buy in turn", func() bool {
		return ask(t, target.everywhere()[2], target.purchase(t, id, "ann", place(ann.Token))).status == http.StatusCreated
	})
}
