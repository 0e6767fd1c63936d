package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"onsale/internal/token"
)

// changed is a signer's key with other members; an empty one takes the member away.
func changed(s signer, pairs ...string) map[string]string {
	jwk := s.jwk()
	for i := 0; i < len(pairs); i += 2 {
		jwk[pairs[i]] = pairs[i+1]
		if pairs[i+1] == "" {
			delete(jwk, pairs[i])
		}
	}
	return jwk
}

// Primes that everybody knows: of 1,024 bits (RFC 2409, 6.2) and of 2,048 (RFC 3526, 3).
var (
	prime1024 = number("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
		"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
		"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF")
	prime2048 = number("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
		"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
		"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
		"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
		"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
		"15728E5A8AACAA68FFFFFFFFFFFFFFFF")
)

func number(hex string) *big.Int {
	n, ok := new(big.Int).SetString(hex, 16)
	if !ok || !n.ProbablyPrime(5) {
		panic("no prime") // a test's own number
	}
	return n
}

func prime(t testing.TB, bits int) *big.Int {
	t.Helper()
	p, err := rand.Prime(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// product is a modulus of two factors.
func product(p, q *big.Int) string { return base64url(new(big.Int).Mul(p, q).Bytes()) }

// weakRSA are RSA keys that guard nothing or are none, and what is wrong with them.
func weakRSA(t testing.TB) map[string]struct {
	jwk  map[string]string
	want string
} {
	good := rsaKey.key.(*rsa.PrivateKey)
	n := base64url(good.N.Bytes())
	p := prime1024
	next := new(big.Int).Add(p, big.NewInt(2))
	for !next.ProbablyPrime(5) {
		next.Add(next, big.NewInt(2))
	}
	even := new(big.Int).Lsh(p, 1024)
	small := new(big.Int).Mul(new(big.Int).Rsh(prime2048, 10), big.NewInt(1999))
	type c = struct {
		jwk  map[string]string
		want string
	}
	return map[string]c{
		"no modulus":                  {changed(rsaKey, "n", ""), "n: want a positive number"},
		"no exponent":                 {changed(rsaKey, "e", ""), "e: want a positive number"},
		"a modulus of zero":           {changed(rsaKey, "n", "AA"), "n: want a positive number"},
		"a modulus with a zero":       {changed(rsaKey, "n", base64url(append([]byte{0}, good.N.Bytes()...))), "n: want a positive number without zeros"},
		"an exponent with zeros":      {changed(rsaKey, "e", "AAEAAQ"), "e: want a positive number without zeros"},
		"a modulus in base64":         {changed(rsaKey, "n", "+/"+n[2:]), "n: want base64url"},
		"a padded modulus":            {changed(rsaKey, "n", n+"="), "n: want base64url"},
		"1,024 bits":                  {changed(rsaKey, "n", product(prime(t, 512), prime(t, 512))), "n: want 2048 to 4096 bits, got 1024"},
		"2,047 bits":                  {changed(rsaKey, "n", base64url(new(big.Int).Rsh(good.N, 1).Bytes())), "n: want 2048 to 4096 bits, got 2047"},
		"8,192 bits":                  {changed(rsaKey, "n", base64url(new(big.Int).Lsh(good.N, 6144).Bytes())), "n: want 2048 to 4096 bits, got 8192"},
		"an endless modulus":          {changed(rsaKey, "n", strings.Repeat("7A", 50000)), "n: want 2048 to 4096 bits"},
		"an even modulus":             {changed(rsaKey, "n", base64url(even.Bytes())), "anybody factors"},
		"a small factor":              {changed(rsaKey, "n", base64url(small.Bytes())), "anybody factors"},
		"a prime":                     {changed(rsaKey, "n", base64url(prime2048.Bytes())), "anybody factors"},
		"a square":                    {changed(rsaKey, "n", product(p, p)), "anybody factors"},
		"two primes side by side":     {changed(rsaKey, "n", product(p, next)), "anybody factors"},
		"an exponent of 1":            {changed(rsaKey, "e", "AQ"), "e: want an odd number from 65537"},
		"an exponent of 3":            {changed(rsaKey, "e", "Aw"), "e: want an odd number from 65537"},
		"an even exponent":            {changed(rsaKey, "e", "AQAC"), "e: want an odd number from 65537"},
		"an exponent of 2^31 + 1":     {changed(rsaKey, "e", "gAAAAQ"), "e: want an odd number from 65537"},
		"an exponent of 4,096 bits":   {changed(rsaKey, "e", strings.Repeat("_", 682)), "e: want"},
		"a longer hash":               {changed(rsaKey, "alg", "RS512"), `alg "RS512": want RS256 or PS256`},
		"an algorithm of encryption":  {changed(rsaKey, "alg", "RSA-OAEP"), `alg "RSA-OAEP": want RS256 or PS256`},
		"the algorithm of secrets":    {changed(rsaKey, "alg", "HS256"), `alg "HS256": want RS256 or PS256`},
		"the algorithm of curves":     {changed(rsaKey, "alg", "ES256"), `alg "ES256": want RS256 or PS256`},
		"no algorithm, none":          {changed(rsaKey, "alg", "none"), `alg "none": want RS256 or PS256`},
		"another use":                 {changed(rsaKey, "use", "enc"), `use "enc"`},
		"a private exponent":          {changed(rsaKey, "d", n), "d: a private part"},
		"a factor":                    {changed(rsaKey, "p", n), "p: a private part"},
		"a secret":                    {changed(rsaKey, "k", n), "k: a private part"},
		"the type in another case":    {changed(rsaKey, "kty", "rsa"), `kty "rsa"`},
		"the type of a curve":         {changed(rsaKey, "kty", "EC"), `kty "EC" crv ""`},
		"the type of a secret":        {changed(rsaKey, "kty", "oct"), "k: want at least 32 bytes"},
		"a modulus of a PS256 of 512": {changed(pssKey, "n", product(prime(t, 256), prime(t, 256))), "n: want 2048"},
	}
}

// weakEC are keys of curves that are none.
func weakEC() map[string]struct {
	jwk  map[string]string
	want string
} {
	k := ecKey.key.(*ecdsa.PrivateKey)
	x, y := point(k)[1:33], point(k)[33:]
	p := elliptic.P256().Params().P
	type c = struct {
		jwk  map[string]string
		want string
	}
	return map[string]c{
		"no x":                      {changed(ecKey, "x", ""), "x: want 32 bytes, got 0"},
		"no y":                      {changed(ecKey, "y", ""), "y: want 32 bytes, got 0"},
		"no curve":                  {changed(ecKey, "crv", ""), `kty "EC" crv ""`},
		"a longer curve":            {changed(ecKey, "crv", "P-384"), `kty "EC" crv "P-384"`},
		"Bitcoin's curve":           {changed(ecKey, "crv", "secp256k1"), `kty "EC" crv "secp256k1"`},
		"Ed25519's curve":           {changed(ecKey, "crv", "Ed25519"), `kty "EC" crv "Ed25519"`},
		"the origin":                {changed(ecKey, "x", base64url(make([]byte, 32)), "y", base64url(make([]byte, 32))), "not a point of P-256"},
		"a point beside the curve":  {changed(ecKey, "y", base64url(append(slices.Clone(y[:31]), y[31]^1))), "not a point of P-256"},
		"the halves exchanged":      {changed(ecKey, "x", base64url(y), "y", base64url(x)), "not a point of P-256"},
		"a half past the field":     {changed(ecKey, "x", base64url(p.Bytes())), "not a point of P-256"},
		"all ones":                  {changed(ecKey, "x", strings.Repeat("_", 42)+"8", "y", strings.Repeat("_", 42)+"8"), "not a point of P-256"},
		"a half of 31 bytes":        {changed(ecKey, "x", base64url(x[1:])), "x: want 32 bytes, got 31"},
		"a half of 33 bytes":        {changed(ecKey, "x", base64url(append([]byte{0}, x...))), "x: want 32 bytes, got 33"},
		"a whole point for a half":  {changed(ecKey, "x", base64url(point(k))), "x: want 32 bytes, got 65"},
		"a private part":            {changed(ecKey, "d", base64url(x)), "d: a private part"},
		"another algorithm":         {changed(ecKey, "alg", "ES384"), `alg "ES384": want ES256`},
		"the algorithm of Ed25519":  {changed(ecKey, "alg", "EdDSA"), `alg "EdDSA": want ES256`},
		"another use":               {changed(ecKey, "use", "enc"), `use "enc"`},
		"the type of Ed25519":       {changed(ecKey, "kty", "OKP"), `kty "OKP" crv "P-256"`},
		"the curve of key exchange": {changed(publicKey, "crv", "X25519"), `kty "OKP" crv "X25519"`},
	}
}

func TestAPublicKeyThatGuardsNothingIsRefused(t *testing.T) {
	t.Parallel()
	weak := weakRSA(t)
	maps.Copy(weak, weakEC())
	for name, c := range weak {
		raw, err := json.Marshal(map[string]any{"keys": []any{c.jwk}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := token.NewVerifier(raw, ours); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, in a file: got %v, want %q in it", name, err, c.want)
		}
		v := verifier(t, secretKey)
		if got, err := v.Adopt(raw); err == nil || got.Changed || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, published: got %+v, %v, want it refused with %q", name, got, err, c.want)
		}
		if len(v.Fingerprints()) != 1 {
			t.Errorf("%s: got keys %v, want the secret alone", name, v.Fingerprints())
		}
	}
}

func TestPublicKeysOfUsualSizesAreGood(t *testing.T) {
	t.Parallel()
	for _, k := range []map[string]string{
		rsaKey.jwk(), pssKey.jwk(), ecKey.jwk(), publicKey.jwk(), changed(rsaKey, "alg", ""), changed(ecKey, "alg", "", "use", "sig"),
		changed(rsaKey, "x5c", "", "x5t", "AA", "x5u", "https://login.example.com/chain"),
		{"kty": "RSA", "e": "AQAB", "n": base64url(newRSA(4096).N.Bytes())},
	} {
		raw, err := json.Marshal(map[string]any{"keys": []any{k}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := token.NewVerifier(raw, ours); err != nil {
			t.Errorf("%v: got %v, want it accepted", k, err)
		}
	}
}

// A token can't choose the padding: a key without alg is for RS256.
func TestAnRSAKeyHasOneAlgorithm(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(map[string]any{"keys": []any{changed(pssKey, "alg", "")}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(raw, ours)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(pssKey.sign(t, pssKey.header(), claims()), noon.Time()); err == nil {
		t.Error("got PS256 accepted with a key that is not for it")
	}
}
