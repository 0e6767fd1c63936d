package token_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"onsale/internal/sale"
	"onsale/internal/token"
)

// noon is when the tokens of these tests are verified.
var noon = sale.Instant(time.Date(2042, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli())

// signer is one key of an issuer of tokens.
type signer struct {
	id     string
	method jwt.SigningMethod
	key    any // what signs
}

var (
	secretKey = signer{"secret", jwt.SigningMethodHS256, []byte("thirty-two bytes of test secrets")}
	publicKey = signer{"public", jwt.SigningMethodEdDSA, ed25519.NewKeyFromSeed([]byte("thirty-two bytes of a test seed!"))}
)

// jwk is the key as nodes get it.
func (s signer) jwk() map[string]string {
	if private, ok := s.key.(ed25519.PrivateKey); ok {
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": s.id, "x": base64url(private.Public().(ed25519.PublicKey))}
	}
	return map[string]string{"kty": "oct", "kid": s.id, "k": base64url(s.key.([]byte))}
}

// header is the usual header of the key's tokens.
func (s signer) header() string { return `{"alg":"` + s.method.Alg() + `","kid":"` + s.id + `"}` }

// sign makes a compact token of the header and the claims as they are.
func (s signer) sign(t testing.TB, header, claims string) string {
	t.Helper()
	signed := base64url([]byte(header)) + "." + base64url([]byte(claims))
	signature, err := s.method.Sign(signed, s.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64url(signature)
}

// tokenOf is a good token of a buyer at noon.
func tokenOf(t testing.TB, buyer string) string {
	t.Helper()
	return secretKey.sign(t, secretKey.header(), claims("sub", buyer))
}

// claims are good ones at noon, changed by pairs of a name and a value; a nil
// value takes the claim away.
func claims(pairs ...any) string {
	c := map[string]any{
		"sub": "alice", "aud": "onsale",
		"nbf": noon.Add(-time.Minute).Time().Unix(), "exp": noon.Add(time.Hour).Time().Unix(),
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(c, pairs[i].(string))
		} else {
			c[pairs[i].(string)] = pairs[i+1]
		}
	}
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err) // a test's own claims
	}
	return string(raw)
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// keySet is a JSON Web Key Set of the signers' keys.
func keySet(t testing.TB, signers ...signer) []byte {
	t.Helper()
	keys := []map[string]string{}
	for _, s := range signers {
		keys = append(keys, s.jwk())
	}
	raw, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func verifier(t testing.TB, audience string, signers ...signer) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(keySet(t, signers...), audience)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
