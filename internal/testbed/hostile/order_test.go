package hostile_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"onsale/internal/adminapi"
	"onsale/internal/testbed/await"
)

// Attack: a purchase that was overheard, or that one buyer sends everywhere at once, in order to get more than one order. All
// answers have the same order.
func TestAReplayedPurchaseIsOneOrder(t *testing.T) {
	id := target.open(t, 1000)
	addrs := []string{target.doors()[0].addr, target.Nodes[0].Listen, target.Nodes[1].Listen}
	text := target.purchase(t, id, "ann")
	var mu sync.Mutex
	orders, fresh := map[string]int{}, 0
	var clients sync.WaitGroup
	for i := range 60 {
		clients.Go(func() {
			got := send(t, addrs[i%len(addrs)], text)
			mu.Lock()
			defer mu.Unlock()
			for _, a := range got {
				orders[a.order]++
				fresh += int(created([]answer{a}))
			}
		})
	}
	clients.Wait()
	if len(orders) != 1 || fresh > 1 || target.orders(t, id) != 1 {
		t.Errorf("got the orders %v, %d of them made anew, and %d in Redis, want one", orders, fresh, target.orders(t, id))
	}
	for order := range orders {
		for i, d := range target.doors() {
			cancel := request("DELETE", "/v1/sales/"+id+"/orders/"+order, "", target.bearer(t, "ann"))
			if a := ask(t, d.addr, cancel); a.status != http.StatusOK {
				t.Errorf("%s: cancel %d: got %v, want 200", d.name, i, a)
			}
		}
	}
	v, err := target.store.Survey(target.ctx, "testareplayedpurchaseisoneorder")
	if err != nil || v.Counters.Remaining != 1000 {
		t.Errorf("got %+v, %v after the cancel was replayed, want 1,000 tickets left", v.Counters, err)
	}
}

// Attack: guessing the ids of others' orders: at random, and by changing an id that is known. All of them look the same, and like
// one that there never was.
func TestGuessedOrdersLookLikeNone(t *testing.T) {
	id := target.open(t, 1000)
	front := target.doors()[0].addr
	victim := ask(t, front, target.purchase(t, id, "victim"))
	mine := ask(t, front, target.purchase(t, id, "mallory"))
	if victim.status != http.StatusCreated || mine.status != http.StatusCreated {
		t.Fatalf("got %v and %v, want two orders", victim, mine)
	}
	guesses := []string{victim.order}
	for range 300 {
		guesses = append(guesses, uuid.NewString())
		near := []byte(mine.order) // of the same moment
		for i := range 4 {
			near[len(near)-1-i] = "0123456789abcdef"[rand.IntN(16)]
		}
		if string(near) != mine.order {
			guesses = append(guesses, string(near))
		}
	}
	odd := []string{strings.ToUpper(mine.order), "{" + mine.order + "}", "urn:uuid:" + mine.order, strings.ReplaceAll(mine.order, "-", ""), mine.order + "%00", mine.order + "%0a",
		mine.order + "%20", "%20" + mine.order, mine.order + ";" + victim.order, "..%2f" + mine.order, "Mine", "mine%00", "*", "0", "-1", "null", "undefined", "%7B" + id + "%7D"}
	bearer := target.bearer(t, "mallory")
	for _, d := range target.doors() {
		for _, method := range []string{"GET", "DELETE"} {
			var text strings.Builder
			for _, g := range guesses {
				text.WriteString(request(method, "/v1/sales/"+id+"/orders/"+g, "", bearer))
			}
			got := send(t, d.addr, text.String())
			if len(got) != len(guesses) {
				t.Errorf("%s, %s: got %d answers, want %d", d.name, method, len(got), len(guesses))
			}
			for _, a := range got {
				if a.code != "order-unknown" || a.body != got[0].body {
					t.Errorf("%s, %s: got %v, want the same answer as for the victim's order, %v", d.name, method, a, got[0])
				}
			}
			for _, g := range odd {
				if a := ask(t, d.addr, request(method, "/v1/sales/"+id+"/orders/"+g, "", bearer)); a.status != http.StatusNotFound && a.status != http.StatusBadRequest && a.status != http.StatusMethodNotAllowed {
					t.Errorf("%s, %s %q: got %v, want it unknown", d.name, method, g, a)
				}
			}
		}
		if a := ask(t, d.addr, request("GET", "/v1/sales/"+id+"/orders/mine", "", bearer)); a.order != mine.order {
			t.Errorf("%s: got %v, want mallory's own order as it was", d.name, a)
		}
	}
	if a := ask(t, front, request("GET", "/v1/sales/"+id+"/orders/mine", "", target.bearer(t, "victim"))); a.order != victim.order {
		t.Errorf("got %v, want the victim's order as it was", a)
	}
}

// Attack: ids of sales that are meant to be paths, keys of Redis, patterns or queries. There is no such sale, and no key is made.
func TestGuessedSalesLookLikeNone(t *testing.T) {
	target.open(t, 1)
	before := target.tags(t)
	for _, d := range target.doors() {
		for _, id := range []string{"x", "*", "..", "%2e%2e", "onsale:sales", "%7Bhonest%7D", "honest%00", "honest%0d%0aSET%20a%20b", "honest'--", "honest%27%20OR%201=1", "$(id)", "${7*7}",
			"honest%c0%af", "%ff", "HONEST", "honest%20", strings.Repeat("a", 65), uuid.NewString()} {
			for _, rest := range []string{"", "/orders", "/orders/mine"} {
				method, body := "GET", ""
				if rest == "/orders" {
					method, body = "POST", one
				}
				a := ask(t, d.addr, request(method, "/v1/sales/"+id+rest, body, target.bearer(t, "mallory")))
				if a.code != "sale-unknown" && a.code != "not-found" && a.code != "bad-request" {
					t.Errorf("%s: %s%s: got %v, want no such sale", d.name, id, rest, a)
				}
			}
		}
	}
	if after := target.tags(t); !slices.Equal(before, after) {
		t.Errorf("got keys of the sales %v, want those of before: %v", after, before)
	}
}

// Attack: one buyer takes more tickets than the sale's limit, by every way of asking: a larger quantity, several orders at once, at
// several nodes, and again and again.
func TestOneBuyerHoardsNoMoreThanTheLimit(t *testing.T) {
	id := target.open(t, 1000) // limit 4
	bearer := target.bearer(t, "hoarder")
	for _, body := range []string{`{"quantity":5}`, `{"quantity":1000000}`, `{"quantity":9223372036854775808}`, `{"quantity":-4}`, `{"quantity":0}`, `{"quantity":4.0}`, `{"quantity":4e0}`, `{"quantity":"4"}`, `{"quantity":[4]}`, `[4]`, `4`, `{"quantity":true}`} {
		for _, d := range target.doors() {
			if a := ask(t, d.addr, request("POST", "/v1/sales/"+id+"/orders", body, bearer)); a.status != http.StatusUnprocessableEntity && a.code != "quantity-limit" {
				t.Errorf("%s: %s: got %v, want it refused", d.name, body, a)
			}
		}
	}
	addrs := []string{target.doors()[0].addr, target.Nodes[0].Listen, target.Nodes[1].Listen}
	var clients sync.WaitGroup
	for i := range 90 {
		clients.Go(func() {
			body := fmt.Sprintf(`{"quantity":%d}`, i%4+1)
			send(t, addrs[i%len(addrs)], request("POST", "/v1/sales/"+id+"/orders", body, bearer, fmt.Sprint("Idempotency-Key: ", i)))
		})
	}
	clients.Wait()
	if n := target.orders(t, id); n < 1 || n > 4 {
		t.Errorf("got %d tickets of one buyer, want 1 to 4", n)
	}
}

// Attack: a buyer takes a ticket, lets the hold lapse and takes it again, so that nobody else gets it. After so many lapses he is refused,
// and others are not.
func TestWhoLetsHoldsLapseIsRefused(t *testing.T) {
	target.open(t, 1)
	const id = "lapses"
	if err := target.Open(target.ctx, adminapi.Definition{ID: id, Title: "Lapses", Currency: "EUR", Price: 1, Total: 1, HoldSeconds: 1, Lapses: 2}); err != nil {
		t.Fatal(err)
	}
	front := target.doors()[0].addr
	held := 0
	await.Until(t, "the hoarder is refused", func() bool {
		a := ask(t, front, target.purchase(t, id, "hoarder"))
		if a.status == http.StatusCreated {
			held++
		}
		return a.code == "hold-limit"
	})
	if held != 2 {
		t.Errorf("got %d holds, want 2", held)
	}
	await.Within(t, patience, "another buyer gets the ticket", func() bool {
		return ask(t, front, target.purchase(t, id, "ann")).status == http.StatusCreated
	})
	for began := time.Now(); time.Since(began) < 2*time.Second; time.Sleep(50 * time.Millisecond) { // ann's hold lapses meanwhile
		if a := ask(t, target.Nodes[0].Listen, target.purchase(t, id, "hoarder")); a.status == http.StatusCreated {
			t.Fatalf("got %v for the hoarder, want no more holds", a)
		}
	}
}

// tags are the hash tags of Redis's keys: the sales that have keys.
func (s *site) tags(t testing.TB) []string {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Redis.Addr()})
	defer client.Close()
	found := map[string]bool{}
	scan := client.Scan(s.ctx, 0, "*{*}*", 1000).Iterator()
	for scan.Next(s.ctx) {
		_, tag, _ := strings.Cut(scan.Val(), "{")
		tag, _, _ = strings.Cut(tag, "}")
		found[tag] = true
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(found))
}
