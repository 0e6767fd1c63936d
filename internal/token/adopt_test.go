package token_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"onsale/internal/token"
)

// unusable are keys as identity providers publish them beside those that sign tokens for us.
func unusable(t testing.TB) []map[string]string {
	t.Helper()
	return []map[string]string{
		changed(rsaKey, "kid", "encryption", "use", "enc", "alg", "RSA-OAEP"),
		changed(rsaKey, "kid", "longer", "alg", "RS512"),
		changed(ecKey, "kid", "curve", "crv", "P-521", "alg", "ES512"),
		{"kty": "AKP", "kid": "future", "alg": "ML-DSA-44", "pub": "AA"},
		{"kty": "oct", "kid": "secret", "alg": "HS256", "k": base64url(otherSecret.key.([]byte))},
		changed(rsaKey, "kid", "private", "d", "AQAB"),
		changed(rsaKey, "alg", "RS256", "use", "sig"), // the id of rsaKey again
		changed(ecKey, "kid", "weak", "x", base64url(make([]byte, 32))),
		{},
	}
}

func jwks(t testing.TB, keys ...map[string]string) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"keys": keys, "expires": "never"})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestKeysThatCannotBeUsedAreLeftOut(t *testing.T) {
	t.Parallel()
	v := verifier(t, secretKey)
	good := changed(rsaKey, "use", "sig", "issuer", "https://login.example.com", "x5t", "AA", "cloud_instance_name", "example")
	other := unusable(t)
	got, err := v.Adopt(jwks(t, append([]map[string]string{good}, other...)...))
	if err != nil || !got.Changed || len(got.LeftOut) < len(other) {
		t.Errorf("got %+v, %v, want each of %d keys left out", got, err, len(other))
	}
	for i := range other {
		if !strings.Contains(errors.Join(got.LeftOut...).Error(), fmt.Sprintf("key %d (", i+1)) {
			t.Errorf("key %d is not named in %v", i+1, got.LeftOut)
		}
	}
	if got := v.Fingerprints(); len(got) != 2 {
		t.Errorf("got keys %v, want the file's and the one that can be used", got)
	}
	for _, s := range []signer{secretKey, rsaKey} {
		if _, err := v.Verify(s.sign(t, s.header(), claims()), noon.Time()); err != nil {
			t.Errorf("%s: got %v, want it accepted", s.id, err)
		}
	}
	for _, s := range []signer{otherSecret, {"private", rsaKey.method, rsaKey.key}, {"encryption", rsaKey.method, rsaKey.key}, {"weak", ecKey.method, ecKey.key}} {
		if _, err := v.Verify(s.sign(t, s.header(), claims()), noon.Time()); !errors.Is(err, token.ErrToken) {
			t.Errorf("%s: got %v, want ErrToken", s.id, err)
		}
	}
}

func TestAKeySetWithoutAUsableKeyChangesNothing(t *testing.T) {
	t.Parallel()
	v := verifier(t)
	if _, err := v.Adopt(keySet(t, rsaKey)); err != nil {
		t.Fatal(err)
	}
	before, none := v.Fingerprints(), unusable(t)
	many := make([]map[string]string, 65)
	for i := range many {
		many[i] = changed(ecKey, "kid", fmt.Sprint(i))
	}
	for what, raw := range map[string][]byte{
		"nothing": nil, "no JSON": []byte("<html>down for maintenance</html>"), "no keys": jwks(t), "no list": []byte(`{"keys":{}}`), "null": []byte("null"),
		"no object": []byte(`[]`), "a key of null": []byte(`{"keys":[null]}`), "a number for a key": []byte(`{"keys":[1]}`), "none that can be used": jwks(t, slices.Concat(none[:6], none[7:])...),
		"a member twice": []byte(`{"keys":[],` + string(keySet(t, otherRSA))[1:]), "a tail": append(keySet(t, otherRSA), "{}"...), "65 keys": jwks(t, many...),
		"brackets": []byte(strings.Repeat("[", 100000)), "a part": keySet(t, otherRSA)[:200],
	} {
		if got, err := v.Adopt(raw); err == nil || got.Changed {
			t.Errorf("%s: got %+v, %v, want an error", what, got, err)
		}
		if !slices.Equal(v.Fingerprints(), before) {
			t.Fatalf("%s: got other keys", what)
		}
	}
	if got, err := v.Adopt(jwks(t, many[:64]...)); err != nil || !got.Changed {
		t.Errorf("64 keys: got %+v, %v, want them adopted", got, err)
	}
}

// Some providers publish a key for each algorithm under one id, and some give theirs no id.
func TestPublishedKeysMayShareAnID(t *testing.T) {
	t.Parallel()
	v := verifier(t)
	same := changed(pssKey, "kid", "rsa")
	nameless, other := changed(ecKey, "kid", ""), changed(otherEC, "kid", "")
	if got, err := v.Adopt(jwks(t, rsaKey.jwk(), same, nameless, other)); err != nil || len(got.LeftOut) > 0 {
		t.Fatalf("got %+v, %v, want all keys", got, err)
	}
	for _, s := range []signer{rsaKey, {"rsa", pssKey.method, pssKey.key}} {
		if _, err := v.Verify(s.sign(t, s.header(), claims()), noon.Time()); err != nil {
			t.Errorf("%s: got %v, want it accepted", s.header(), err)
		}
	}
	for _, s := range []signer{ecKey, otherEC} {
		if _, err := v.Verify(s.sign(t, `{"alg":"ES256"}`, claims()), noon.Time()); err != nil {
			t.Errorf("without an id: got %v, want it accepted", err)
		}
	}
}

func TestWithoutKeysNobodyIsIdentified(t *testing.T) {
	t.Parallel()
	v, err := token.LoadVerifier("", ours)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range everyone {
		if got, err := v.Verify(s.sign(t, s.header(), claims()), noon.Time()); !errors.Is(err, token.ErrToken) || got != "" {
			t.Errorf("%s: got %q, %v, want ErrToken", s.id, got, err)
		}
	}
}

// Only a key id that an issuer may have published since is reason to ask for its keys.
func TestOnlyUnknownKeyIDsAskForKeys(t *testing.T) {
	t.Parallel()
	v := verifier(t, everyone...)
	asked := 0
	v.SetHooks(token.Hooks{Unknown: func() { asked++ }})
	for _, text := range []string{
		tokenOf(t, "alice"), otherRSA.sign(t, rsaKey.header(), claims()), otherRSA.sign(t, `{"alg":"RS256"}`, claims()),
		otherSecret.sign(t, `{"alg":"HS256","kid":"new"}`, claims()), rsaKey.sign(t, `{"alg":"none","kid":"new"}`, claims()),
		rsaKey.sign(t, `{"alg":"RS512","kid":"new"}`, claims()), rsaKey.sign(t, `{"alg":"RS256","kid":7}`, claims()), "a.b.c", "",
	} {
		_, _ = v.Verify(text, noon.Time())
	}
	if asked != 0 {
		t.Errorf("got %d calls, want none for keys that no address has", asked)
	}
	for _, s := range public {
		_, err := v.Verify(s.sign(t, `{"alg":"`+s.method.Alg()+`","kid":"new"}`, claims()), noon.Time())
		if !errors.Is(err, token.ErrToken) || !strings.Contains(err.Error(), "kid: ") || !strings.Contains(err.Error(), "send the token again") {
			t.Errorf("got %v, want what to do about a new key", err)
		}
	}
	if asked != len(public) {
		t.Errorf("got %d calls, want %d", asked, len(public))
	}
}

func TestAPublishedKeyNeverReplacesTheFiles(t *testing.T) {
	t.Parallel()
	v := verifier(t, ecKey)
	impostor := signer{"ec", jwt.SigningMethodES256, otherEC.key}
	if _, err := v.Adopt(keySet(t, impostor)); err != nil {
		t.Fatal(err)
	}
	for _, s := range []signer{ecKey, impostor} {
		if _, err := v.Verify(s.sign(t, s.header(), claims()), noon.Time()); err != nil {
			t.Errorf("got %v, want the keys of both accepted", err)
		}
	}
}
