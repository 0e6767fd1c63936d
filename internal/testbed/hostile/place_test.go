package hostile_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/internal/adminapi"
)

// placeSecret is the nodes' key of place tokens, and its id.
func (s *site) placeSecret(t testing.TB) (secret []byte, id string) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(s.Dir, "place-keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ K, Kid string } }
	if err := json.Unmarshal(file, &set); err != nil {
		t.Fatal(err)
	}
	secret, err = base64.RawURLEncoding.DecodeString(set.Keys[0].K)
	if err != nil {
		t.Fatal(err)
	}
	return secret, set.Keys[0].Kid
}

// forgedPlaces are tokens that claim a place for the buyer, none of which the nodes have made. Those that are signed with
// the nodes' key are of a form that they make for something else, or not at all.
func (s *site) forgedPlaces(t testing.TB, id, buyer, place string) map[string]string {
	t.Helper()
	secret, kid := s.placeSecret(t)
	_, bearerSecret := s.keySet(t)
	header := fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":"place+jwt"}`, kid)
	claims := func(aud, sale, sub, place string) string {
		return fmt.Sprintf(`{"aud":%q,"sale":%q,"sub":%q,"place":%q,"nonce":%q}`, aud, sale, sub, place, strings.Repeat("00", 32))
	}
	good := claims("onsale-place", id, buyer, place)
	token := s.bearer(t, buyer)
	past := time.Now().Add(-time.Hour).Unix()
	return map[string]string{
		"unsigned":                      segment(`{"alg":"none","typ":"place+jwt"}`) + "." + segment(good) + ".",
		"unsigned, by the nodes' key":   segment(fmt.Sprintf(`{"alg":"none","kid":%q,"typ":"place+jwt"}`, kid)) + "." + segment(good) + ".",
		"without its signature":         segment(header) + "." + segment(good) + ".",
		"signed with the bearer's key":  hs256(bearerSecret, header, good),
		"by the bearer's key and kid":   hs256(bearerSecret, `{"alg":"HS256","kid":"dev","typ":"place+jwt"}`, good),
		"of a key that nobody has":      hs256(secret, `{"alg":"HS256","kid":"another","typ":"place+jwt"}`, good),
		"of a key in a path":            hs256(secret, `{"alg":"HS256","kid":"../../dev/null","typ":"place+jwt"}`, good),
		"of another type":               hs256(secret, fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":"JWT"}`, kid), good),
		"for the bearer's audience":     hs256(secret, header, claims("onsale", id, buyer, place)),
		"of another sale":               hs256(secret, header, claims("onsale-place", honest, buyer, place)),
		"of another buyer":              hs256(secret, header, claims("onsale-place", id, "victim", place)),
		"of two buyers":                 hs256(secret, header, strings.Replace(good, `"sub"`, `"sub":"victim","sub"`, 1)),
		"that is the buyer's own token": strings.TrimPrefix(token, "Authorization: Bearer "),
		"that has expired":              hs256(bearerSecret, `{"alg":"HS256","kid":"dev"}`, strings.Replace(good, "}", fmt.Sprintf(`,"exp":%d}`, past), 1)),
		"before the line":               hs256(secret, header, claims("onsale-place", id, buyer, "0")),
		"below none":                    hs256(secret, header, claims("onsale-place", id, buyer, "-2")),
		"far beyond 64 bits":            hs256(secret, header, claims("onsale-place", id, buyer, "99999999999999999999")),
		"in another spelling":           hs256(secret, header, claims("onsale-place", id, buyer, "+1")),
		"of half a nonce":               hs256(secret, header, strings.Replace(good, strings.Repeat("00", 16), "", 1)),
		"of 7,000 bytes":                strings.Repeat("A", 7000),
		"of nothing but dots":           "..",
	}
}

// Attack: places that somebody made up, altered or took from elsewhere. None of them buys or is a place, whatever the door.
func TestNoPlaceButTheNodesIsBelieved(t *testing.T) {
	id := target.openAs(t, adminapi.Definition{Total: 1000, Limit: 4, Admission: "line", LineRate: 1})
	victim := target.join(t, target.everywhere()[0], id, "victim")
	pass := "places-of-passes"
	if err := target.Open(target.ctx, adminapi.Definition{ID: pass, Title: "Pass", Currency: "EUR", Price: 1, Total: 10, Admission: "pass"}); err != nil {
		t.Fatal(err)
	}
	elsewhere := target.join(t, target.everywhere()[0], pass, "mallory")
	parts := strings.Split(victim.Token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	altered := func(old, with string) string {
		text := strings.Replace(string(raw), old, with, 1)
		if text == string(raw) {
			t.Fatalf("got the claims %s, want %s in them", raw, old)
		}
		return parts[0] + "." + segment(text) + "." + parts[2]
	}
	places := target.forgedPlaces(t, id, "mallory", "1")
	places["of the victim"] = victim.Token
	places["of the victim, with mallory's name"] = altered(`"victim"`, `"mallory"`)
	places["of the same buyer in another sale"] = elsewhere.Token
	places["of the victim, padded"] = victim.Token + "="
	places["that is empty"] = ""
	for name, token := range places {
		for _, d := range target.doors() {
			t.Run(d.name+"/"+name, func(t *testing.T) {
				if a := ask(t, d.addr, target.purchase(t, id, "mallory", place(token))); a.code != "place-required" {
					t.Errorf("buys: got %v, want place-required", a)
				}
				if a := ask(t, d.addr, target.joins(t, id, "mallory", "", place(token))); a.code != "proof-required" {
					t.Errorf("joins: got %v, want proof-required, as without a place", a)
				}
			})
		}
	}
	if l := target.lineOf(t, id); l.Joined != 1 {
		t.Errorf("got %d places, want the victim's alone", l.Joined)
	}
	// The victim's own token with another place or nonce is no token.
	for name, token := range map[string]string{
		"another place": altered(`"place":"`+victim.Place+`"`, `"place":"100"`), "a drawn place": altered(`"place":"`+victim.Place+`"`, `"place":"d"`),
		"another nonce": altered(`"nonce":"`, `"nonce":"00`), "one more member": altered(`"aud"`, `"place":"1","aud"`),
	} {
		for _, d := range target.doors() {
			if a := ask(t, d.addr, target.purchase(t, id, "victim", place(token))); a.code != "place-required" {
				t.Errorf("%s, %s: got %v, want place-required", d.name, name, a)
			}
		}
	}
	// A place token names no buyer, and operators nothing.
	for _, d := range target.doors() {
		for _, text := range []string{
			request("POST", "/v1/sales/"+id+"/orders", one, "Authorization: Bearer "+victim.Token, place(victim.Token)),
			request("POST", "/v1/sales/"+id+"/line", "", "Authorization: Bearer "+victim.Token),
			request("GET", "/v1/sales/"+id+"/orders/mine", "", "Authorization: Bearer "+victim.Token),
		} {
			if a := ask(t, d.addr, text); a.code != "unauthorized" {
				t.Errorf("%s: a place as a buyer's token: %.40q got %v, want unauthorized", d.name, text, a)
			}
		}
	}
	if n := target.orders(t, id); n != 0 {
		t.Errorf("got %d orders, want none", n)
	}
}

// Attack: a place far beyond all others, or the first one, is to be restored from a token that the nodes never made. The buyer is given the
// next place, as everybody is, and the counter of places goes on by one.
func TestNoPlaceIsRestoredThatWasNeverGiven(t *testing.T) {
	id := target.openAs(t, adminapi.Definition{Total: 10, Admission: "line", LineRate: 1})
	front := target.everywhere()[0]
	target.join(t, front, id, "ann")
	n := int64(1)
	for _, claimed := range []string{"1", "d", "1000000", "9007199254740993", "9223372036854775807"} {
		for name, token := range target.forgedPlaces(t, id, "mallory", claimed) {
			if !strings.HasPrefix(name, "signed") && !strings.HasPrefix(name, "unsigned") && !strings.HasPrefix(name, "of another") {
				continue
			}
			n++
			buyer := fmt.Sprint("mallory-", n)
			solution := solved(t, target.challenge(t, front, id, buyer))
			p := placeOf(t, ask(t, target.everywhere()[n%3], target.joins(t, id, buyer, solution, place(token))))
			if p.Position != n || p.Place != fmt.Sprint(n) {
				t.Fatalf("%s, for the place %s: got %+v, want the next place, %d", name, claimed, p, n)
			}
		}
	}
	if p := target.join(t, front, id, "bob"); p.Position != n+1 {
		t.Errorf("bob got %+v, want position %d", p, n+1)
	}
}

// Attack: two buyers share one place, each with a token of his own. The place is its owner's alone, who has one order by it.
func TestOnePlaceServesOneBuyer(t *testing.T) {
	id := target.openAs(t, adminapi.Definition{Total: 10, Limit: 4, Admission: "pass"})
	p := target.join(t, target.everywhere()[0], id, "ann")
	for _, addr := range target.everywhere() {
		if a := ask(t, addr, target.purchase(t, id, "bob", place(p.Token))); a.code != "place-required" {
			t.Errorf("bob with ann's place: got %v, want place-required", a)
		}
		if a := ask(t, addr, target.purchase(t, id, "bob", place(p.Token), place(p.Token))); a.code != "place-required" {
			t.Errorf("bob with ann's place twice: got %v, want place-required", a)
		}
	}
	orders := map[string]bool{}
	for _, addr := range target.everywhere() {
		a := ask(t, addr, target.purchase(t, id, "ann", place(p.Token)))
		if a.status != http.StatusCreated && a.status != http.StatusOK {
			t.Errorf("ann: got %v, want her order", a)
		}
		orders[a.order] = true
	}
	if n := target.orders(t, id); len(orders) != 1 || n != 1 {
		t.Errorf("got the orders %v and %d tickets held, want one", orders, n)
	}
	target.wantNoOrder(t, id, "bob")
}
