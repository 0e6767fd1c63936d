package hostile_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"onsale/internal/testbed"
)

func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// hs256 signs the header and claims as they are.
func hs256(secret []byte, header, claims string) string {
	signed := segment(header) + "." + segment(claims)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed)) // a hash.Hash never fails
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// keySet is the file of the nodes' token keys, and the one secret in it.
func (s *site) keySet(t testing.TB) (file, secret []byte) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(s.Dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ K string } }
	if err := json.Unmarshal(file, &set); err != nil {
		t.Fatal(err)
	}
	secret, err = base64.RawURLEncoding.DecodeString(set.Keys[0].K)
	if err != nil {
		t.Fatal(err)
	}
	return file, secret
}

// Attack: tokens that somebody made up, that have expired, that are for somebody else, or that are meant to be verified by another
// key or algorithm than their issuer's. None of them buys, reads or cancels.
func TestNoTokenButTheIssuersIsBelieved(t *testing.T) {
	id := target.open(t, 1000)
	file, secret := target.keySet(t)
	victim := ask(t, target.Nodes[1].Listen, target.purchase(t, id, "victim"))
	if victim.status != http.StatusCreated {
		t.Fatalf("got %v, want the victim's order", victim)
	}
	for name, token := range hostileTokens(t, file, secret) {
		for _, d := range target.doors() {
			t.Run(d.name+"/"+name, func(t *testing.T) {
				for _, text := range []string{
					request("POST", "/v1/sales/"+id+"/orders", one, "Authorization: Bearer "+token),
					request("GET", "/v1/sales/"+id+"/orders/mine", "", "Authorization: Bearer "+token),
					request("DELETE", "/v1/sales/"+id+"/orders/"+victim.order, "", "Authorization: Bearer "+token),
				} {
					if a := ask(t, d.addr, text); a.code != "unauthorized" {
						t.Errorf("%.40q: got %v, want unauthorized", text, a)
					}
				}
			})
		}
	}
	if n := target.orders(t, id); n != 1 {
		t.Errorf("got %d orders, want the victim's alone", n)
	}
}

func hostileTokens(t *testing.T, file, secret []byte) map[string]string {
	t.Helper()
	now := time.Now()
	until := now.Add(time.Hour).Unix()
	const header = `{"alg":"HS256","typ":"JWT","kid":"dev"}`
	claims := func(format string, args ...any) string { return "{" + fmt.Sprintf(format, args...) + "}" }
	good := claims(`"sub":"victim","aud":"onsale","exp":%d`, until)
	parts := strings.Split(hs256(secret, header, good), ".")
	tokens := map[string]string{
		"unsigned":                       segment(`{"alg":"none"}`) + "." + segment(good) + ".",
		"unsigned, in odd spelling":      segment(`{"alg":"nOnE","kid":"dev"}`) + "." + segment(good) + "." + parts[2],
		"without signature":              parts[0] + "." + parts[1] + ".",
		"with another's signature":       parts[0] + "." + segment(claims(`"sub":"mallory","aud":"onsale","exp":%d`, until)) + "." + parts[2],
		"signed with another secret":     hs256([]byte(strings.Repeat("guess", 8)), header, good),
		"signed with an empty secret":    hs256(nil, header, good),
		"signed with the key file":       hs256(file, header, good),
		"of a key that nobody has":       hs256(secret, `{"alg":"HS256","kid":"../../../dev/null"}`, good),
		"of another algorithm":           hs256(secret, `{"alg":"HS512","kid":"dev"}`, good),
		"of an algorithm in lower case":  hs256(secret, `{"alg":"hs256","kid":"dev"}`, good),
		"with an extension to heed":      hs256(secret, `{"alg":"HS256","kid":"dev","crit":["exp"]}`, good),
		"of another type":                hs256(secret, `{"alg":"HS256","kid":"dev","typ":"logout+jwt"}`, good),
		"expired":                        hs256(secret, header, claims(`"sub":"victim","aud":"onsale","exp":%d`, now.Add(-time.Second).Unix())),
		"without expiry":                 hs256(secret, header, claims(`"sub":"victim","aud":"onsale"`)),
		"that expires in the year 50000": hs256(secret, header, claims(`"sub":"victim","aud":"onsale","exp":1515678000000`)),
		"not valid yet":                  hs256(secret, header, claims(`"sub":"victim","aud":"onsale","exp":%d,"nbf":%d`, until, until-60)),
		"for another audience":           hs256(secret, header, claims(`"sub":"victim","aud":"onsale-admin","exp":%d`, until)),
		"for nobody":                     hs256(secret, header, claims(`"sub":"victim","exp":%d`, until)),
		"of two buyers":                  hs256(secret, header, claims(`"sub":"mallory","aud":"onsale","exp":%d,"sub":"victim"`, until)),
		"of two buyers, one escaped":     hs256(secret, header, claims(`"sub":"mallory","aud":"onsale","exp":%d,"s\u0075b":"victim"`, until)),
		"of no buyer":                    hs256(secret, header, claims(`"aud":"onsale","exp":%d`, until)),
		"of a number":                    hs256(secret, header, claims(`"sub":0,"aud":"onsale","exp":%d`, until)),
		"of a buyer with a line end":     hs256(secret, header, claims(`"sub":"victim\n1","aud":"onsale","exp":%d`, until)),
		"of a buyer with NUL":            hs256(secret, header, claims(`"sub":"victim\u0000","aud":"onsale","exp":%d`, until)),
		"of a long buyer":                hs256(secret, header, claims(`"sub":%q,"aud":"onsale","exp":%d`, strings.Repeat("v", 129), until)),
		"nested deep":                    hs256(secret, header, strings.Repeat("[", 2000)+strings.Repeat("]", 2000)),
		"of 7,000 bytes":                 strings.Repeat("A", 7000),
		"twice":                          strings.Join(parts, ".") + ", " + strings.Join(parts, "."),
		"encrypted":                      strings.Join(parts, ".") + ".AAAA.AAAA",
		"padded":                         strings.Join(parts, ".") + "=",
		"with a blank":                   parts[0] + ". " + parts[1] + "." + parts[2],
		"nothing":                        "",
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tokens["with a key of its own, EdDSA"] = signedBy(t, jwt.SigningMethodEdDSA, private, map[string]any{
		"kid": "dev", "jwk": map[string]string{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))},
		"jku": "http://127.0.0.1:1/keys"}, until)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	es := signedBy(t, jwt.SigningMethodES256, curve, map[string]any{"kid": "dev"}, until)
	tokens["ES256"] = es
	tokens["ES256 with a signature of zeros"] = es[:strings.LastIndexByte(es, '.')+1] + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	prime, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tokens["RS256"] = signedBy(t, jwt.SigningMethodRS256, prime, map[string]any{"kid": "dev"}, until)
	foreign, err := testbed.NewIssuer().Token("victim", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	tokens["of another site's issuer"] = foreign
	return tokens
}

func signedBy(t *testing.T, m jwt.SigningMethod, key any, header map[string]any, until int64) string {
	t.Helper()
	token := jwt.NewWithClaims(m, jwt.MapClaims{"sub": "victim", "aud": testbed.Audience, "exp": until})
	for name, value := range header {
		token.Header[name] = value
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Attack: a good credential in a place where it is not one: a token in the query, in a cookie or under another scheme, and the
// operators' token, the providers' secret and a buyer's token each in the place of another.
func TestACredentialCountsInItsOwnPlaceAlone(t *testing.T) {
	id := target.open(t, 1000)
	bearer := target.bearer(t, "mallory")
	token := strings.TrimPrefix(bearer, "Authorization: Bearer ")
	for _, d := range target.doors() {
		for name, text := range map[string]string{
			"in the query":        request("POST", "/v1/sales/"+id+"/orders?access_token="+token, one),
			"in a cookie":         request("POST", "/v1/sales/"+id+"/orders", one, "Cookie: token="+token+"; Authorization="+token),
			"under Basic":         request("POST", "/v1/sales/"+id+"/orders", one, "Authorization: Basic "+token),
			"without a scheme":    request("POST", "/v1/sales/"+id+"/orders", one, "Authorization: "+token),
			"for a proxy":         request("POST", "/v1/sales/"+id+"/orders", one, "Proxy-Authorization: Bearer "+token),
			"in X-Forwarded-User": request("POST", "/v1/sales/"+id+"/orders", one, "X-Forwarded-User: mallory", "X-Remote-User: mallory", "X-Onsale-Buyer: mallory"),
			"the operators'":      request("POST", "/v1/sales/"+id+"/orders", one, "Authorization: Bearer "+target.AdminToken),
			"a provider's":        request("POST", "/v1/sales/"+id+"/orders", one, "Authorization: Bearer "+target.Payments.Reveal()),
			"in the body":         request("POST", "/v1/sales/"+id+"/orders", `{"quantity":1,"buyer":"mallory"}`),
		} {
			if a := ask(t, d.addr, text); a.code != "unauthorized" {
				t.Errorf("%s, %s: got %v, want unauthorized", d.name, name, a)
			}
		}
		// Who may buy may not buy for another.
		for name, body := range map[string]string{"a buyer": `{"quantity":1,"buyer":"victim"}`, "a price": `{"quantity":1,"price":0}`, "a quantity twice": `{"quantity":1,"quantity":4}`} {
			if a := ask(t, d.addr, request("POST", "/v1/sales/"+id+"/orders", body, bearer)); a.code != "invalid-request" {
				t.Errorf("%s, %s in the body: got %v, want invalid-request", d.name, name, a)
			}
		}
	}
	for name, admin := range map[string]string{"allocator": target.Allocators[0].Admin, "node": target.Nodes[0].Admin, "ledger": target.Ledgers[0].Admin} {
		for _, credential := range []string{token, target.Payments.Reveal()} {
			if a := askAdmin(t, admin, request("GET", "/admin/v1/log", "", "Authorization: Bearer "+credential)); a.status != http.StatusUnauthorized {
				t.Errorf("%s: got %v, want 401", name, a)
			}
		}
	}
	if n := target.orders(t, id); n != 0 {
		t.Errorf("got %d orders, want none", n)
	}
}
