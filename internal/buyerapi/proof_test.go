package buyerapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/proof"
	"onsale/internal/sale"
)

// work is a verifier that has buyers work, a little.
func work(t testing.TB) *proof.Work {
	t.Helper()
	w, err := proof.NewWork(proof.Keys{proof.NewKey()}, proof.Config{Easy: 100, Hard: 100, Capacity: 1})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// judge is a verifier that answers with an error, and what it was asked.
type judge struct {
	err   error
	asked []string
}

func (j *judge) Verify(_ context.Context, id sale.ID, buyer sale.Buyer, proof, address string, now sale.Instant) error {
	j.asked = append(j.asked, fmt.Sprint(id, " ", buyer, " ", proof, " ", address, " ", now >= noon))
	return j.err
}

// demanding is a site whose buyers prove something.
func demanding(t testing.TB, v proof.Verifier) (*site, address) {
	t.Helper()
	s := line(0).open(t)
	s.handler.Demand(v)
	return s, listen(t, buyerapi.NewServer(s.handler, time.Minute))
}

const challenges = "/v1/sales/s/line/challenge"

func TestABuyerGetsAChallengeAndJoinsWithItsSolution(t *testing.T) {
	t.Parallel()
	_, a := demanding(t, work(t))
	alice, bob := bearer(token(t, "alice")), bearer(token(t, "bob"))
	got := a.ask(t, "GET", challenges, "", alice)
	wantHeader(t, got, "Content-Type", "application/json")
	wantHeader(t, got, "Cache-Control", "no-store")
	var c proof.Challenge
	if err := json.Unmarshal(got.body, &c); err != nil || got.StatusCode != 200 || c.MaxNumber != 100 {
		t.Fatalf("got %s %s, want 200 with a challenge up to 100", got.Status, got.body)
	}
	solution, err := proof.Solve(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"proof":"` + solution + `"}`
	for range 2 { // joining is idempotent, and so is its proof
		if got := a.ask(t, "POST", joinsAt, body, alice); got.StatusCode != 201 {
			t.Errorf("got %s %s, want 201", got.Status, got.body)
		}
	}
	for name, c := range map[string]struct {
		body, as string
		want     buyerapi.Answer
	}{
		"no body":               {"", alice, buyerapi.ProofRequired},
		"an empty object":       {" {} ", alice, buyerapi.ProofRequired},
		"an empty proof":        {`{"proof":""}`, alice, buyerapi.ProofRequired},
		"another buyer's proof": {body, bob, buyerapi.ProofWrong},
		"no proof at all":       {`{"proof":"x"}`, alice, buyerapi.ProofWrong},
	} {
		t.Run(name, func(t *testing.T) {
			d := wantProblem(t, a.ask(t, "POST", joinsAt, c.body, c.as), c.want)
			if d["challenge"] != challenges {
				t.Errorf("got challenge %v, want %s", d["challenge"], challenges)
			}
			if _, reason := d["reason"]; reason != (c.want == buyerapi.ProofWrong) {
				t.Errorf("got reason %v, want one where a proof is wrong", d["reason"])
			}
		})
	}
}

// A buyer who shows a place has proven enough for it; a place of somebody else shows nothing.
func TestWhoHasAPlaceNeedsNoProof(t *testing.T) {
	t.Parallel()
	_, a := demanding(t, &judge{err: proof.ErrRequired})
	alice := bearer(token(t, "alice"))
	if got := a.ask(t, "POST", joinsAt, "", alice, "Onsale-Place: s/alice/5"); got.StatusCode != 201 {
		t.Errorf("got %s %s, want 201", got.Status, got.body)
	}
	wantProblem(t, a.ask(t, "POST", joinsAt, "", alice, "Onsale-Place: s/bob/5"), buyerapi.ProofRequired)
}

func TestASaleMayHaveChallengesOfItsOwn(t *testing.T) {
	t.Parallel()
	s := line(0)
	s.store = reads(func(d *sale.Sale, r *sale.Reading) {
		lined(d, r, 0)
		d.ProofEasy = 30_000
	})
	s = s.open(t)
	s.handler.Demand(work(t))
	got := listen(t, buyerapi.NewServer(s.handler, time.Minute)).ask(t, "GET", challenges, "", bearer(token(t, "alice")))
	var c proof.Challenge
	if err := json.Unmarshal(got.body, &c); err != nil || c.MaxNumber != 30_000 {
		t.Errorf("got %s %s, want a challenge up to 30000", got.Status, got.body)
	}
}

func TestASaleWithoutALineHasNoChallenge(t *testing.T) {
	t.Parallel()
	s := (&site{}).open(t)
	s.handler.Demand(work(t))
	a := listen(t, buyerapi.NewServer(s.handler, time.Minute))
	wantProblem(t, a.ask(t, "GET", challenges, "", bearer(token(t, "alice"))), buyerapi.NoLine)
}

func TestAChallengeNeedsATokenAndAGET(t *testing.T) {
	t.Parallel()
	_, a := demanding(t, work(t))
	wantProblem(t, a.ask(t, "GET", challenges, ""), buyerapi.Unauthorized)
	wantProblem(t, a.ask(t, "GET", "/v1/sales/t/line/challenge", "", bearer(token(t, "alice"))), buyerapi.SaleUnknown)
	got := a.ask(t, "POST", challenges, "", bearer(token(t, "alice")))
	wantProblem(t, got, buyerapi.MethodNotAllowed)
	wantHeader(t, got, "Allow", "GET, HEAD")
	for _, path := range []string{"/", "x", "/x"} {
		wantProblem(t, a.ask(t, "GET", challenges+path, "", bearer(token(t, "alice"))), buyerapi.NotFound)
	}
}

func TestWhereNobodyWorksThereIsNoChallenge(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]proof.Verifier{"nothing is asked": proof.None{}, "a captcha's provider decides": &judge{}} {
		t.Run(name, func(t *testing.T) {
			_, a := demanding(t, v)
			if d := wantProblem(t, a.ask(t, "GET", challenges, "", bearer(token(t, "alice"))), buyerapi.NotFound); !strings.Contains(d["detail"].(string), "solve challenges") {
				t.Errorf("got detail %v, want it to speak of challenges", d["detail"])
			}
		})
	}
}

func TestWhatAVerifierFindsIsTheAnswer(t *testing.T) {
	t.Parallel()
	for want, err := range map[buyerapi.Answer]error{
		buyerapi.ProofRequired: proof.ErrRequired, buyerapi.ProofWrong: fmt.Errorf("%w: (timeout-or-duplicate)", proof.ErrWrong),
		buyerapi.ProofUnavailable: fmt.Errorf("%w: %w", proof.ErrUnavailable, errors.New("http://internal.example is away")),
	} {
		t.Run(want.String(), func(t *testing.T) {
			j := &judge{err: err}
			_, a := demanding(t, j)
			d := wantProblem(t, a.ask(t, "POST", joinsAt, ` {"proof":" 0.x "} `, bearer(token(t, "alice")), "X-Real-IP: 192.0.2.7"), want)
			if len(j.asked) != 1 || j.asked[0] != "s alice 0.x 192.0.2.7 true" {
				t.Errorf("got asked %q, want once for alice's proof from 192.0.2.7", j.asked)
			}
			if text := fmt.Sprint(d); strings.Contains(text, "internal.example") || d["challenge"] != nil {
				t.Errorf("got %s, want neither a challenge nor what is internal", text)
			}
		})
	}
}

func TestABodyIsOneProofOrNothing(t *testing.T) {
	t.Parallel()
	j := &judge{}
	_, a := demanding(t, j)
	for _, body := range []string{
		`x`, `[]`, `"x"`, `null`, `{"proof":1}`, `{"proof":null}`, `{"proof":{}}`, `{"proof":["x"]}`, `{"Proof":"x"}`, `{"place":"d"}`, `{"proof":"x","place":"d"}`,
		`{"proof":"x","proof":"y"}`, `{"proof":"x"}{}`, `{"proof":"x"} x`, `{"proof":"x"`, `{"proof":"x",}`, `{"proof" "x"}`, "{\"proof\":\"x\ny\"}",
		strings.Repeat("[", 4000), strings.Repeat(`{"proof":`, 800), `{"quantity":1}`,
	} {
		wantProblem(t, a.ask(t, "POST", joinsAt, body, bearer(token(t, "alice"))), buyerapi.InvalidRequest)
	}
	if len(j.asked) != 0 {
		t.Errorf("got asked %q, want nothing", j.asked)
	}
}

// joinsAt is where these tests join.
const joinsAt = "/v1/sales/s/line"
