package token_test

import (
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"onsale/internal/token"
)

// mirrored is the other signature that the same key of a curve makes of the same token.
func mirrored(text string) string {
	raw := signature(text)
	s := new(big.Int).SetBytes(raw[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(raw[32:])
	return text[:strings.LastIndexByte(text, '.')+1] + base64url(raw)
}

func FuzzVerify(f *testing.F) {
	v, forgetful := verifier(f, everyone...), verifier(f)
	if _, err := forgetful.Adopt(keySet(f, public...)); err != nil {
		f.Fatal(err)
	}
	good := map[string]bool{}
	for _, s := range everyone {
		text := s.sign(f, s.header(), claims())
		f.Add(text)
		good[text] = true
		if s.id == ecKey.id {
			good[mirrored(text)] = true
		}
	}
	for _, tokens := range []map[string]string{hostile(f), confused(f)} {
		for _, text := range tokens {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		for range 2 { // the second time it is remembered
			for _, v := range []*token.Verifier{v, forgetful} {
				buyer, err := v.Verify(text, noon.Time())
				switch {
				case err != nil && (buyer != "" || !errors.Is(err, token.ErrToken)):
					t.Errorf("got buyer %q with %v, want none and ErrToken", buyer, err)
				case err == nil && (!good[text] || buyer != "alice"): // nobody here signs anything but the seeds
					t.Errorf("%q: got buyer %q, want what nobody signed refused", text, buyer)
				}
			}
		}
	})
}

// Whatever a provider publishes, it makes no key of which strangers know the private part, and what a file
// may have, an address may publish, but for secrets.
func FuzzAdopt(f *testing.F) {
	f.Add(string(keySet(f, everyone...)))
	f.Add(string(jwks(f, unusable(f)...)))
	weak := weakRSA(f)
	for what, c := range weakEC() {
		weak[what] = c
	}
	for _, c := range weak {
		if n := c.jwk["n"]; len(n) > 1000 {
			continue // its length is what is wrong with it
		}
		raw, err := json.Marshal(map[string]any{"keys": []any{c.jwk}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	forged := confused(f)
	f.Fuzz(func(t *testing.T, raw string) {
		v, err := token.NewVerifier([]byte(raw), ours)
		file := err == nil
		if err != nil {
			v = verifier(t)
		}
		got, err := v.Adopt([]byte(raw))
		if file && err != nil && !strings.Contains(err.Error(), "kty oct") || (err == nil) != got.Changed && !file {
			t.Errorf("got %+v, %v, where the file was good: %v", got, err, file)
		}
		for _, name := range []string{"RS256 of another's key", "ES256 of a signature of zeros", "HS256 of another's key", "EdDSA of another's key", "ES256 of ones"} {
			if _, err := v.Verify(forged[name], noon.Time()); forged[name] == "" || err == nil {
				t.Errorf("%s: got it accepted with %q", name, raw)
			}
		}
	})
}
