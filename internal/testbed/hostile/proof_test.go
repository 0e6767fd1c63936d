package hostile_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/proof"
	"onsale/internal/sale"
)

// changed is a solution with other members.
func changed(t testing.TB, solution string, with map[string]any) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(solution)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatal(err)
	}
	for name, value := range with {
		members[name] = value
	}
	if raw, err = json.Marshal(members); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// Attack: joining without the work: by solutions of another buyer's challenge, of another sale's, of one that has expired, that was made up
// or made easier, and by moving digits between the salt and the number. None of them joins.
func TestNoWorkButTheBuyersOwnCounts(t *testing.T) {
	id := target.openAs(t, adminapi.Definition{Total: 10, Admission: "line", LineRate: 1})
	other := "proofs-of-another-sale"
	if err := target.Open(target.ctx, adminapi.Definition{ID: other, Title: "Other", Currency: "EUR", Price: 1, Total: 10, Admission: "pass"}); err != nil {
		t.Fatal(err)
	}
	node := target.Nodes[1].Listen
	var c proof.Challenge
	for c.MaxNumber == 0 || len(numberOf(t, solved(t, c))) < 3 { // digits that can be moved
		c = target.challenge(t, node, id, "mallory")
	}
	if c.MaxNumber != easy {
		t.Errorf("got a challenge up to %d, want %d", c.MaxNumber, easy)
	}
	mine := solved(t, c)
	n := numberOf(t, mine)
	soon := inRedisTime(time.Now().Add(time.Minute))
	stolen := solved(t, target.challenge(t, node, id, "victim"))
	expired := target.proofs.New(sale.ID(id), "mallory", inRedisTime(time.Now().Add(-2*time.Second)), easy)
	until, _, _ := strings.Cut(expired.Salt[strings.Index(expired.Salt, "expires=")+len("expires="):], "&")
	foreign := proof.Keys{proof.NewKey()}
	for name, solution := range map[string]string{
		"another buyer's":                 stolen,
		"of another sale":                 solved(t, target.challenge(t, node, other, "mallory")),
		"of a key of mallory's own":       solved(t, foreign.New(sale.ID(id), "mallory", soon, 1)),
		"expired":                         solved(t, expired),
		"expired, with a later expiry":    changed(t, solved(t, expired), map[string]any{"salt": strings.Replace(expired.Salt, until, strconv.FormatInt(int64(soon)/1000, 10), 1)}),
		"of a number that is not it":      changed(t, mine, map[string]any{"number": 1 << 40}),
		"of a number of 40 digits":        changed(t, mine, map[string]any{"number": json.Number(strings.Repeat("9", 40))}),
		"of a negative number":            changed(t, mine, map[string]any{"number": -1}),
		"of a number with an exponent":    changed(t, mine, map[string]any{"number": json.Number(n + "e0")}),
		"of a number with a fraction":     changed(t, mine, map[string]any{"number": json.Number(n + ".0")}),
		"of a number as text":             changed(t, mine, map[string]any{"number": n}),
		"of no number":                    changed(t, mine, map[string]any{"number": nil}),
		"made easier":                     changed(t, mine, map[string]any{"maxnumber": 0, "number": 0}),
		"of an easier algorithm":          changed(t, mine, map[string]any{"algorithm": "SHA-1"}),
		"of a salt without its end":       changed(t, mine, map[string]any{"salt": strings.TrimSuffix(c.Salt, "&")}),
		"of digits moved into the salt":   changed(t, mine, map[string]any{"salt": c.Salt + n[:1], "number": json.Number(strings.TrimLeft(n[1:], "0") + "0")}),
		"of digits moved to the expiry":   changed(t, mine, map[string]any{"salt": strings.TrimSuffix(c.Salt, "&") + n[:1] + "&", "number": json.Number("1" + n[1:])}),
		"of a second expiry":              changed(t, mine, map[string]any{"salt": c.Salt + "expires=99999999999&"}),
		"of an empty challenge":           changed(t, mine, map[string]any{"challenge": "", "signature": ""}),
		"of a signature of zeros":         changed(t, mine, map[string]any{"signature": strings.Repeat("0", 64)}),
		"in upper case":                   changed(t, mine, map[string]any{"challenge": strings.ToUpper(c.Challenge)}),
		"of 100,000 bytes":                changed(t, mine, map[string]any{"took": strings.Repeat("x", 3000)}),
		"nested deep":                     base64.StdEncoding.EncodeToString([]byte(strings.Repeat("[", 380) + strings.Repeat("]", 380))),
		"padded":                          mine + "====",
		"that is the buyer's token":       strings.TrimPrefix(target.bearer(t, "mallory"), "Authorization: Bearer "),
		"that is nothing but base64":      "AAAA",
		"of a member that is there twice": base64.StdEncoding.EncodeToString([]byte(`{"number":1,"number":` + n + `}`)),
	} {
		for _, d := range target.doors() {
			t.Run(d.name+"/"+name, func(t *testing.T) {
				if a := ask(t, d.addr, target.joins(t, id, "mallory", solution)); a.code != "proof-wrong" {
					t.Errorf("got %v, want proof-wrong", a)
				}
			})
		}
	}
	if l := target.lineOf(t, id); l.Joined != 0 {
		t.Errorf("got %d places, want none", l.Joined)
	}
	// Strangers' solutions made nobody else's challenges harder, and the honest ones still count, for each buyer's own.
	if c := target.challenge(t, node, id, "ann"); c.MaxNumber != easy {
		t.Errorf("got a challenge up to %d after strangers tried, want %d", c.MaxNumber, easy)
	}
	for buyer, solution := range map[string]string{"mallory": mine, "victim": stolen} {
		if a := ask(t, node, target.joins(t, id, buyer, solution)); a.status != http.StatusCreated {
			t.Errorf("%s with a solution of their own: got %v, want a place", buyer, a)
		}
	}
}

// numberOf is the number of a solution.
func numberOf(t testing.TB, solution string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(solution)
	if err != nil {
		t.Fatal(err)
	}
	var s struct{ Number json.Number }
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s.Number.String()
}

// Attack: challenges that were collected and solved beforehand, all for one buyer and one for each of many. One buyer's are one
// place however many there are; each of the others needed an identity.
func TestSolutionsInStockAreOnePlaceABuyer(t *testing.T) {
	id := target.openAs(t, adminapi.Definition{Total: 10, Admission: "line", LineRate: 1})
	var stock []string
	for i := range 12 {
		stock = append(stock, solved(t, target.challenge(t, target.everywhere()[i%3], id, "mallory")))
	}
	for i, solution := range stock {
		if p := placeOf(t, ask(t, target.everywhere()[i%3], target.joins(t, id, "mallory", solution))); p.Position != 1 || p.Joined != 1 {
			t.Errorf("solution %d: got %+v, want the one place", i, p)
		}
	}
	for i, solution := range stock {
		buyer := fmt.Sprint("friend-", i)
		if a := ask(t, target.everywhere()[i%3], target.joins(t, id, buyer, solution)); a.code != "proof-wrong" {
			t.Errorf("%s with mallory's solution: got %v, want proof-wrong", buyer, a)
		}
	}
}

// Attack: challenges for nobody, for somebody else, and of sales that have no line.
func TestAChallengeIsForWhoAsks(t *testing.T) {
	id := target.openAs(t, adminapi.Definition{Total: 10, Admission: "line", LineRate: 1})
	at := "/v1/sales/" + id + "/line/challenge"
	for _, d := range target.doors() {
		for name, c := range map[string]struct{ text, code string }{
			"without a token":        {request("GET", at, ""), "unauthorized"},
			"for another in a query": {request("GET", at+"?buyer=victim", "", "Authorization: Bearer x"), "unauthorized"},
			"by POST":                {request("POST", at, `{"maxnumber":1}`, target.bearer(t, "mallory")), "method-not-allowed"},
			"of a sale without line": {request("GET", "/v1/sales/"+honest+"/line/challenge", "", target.bearer(t, "mallory")), "no-line"},
			"of no sale":             {request("GET", "/v1/sales/none/line/challenge", "", target.bearer(t, "mallory")), "sale-unknown"},
		} {
			if a := ask(t, d.addr, c.text); a.code != c.code {
				t.Errorf("%s, %s: got %v, want %s", d.name, name, a, c.code)
			}
		}
		a := ask(t, d.addr, request("GET", at+"?maxnumber=1&buyer=victim", "", target.bearer(t, "mallory")))
		var c proof.Challenge
		if json.Unmarshal([]byte(a.body), &c) != nil || c.MaxNumber != easy || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %v %s, want a challenge up to %d that no cache stores", d.name, a, a.body, easy)
		}
		if a := ask(t, d.addr, target.joins(t, id, "victim", solved(t, c))); a.code != "proof-wrong" {
			t.Errorf("%s: got %v, want a challenge of mallory's to be of no use to the victim", d.name, a)
		}
	}
}
