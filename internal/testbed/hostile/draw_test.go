package hostile_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/line"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// Attack: buyers join at every door while the draw takes place, each several times, in order to be drawn after all, or to be both
// drawn and in turn. Everybody has one place ever after; who was drawn is in the published list, and no others.
// Meanwhile strangers try to learn the seed and to record a beacon's value.
func TestJoiningDuringTheDrawGivesOnePlace(t *testing.T) {
	drawAt := time.Now().Add(4 * time.Second)
	opensAt := drawAt.Add(time.Minute)
	id := target.openAs(t, adminapi.Definition{Total: 10, Limit: 1, Admission: "line", LineRate: 10, DrawAt: &drawAt, OpensAt: &opensAt, Beacon: "drand quicknet 7"})
	var mu sync.Mutex
	tokens := map[string]placed{} // by buyer
	join := func(addr, buyer string) {
		solution := solved(t, target.proofs.New(sale.ID(id), sale.Buyer(buyer), inRedisTime(time.Now().Add(time.Minute)), 10))
		p := placeOf(t, ask(t, addr, target.joins(t, id, buyer, solution)))
		mu.Lock()
		defer mu.Unlock()
		if was, there := tokens[buyer]; there && was.Token != p.Token {
			t.Errorf("%s got %+v, want %+v again", buyer, p, was)
		}
		tokens[buyer] = p
	}
	var clients sync.WaitGroup
	for worker := range 3 {
		clients.Go(func() {
			for i := 0; time.Now().Before(drawAt.Add(3 * time.Second)); i++ {
				buyer := fmt.Sprintf("racer-%d-%d", worker, i/2)
				join(target.everywhere()[(i+worker)%3], buyer) // twice, at two doors
			}
		})
	}
	target.wantNoSeed(t, id)
	clients.Wait()
	await.Until(t, "the list", func() bool { return target.lineOf(t, id).List != "" })
	target.wantNoSeed(t, id)
	if _, err := target.AdminCall(target.ctx, http.MethodPost, "/admin/v1/sales/"+id+"/line/beacon", []byte(`{"value":"beef"}`)); err != nil {
		t.Fatal(err)
	}
	var l adminapi.Line
	await.Until(t, "the seed", func() bool { l = target.lineOf(t, id); return l.Seed != "" })
	var drawn int64
	var ordinals []string
	for _, buyer := range slices.Sorted(maps.Keys(tokens)) {
		if tokens[buyer].Place == "d" {
			drawn++
		} else {
			ordinals = append(ordinals, tokens[buyer].Place)
		}
	}
	if l.Drawn != drawn || int64(len(l.Entries)) != drawn || l.Joined != int64(len(tokens)) || drawn == 0 || len(ordinals) == 0 {
		t.Errorf("got %d drawn, %d in the list and %d joined, want %d, %[4]d and %d", l.Drawn, len(l.Entries), l.Joined, drawn, len(tokens))
	}
	slices.Sort(ordinals)
	if n := len(slices.Compact(ordinals)); n != len(ordinals) {
		t.Errorf("got %d ordinals for %d places, want each once", n, len(ordinals))
	}
	t.Logf("%d were drawn, %d joined after", drawn, len(ordinals))
	target.wantRightPositions(t, id, tokens, l)
}

// wantRightPositions checks that every node puts each buyer where the public record does, and that no altered place is believed.
func (s *site) wantRightPositions(t *testing.T, id string, tokens map[string]placed, l adminapi.Line) {
	t.Helper()
	record, err := l.Record()
	if err != nil {
		t.Fatal(err)
	}
	draw, err := record.Verify([]byte("beef"))
	if err != nil {
		t.Fatal(err)
	}
	taken := map[int64]string{}
	tried := 0
	for buyer, p := range tokens {
		if tried++; tried > 40 && p.Place == "d" {
			continue // each costs an exchange
		}
		var now placed
		for _, addr := range s.everywhere() {
			await.Until(t, buyer+"'s position", func() bool {
				now = placeOf(t, ask(t, addr, s.joins(t, id, buyer, "", place(p.Token))))
				return now.Position > 0
			})
			if was := taken[now.Position]; was != "" && was != buyer {
				t.Errorf("%s and %s got position %d both", was, buyer, now.Position)
			}
			taken[now.Position] = buyer
		}
		// Who guesses a nonce finds nobody in the list: only the token has it.
		var zeros [32]byte
		if draw.Position(line.NewEntry(id, buyer, zeros)) != 0 || draw.Position(line.NewEntry(id, buyer, line.Nonce(zeros[:], buyer))) != 0 {
			t.Errorf("got %s in the list by a guessed nonce", buyer)
		}
		if p.Place != "d" {
			if a := ask(t, s.everywhere()[0], s.joins(t, id, "late-"+buyer, "", place(p.Token))); a.code != "proof-required" {
				t.Errorf("another buyer with %s's place: got %v, want proof-required", buyer, a)
			}
		}
	}
}

// wantNoSeed has a stranger and a buyer look for the seed, and record a beacon's value, by every call that there is or might be.
func (s *site) wantNoSeed(t *testing.T, id string) {
	t.Helper()
	client, err := remotestock.Dial(s.StoreConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	secrets, err := client.HMGet(s.ctx, remotestock.Keys(sale.ID(id))[0], "line_seed", "line_secret").Result()
	if err != nil || len(fmt.Sprint(secrets[0])) != 64 || len(fmt.Sprint(secrets[1])) != 64 {
		t.Fatalf("got %d secrets, %v, want seed and secret", len(secrets), err)
	}
	none := "X-None: 1"
	for _, credential := range []string{none, s.bearer(t, "mallory"), "Authorization: Bearer " + s.Payments.Reveal()} {
		for _, d := range s.admins() {
			for _, call := range []string{"GET /admin/v1/sales/" + id + "/line?entries=1", "POST /admin/v1/sales/" + id + "/line/beacon", "GET /admin/v1/sales/" + id} {
				method, path, _ := strings.Cut(call, " ")
				a := askAdmin(t, d.addr, request(method, path, `{"value":"chosen"}`, credential))
				if a.status != http.StatusUnauthorized && a.status != http.StatusNotFound {
					t.Errorf("%s, %s: got %v, want 401", d.name, call, a)
				}
			}
		}
		for _, d := range s.doors() {
			for _, call := range []string{"GET /line/seed", "GET /line", "GET ", "GET /line/entries", "POST /line/beacon", "POST /line/draw", "GET /line?entries=1"} {
				method, rest, _ := strings.Cut(call, " ")
				a := ask(t, d.addr, request(method, "/v1/sales/"+id+rest, "", credential))
				if a.status < 300 != (call == "GET ") {
					t.Errorf("%s, %s: got %v, want the sale's public document alone", d.name, call, a)
				}
				for _, secret := range secrets {
					if strings.Contains(a.body, fmt.Sprint(secret)) {
						t.Errorf("%s, %s: got a secret of the line: %s", d.name, call, a.body)
					}
				}
			}
		}
	}
	var public struct {
		Line struct{ Beacon, Commitment, Seed string }
	}
	a := ask(t, s.doors()[1].addr, request("GET", "/v1/sales/"+id, ""))
	if json.Unmarshal([]byte(a.body), &public) != nil || public.Line.Commitment == "" || public.Line.Seed != "" {
		t.Errorf("got %s, want the commitment without the seed", a.body)
	}
	if l := s.lineOf(t, id); l.BeaconValue != "" || l.Seed != "" {
		t.Errorf("got the beacon %q and the seed %q, want neither", l.BeaconValue, l.Seed)
	}
}

func inRedisTime(t time.Time) sale.Instant { return sale.Instant(t.UnixMilli()) }
