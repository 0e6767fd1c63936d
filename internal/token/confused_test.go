package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"onsale/internal/token"
)

// Keys of others, under the ids of ours.
var (
	otherRSA = signer{"rsa", jwt.SigningMethodRS256, newRSA(2048)}
	otherPSS = signer{"pss", jwt.SigningMethodPS256, otherRSA.key}
	otherEC  = signer{"ec", jwt.SigningMethodES256, newEC()}
	others   = []signer{otherSecret, otherPublic, otherRSA, otherPSS, otherEC}
)

// confused are tokens whose algorithm, key or key id is not what it seems, for every algorithm.
func confused(t testing.TB) map[string]string {
	tokens := map[string]string{}
	for i, s := range everyone {
		alg := s.method.Alg()
		good := s.sign(t, s.header(), claims())
		tokens[alg+" of another's key"] = others[i].sign(t, s.header(), claims())
		tokens[alg+" of another's key, without an id"] = others[i].sign(t, `{"alg":"`+alg+`"}`, claims())
		tokens[alg+" of another's key, which it brings along"] = others[i].sign(t, brought(t, others[i]), claims())
		tokens[alg+" without its last byte"] = cut(good)
		tokens[alg+" with a byte more"] = good[:strings.LastIndexByte(good, '.')+1] + base64url(append(signature(good), 0))
		tokens[alg+" of a signature of zeros"] = good[:strings.LastIndexByte(good, '.')+1] + base64url(make([]byte, len(signature(good))))
		tokens[alg+" of another buyer's signature"] = signedBy(t, s, claims("sub", "mallory"), signature(good))
		for _, other := range everyone {
			if other.id == s.id {
				continue
			}
			name := other.method.Alg()
			tokens[alg+" declared as "+name] = s.sign(t, `{"alg":"`+name+`"}`, claims())
			tokens[alg+" declared as "+name+" of that key"] = s.sign(t, other.header(), claims())
			tokens[alg+" under the id of "+name] = s.sign(t, `{"alg":"`+alg+`","kid":"`+other.id+`"}`, claims())
		}
		for _, kid := range []string{"../" + s.id, s.id + "/../" + s.id, "/dev/null", strings.ToUpper(s.id), s.id + " ", s.id + `\u0000`, "x' OR '1'='1", "*", "", strings.Repeat(s.id, 1000)} {
			tokens[fmt.Sprintf("%s under the id %.20q", alg, kid)] = s.sign(t, `{"alg":"`+alg+`","kid":"`+kid+`"}`, claims())
		}
		if public := published(t, s); public != nil {
			for form, secret := range public {
				as := signer{s.id, jwt.SigningMethodHS256, secret}
				tokens[alg+": its public key as a secret, as "+form] = as.sign(t, `{"alg":"HS256","kid":"`+s.id+`"}`, claims())
				tokens[alg+": its public key as a secret, without an id, as "+form] = as.sign(t, `{"alg":"HS256"}`, claims())
			}
		}
		for what, hollow := range hollow() {
			tokens[alg+": "+what] = s.sign(t, s.header(), hollow)
		}
	}
	maps.Copy(tokens, longer(t))
	maps.Copy(tokens, curves(t))
	return tokens
}

// longer are signatures by our RSA and EC keys, of algorithms that they are not for.
func longer(t testing.TB) map[string]string {
	tokens := map[string]string{}
	for _, method := range []jwt.SigningMethod{jwt.SigningMethodRS384, jwt.SigningMethodRS512, jwt.SigningMethodPS384, jwt.SigningMethodPS512} {
		for _, k := range []signer{rsaKey, pssKey} {
			as := signer{k.id, method, k.key}
			tokens[k.id+" with "+method.Alg()] = as.sign(t, as.header(), claims())
			tokens[k.id+" with "+method.Alg()+", declared as its own"] = as.sign(t, k.header(), claims())
		}
	}
	for _, k := range []signer{{"rsa", jwt.SigningMethodPS256, rsaKey.key}, {"pss", jwt.SigningMethodRS256, pssKey.key}} {
		tokens[k.id+" with the other padding"] = k.sign(t, k.header(), claims())
		tokens[k.id+" with the other padding, without an id"] = k.sign(t, `{"alg":"`+k.method.Alg()+`"}`, claims())
	}
	short := base64url([]byte(rsaKey.header())) + "." + base64url([]byte(claims()))
	sum := sha256.Sum256([]byte(short))
	bare, err := rsa.SignPKCS1v15(rand.Reader, rsaKey.key.(*rsa.PrivateKey), crypto.Hash(0), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	tokens["a hash without its name"] = short + "." + base64url(bare)
	return tokens
}

// curves are signatures of ES256 in forms that verifiers were fooled with.
func curves(t testing.TB) map[string]string {
	k := ecKey.key.(*ecdsa.PrivateKey)
	order := elliptic.P256().Params().N.Bytes()
	signed := base64url([]byte(ecKey.header())) + "." + base64url([]byte(claims()))
	sum := sha256.Sum256([]byte(signed))
	der, err := ecdsa.SignASN1(rand.Reader, k, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	zero, one := make([]byte, 32), append(make([]byte, 31), 1)
	tokens := map[string]string{}
	for what, signature := range map[string][]byte{
		"in ASN.1": der, "of the order": slices.Concat(order, order), "of zero and one": slices.Concat(zero, one), "of one and zero": slices.Concat(one, zero),
		"of one and the order": slices.Concat(one, order), "of ones": slices.Concat(one, one), "of nothing": {}, "of 128 bytes": make([]byte, 128),
	} {
		tokens["ES256 "+what] = signed + "." + base64url(signature)
	}
	return tokens
}

// brought is a header with a key in it, and addresses of one.
func brought(t testing.TB, s signer) string {
	jwk, err := json.Marshal(s.jwk())
	if err != nil {
		t.Fatal(err)
	}
	return `{"alg":"` + s.method.Alg() + `","kid":"` + s.id + `","jwk":` + string(jwk) + `,"jku":"https://evil.example/keys","x5u":"https://evil.example/chain"}`
}

// published are the forms in which a public key is published, of which one may be taken for a secret.
func published(t testing.TB, s signer) map[string][]byte {
	private, ok := s.key.(crypto.Signer)
	if !ok {
		return nil
	}
	pkix, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(s.jwk())
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string][]byte{
		"PKIX": pkix, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pkix}),
		"JWK": jwk, "the key set": keySet(t, everyone...), "nothing": {},
	}
	switch k := s.key.(type) {
	case *rsa.PrivateKey:
		forms["PKCS 1"] = x509.MarshalPKCS1PublicKey(&k.PublicKey)
		forms["the modulus"], forms["the modulus in base64"] = k.N.Bytes(), []byte(base64url(k.N.Bytes()))
	case *ecdsa.PrivateKey:
		forms["a point"], forms["two halves"] = point(k), point(k)[1:]
	case ed25519.PrivateKey:
		forms["a point"] = k.Public().(ed25519.PublicKey)
	}
	return forms
}

func signature(text string) []byte {
	raw, err := decode(text[strings.LastIndexByte(text, '.')+1:])
	if err != nil {
		panic(err) // a test's own token
	}
	return raw
}

func cut(text string) string {
	whole := signature(text)
	return text[:strings.LastIndexByte(text, '.')+1] + base64url(whole[:len(whole)-1])
}

func signedBy(t testing.TB, s signer, claims string, signature []byte) string {
	t.Helper()
	return base64url([]byte(s.header())) + "." + base64url([]byte(claims)) + "." + base64url(signature)
}

func TestATokenIsGoodWithEveryAlgorithm(t *testing.T) {
	t.Parallel()
	v := verifier(t, everyone...)
	for _, s := range everyone {
		for _, header := range []string{s.header(), `{"alg":"` + s.method.Alg() + `"}`, `{"alg":"` + s.method.Alg() + `","kid":"` + s.id + `","typ":"JWT","x5t":"AA"}`} {
			text := s.sign(t, header, claims("sub", "alice of "+s.id))
			for range 3 { // later ones are remembered
				if got, err := v.Verify(text, noon.Time()); err != nil || string(got) != "alice of "+s.id {
					t.Errorf("%s: got %q, %v, want its buyer", header, got, err)
				}
			}
		}
	}
}

func TestAConfusedTokenNamesNobody(t *testing.T) {
	t.Parallel()
	all, alone := verifier(t, everyone...), map[string]*token.Verifier{}
	for _, s := range everyone {
		alone[s.id] = verifier(t, s)
	}
	tokens := confused(t)
	if len(tokens) < 500 {
		t.Fatalf("got %d tokens, want far more", len(tokens))
	}
	for name, text := range tokens {
		for range 2 { // what is refused again is remembered
			if got, err := all.Verify(text, noon.Time()); !errors.Is(err, token.ErrToken) || got != "" {
				t.Errorf("%s: got %q, %v, want no buyer and ErrToken", name, got, err)
			}
		}
		for id, v := range alone {
			if got, err := v.Verify(text, noon.Time()); !errors.Is(err, token.ErrToken) || got != "" {
				t.Errorf("%s, with the key %s alone: got %q, %v, want no buyer and ErrToken", name, id, got, err)
			}
		}
	}
}

// The other half of an ES256 signature is one, too: RFC 7518 has no rule for it. It names the same buyer.
func TestTheOtherSignatureOfACurveNamesTheSameBuyer(t *testing.T) {
	t.Parallel()
	if got, err := verifier(t, ecKey).Verify(mirrored(ecKey.sign(t, ecKey.header(), claims())), noon.Time()); err != nil || got != "alice" {
		t.Errorf("got %q, %v, want alice", got, err)
	}
}

// Otherwise each key of a set would be tried for each token of a stranger.
func TestATokenWithoutAKeyIDIsTriedWithFewKeys(t *testing.T) {
	t.Parallel()
	var keys []signer
	for i := range 5 {
		keys = append(keys, signer{fmt.Sprint(i), jwt.SigningMethodES256, newEC()})
	}
	few, many := verifier(t, keys[:4]...), verifier(t, keys...)
	text := keys[3].sign(t, `{"alg":"ES256"}`, claims())
	if _, err := few.Verify(text, noon.Time()); err != nil {
		t.Errorf("with four keys: got %v, want it accepted", err)
	}
	if _, err := many.Verify(text, noon.Time()); err == nil || !strings.Contains(err.Error(), "has to name one") {
		t.Errorf("with five keys: got %v, want a key id asked for", err)
	}
	if _, err := many.Verify(keys[3].sign(t, keys[3].header(), claims()), noon.Time()); err != nil {
		t.Errorf("with five keys and an id: got %v, want it accepted", err)
	}
}
