package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
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
	rsaKey = signer{"rsa", jwt.SigningMethodRS256, newRSA(2048)}
	pssKey = signer{"pss", jwt.SigningMethodPS256, newRSA(3072)}
	ecKey  = signer{"ec", jwt.SigningMethodES256, newEC()}

	// everyone is a signer of each algorithm.
	everyone = []signer{secretKey, publicKey, rsaKey, pssKey, ecKey}

	secretKey = signer{"secret", jwt.SigningMethodHS256, []byte("thirty-two bytes of test secrets")}
	publicKey = signer{"public", jwt.SigningMethodEdDSA, ed25519.NewKeyFromSeed([]byte("thirty-two bytes of a test seed!"))}
)

func newRSA(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err) // a test's own key
	}
	return k
}

func newEC() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // a test's own key
	}
	return k
}

// jwk is the key as nodes get it.
func (s signer) jwk() map[string]string {
	jwk := map[string]string{"kid": s.id, "alg": s.method.Alg()}
	switch k := s.key.(type) {
	case ed25519.PrivateKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", base64url(k.Public().(ed25519.PublicKey))
	case *rsa.PrivateKey:
		jwk["kty"], jwk["n"], jwk["e"] = "RSA", base64url(k.N.Bytes()), base64url(big.NewInt(int64(k.E)).Bytes())
	case *ecdsa.PrivateKey:
		point := point(k)
		jwk["kty"], jwk["crv"], jwk["x"], jwk["y"] = "EC", "P-256", base64url(point[1:33]), base64url(point[33:])
	default:
		jwk["kty"], jwk["k"] = "oct", base64url(s.key.([]byte))
	}
	return jwk
}

// point is the public key in 65 bytes.
func point(k *ecdsa.PrivateKey) []byte {
	raw, err := k.PublicKey.Bytes()
	if err != nil {
		panic(err) // a test's own key
	}
	return raw
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

// ours is what tokens have to claim in these tests.
var ours = token.Config{Audiences: []string{"onsale"}, Remember: 1000}

// verifier has the signers' keys in its file; without any it has no file.
func verifier(t testing.TB, signers ...signer) *token.Verifier {
	t.Helper()
	var file []byte
	if len(signers) > 0 {
		file = keySet(t, signers...)
	}
	v, err := token.NewVerifier(file, ours)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func decode(text string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(text) }
