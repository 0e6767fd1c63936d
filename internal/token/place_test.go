package token_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"onsale/internal/sale"
	"onsale/internal/token"
)

var (
	placeKey = signer{"places-1", jwt.SigningMethodHS256, []byte("thirty-two bytes for all places!")}
	newPlace = signer{"places-2", jwt.SigningMethodHS256, []byte("another thirty-two bytes, places")}
)

func places(t testing.TB, signers ...signer) *token.Places {
	t.Helper()
	p, err := token.NewPlaces(keySet(t, signers...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func proofOf(place sale.Place) sale.Proof {
	return sale.Proof{Place: place, Nonce: [32]byte{1, 2, 31: 255}}
}

func TestAPlaceTokenProvesThePlaceOfItsBuyer(t *testing.T) {
	p := places(t, placeKey)
	for _, buyer := range []sale.Buyer{"alice", "Ä <b> \"quoted\" \\ & \u2028", sale.Buyer(strings.Repeat("b", sale.MaxBuyerLength))} {
		for _, place := range []sale.Place{sale.Drawn, 1, 1_000_000} {
			got, err := p.Verify(p.Sign("s", buyer, proofOf(place)), "s", buyer)
			if err != nil || got != proofOf(place) {
				t.Errorf("%q: got %+v, %v, want %+v", buyer, got, err, proofOf(place))
			}
		}
	}
}

// TestAPlaceTokenProvesNothingElse: of another buyer, another sale, or changed.
func TestAPlaceTokenProvesNothingElse(t *testing.T) {
	p := places(t, placeKey)
	good := p.Sign("s", "alice", proofOf(7))
	parts := strings.Split(good, ".")
	claims := `{"aud":"onsale-place","sale":"s","sub":"alice","place":"1","nonce":"` + strings.Repeat("0", 64) + `"}`
	header := `{"alg":"HS256","kid":"places-1","typ":"place+jwt"}`
	for name, c := range map[string]struct {
		token string
		id    sale.ID
		buyer sale.Buyer
	}{
		"another buyer":              {good, "s", "bob"},
		"a longer buyer":             {good, "s", "alice2"},
		"another sale":               {good, "t", "alice"},
		"another place":              {parts[0] + "." + base64url([]byte(claims)) + "." + parts[2], "s", "alice"},
		"another site's key":         {places(t, newPlace).Sign("s", "alice", proofOf(7)), "s", "alice"},
		"another key of the same id": {signer{"places-1", placeKey.method, newPlace.key}.sign(t, header, claims), "s", "alice"},
		"no signature":               {parts[0] + "." + parts[1] + ".", "s", "alice"},
		"two segments":               {parts[0] + "." + parts[1], "s", "alice"},
		"a line end":                 {good + "\n", "s", "alice"},
		"stray bits":                 {good[:len(good)-1] + string(good[len(good)-1]+1), "s", "alice"},
		"nothing":                    {"", "s", "alice"},
		"unsigned":                   {base64url([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", "s", "alice"},
		"without the type":           {placeKey.sign(t, placeKey.header(), claims), "s", "alice"},
		"a buyer's token":            {tokenOf(t, "alice"), "s", "alice"},
		"a buyer's claims":           {placeKey.sign(t, header, `{"aud":"onsale","sub":"alice","exp":9999999999}`), "s", "alice"},
		"the place 0":                {placeKey.sign(t, header, strings.Replace(claims, `"1"`, `"0"`, 1)), "s", "alice"},
		"a place before the first":   {placeKey.sign(t, header, strings.Replace(claims, `"1"`, `"-1"`, 1)), "s", "alice"},
		"a short nonce":              {placeKey.sign(t, header, strings.Replace(claims, "00", "", 1)), "s", "alice"},
	} {
		if got, err := p.Verify(c.token, c.id, c.buyer); !errors.Is(err, token.ErrToken) || got != (sale.Proof{}) {
			t.Errorf("%s: got %+v, %v, want ErrToken", name, got, err)
		}
	}
	if _, err := p.Verify(placeKey.sign(t, header, claims), "s", "alice"); err != nil {
		t.Errorf("got %v, want the claims of these tests taken where nothing is wrong with them", err)
	}
}

// TestKeysOfPlacesRotate: the first makes tokens, all verify.
func TestKeysOfPlacesRotate(t *testing.T) {
	old := places(t, placeKey)
	prepared, rotated, ended := places(t, placeKey, newPlace), places(t, newPlace, placeKey), places(t, newPlace)
	before, after := prepared.Sign("s", "alice", proofOf(1)), rotated.Sign("s", "alice", proofOf(1))
	for _, c := range []struct {
		name  string
		by    *token.Places
		token string
		good  bool
	}{
		{"a node that has the old key alone takes what a prepared one made", old, before, true},
		{"a prepared one takes what a rotated one made", prepared, after, true},
		{"a rotated one takes the old", rotated, before, true},
		{"and no longer once the old key is gone", ended, before, false},
		{"but the new", ended, after, true},
	} {
		if _, err := c.by.Verify(c.token, "s", "alice"); (err == nil) != c.good {
			t.Errorf("%s: got %v, want it taken: %v", c.name, err, c.good)
		}
	}
}

// verifierFor is a verifier for tokens of another audience.
func verifierFor(t testing.TB, audience string, signers ...signer) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(keySet(t, signers...), token.Config{Audiences: []string{audience}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAPlaceTokenNamesNobody: no verifier of buyers takes one, with whatever keys and audience.
func TestAPlaceTokenNamesNobody(t *testing.T) {
	place := places(t, placeKey).Sign("s", "alice", proofOf(7))
	for _, audience := range []string{"onsale", token.PlaceAudience} {
		if got, err := verifierFor(t, audience, placeKey).Verify(place, noon.Time()); !errors.Is(err, token.ErrToken) {
			t.Errorf("audience %s: got %q, %v, want ErrToken", audience, got, err)
		}
	}
}

func TestKeysOfPlacesAndOfBuyersAreApart(t *testing.T) {
	renamed := placeKey
	renamed.id = "another"
	for name, c := range map[string]struct {
		buyers *token.Verifier
		want   string
	}{
		"apart":                  {verifierFor(t, "onsale", secretKey, publicKey), ""},
		"the same key":           {verifierFor(t, "onsale", secretKey, renamed), "the place key places-1 verifies buyers' tokens too"},
		"the audience of places": {verifierFor(t, token.PlaceAudience, secretKey), "it is that of place tokens"},
	} {
		err := c.buyers.Apart(places(t, placeKey))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	nameless := placeKey
	nameless.id = ""
	for name, set := range map[string][]byte{"a public key": keySet(t, publicKey), "no id": []byte(`{"keys":[{"kty":"oct","k":"` + placeKey.jwk()["k"] + `"}]}`)} {
		if _, err := token.NewPlaces(set); err == nil || !strings.Contains(err.Error(), "want kty oct and a kid") {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
}

func TestVerifyingAPlaceAllocatesNothing(t *testing.T) {
	p := places(t, placeKey)
	good := p.Sign("s", "alice", proofOf(123_456))
	if n := testing.AllocsPerRun(1000, func() { _, _ = p.Verify(good, "s", "alice") }); n > allocationSlack {
		t.Errorf("got %v allocations, want none", n)
	}
}

func BenchmarkVerifyPlace(b *testing.B) {
	p := places(b, newPlace, placeKey)
	good := places(b, placeKey).Sign("s", "buyer-123456", proofOf(123_456))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Verify(good, "s", "buyer-123456"); err != nil {
			b.Fatal(err)
		}
	}
}
