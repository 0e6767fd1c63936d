package token_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/token"
)

func TestAKeySetThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	short, public, secret := base64url(make([]byte, 31)), base64url(make([]byte, 31)), base64url(secretKey.key.([]byte))
	jwk := `{"kty":"oct","kid":"a","k":"` + secret + `"}`
	oct := func(more string) string {
		return `{"keys":[{"kty":"oct","kid":"a","k":"` + secret + `",` + more + `}]}`
	}
	okp := func(more string) string {
		return `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"` + publicKey.jwk()["x"] + `",` + more + `}]}`
	}
	for name, c := range map[string]struct {
		set, audience string
		want          []string // every fault at once
	}{
		"no JSON":                           {"x", "onsale", []string{"not a JSON Web Key Set"}},
		"a tail":                            {`{"keys":[]}{}`, "onsale", []string{"not a JSON Web Key Set"}},
		"nothing":                           {`{}`, "", []string{"no keys", "no audience"}},
		"a short secret":                    {`{"keys":[{"kty":"oct","kid":"a","k":"` + short + `"}]}`, "onsale", []string{"key 0 (a)"}},
		"a secret in base64":                {`{"keys":[{"kty":"oct","kid":"a","k":"` + strings.Repeat("+/", 30) + `"}]}`, "onsale", []string{"key 0 (a)"}},
		"a short public key":                {`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"b","x":"` + public + `"}]}`, "onsale", []string{"key 0 (b)"}},
		"other kinds of keys":               {`{"keys":[{"kty":"RSA","kid":"r"},{"kty":"OKP","crv":"X25519","kid":"x"}]}`, "onsale", []string{"key 0 (r)", "key 1 (x)"}},
		"keys of null":                      {`{"keys":null}`, "onsale", []string{"no keys"}},
		"keys of another type":              {`{"keys":{"kty":"oct"}}`, "onsale", []string{"not a JSON Web Key Set"}},
		"a key of null":                     {`{"keys":[null]}`, "onsale", []string{"key 0"}},
		"a key by itself":                   {`{"kty":"oct","k":"` + secret + `"}`, "onsale", []string{`unknown member "k"`, `unknown member "kty"`, "no keys"}},
		"a list":                            {`[]`, "onsale", []string{"not a JSON Web Key Set"}},
		"keys given twice":                  {`{"keys":[],"keys":[{"kty":"oct","kid":"a","k":"` + secret + `"}]}`, "onsale", []string{`"keys" is there twice`}},
		"a part given twice":                {oct(`"k":"` + short + `"`), "onsale", []string{`"k" is there twice`}},
		"names in another case":             {`{"keys":[{"kty":"oct","kid":"a","K":"` + secret + `"}]}`, "onsale", []string{"k: want at least 32", `unknown member "K"`}},
		"an unknown member":                 {oct(`"us":"sig"`), "onsale", []string{`key 0 (a): unknown member "us"`}},
		"an unknown member beside keys":     {`{"keys":[` + jwk + `],"issuer":"x"}`, "onsale", []string{`unknown member "issuer"`}},
		"a secret of zeros":                 {`{"keys":[{"kty":"oct","kid":"a","k":"` + base64url(make([]byte, 32)) + `"}]}`, "onsale", []string{"key 0 (a): k: want random bytes"}},
		"a secret that repeats":             {`{"keys":[{"kty":"oct","kid":"a","k":"` + base64url([]byte(strings.Repeat("secret", 10))) + `"}]}`, "onsale", []string{"k: want random bytes"}},
		"a padded secret":                   {`{"keys":[{"kty":"oct","kid":"a","k":"` + secret + `="}]}`, "onsale", []string{"k: want base64url"}},
		"a secret with a line end":          {`{"keys":[{"kty":"oct","kid":"a","k":"` + secret + `\n"}]}`, "onsale", []string{"k: want base64url"}},
		"no secret":                         {`{"keys":[{"kty":"oct","kid":"a"}]}`, "onsale", []string{"k: want at least 32 bytes"}},
		"a secret that is a number":         {`{"keys":[{"kty":"oct","kid":"a","k":7}]}`, "onsale", []string{"k: want a text"}},
		"a key for encryption":              {oct(`"use":"enc"`), "onsale", []string{`use "enc"`}},
		"a public key for encryption":       {okp(`"use":"enc"`), "onsale", []string{`use "enc"`}},
		"a use of null":                     {oct(`"use":null`), "onsale", []string{"use: want a text"}},
		"operations without verify":         {oct(`"key_ops":["sign"]`), "onsale", []string{"key_ops: want a list with verify"}},
		"no operations":                     {oct(`"key_ops":[]`), "onsale", []string{"key_ops: want a list with verify"}},
		"operations in text":                {oct(`"key_ops":"verify"`), "onsale", []string{"key_ops: want a list"}},
		"an operation of another kind":      {oct(`"key_ops":["verify","wrapKey"]`), "onsale", []string{`key_ops: "wrapKey"`}},
		"a public key that signs":           {okp(`"key_ops":["verify","sign"]`), "onsale", []string{`key_ops: "sign"`}},
		"an operation twice":                {oct(`"key_ops":["verify","verify"]`), "onsale", []string{`key_ops: "verify"`}},
		"another algorithm":                 {oct(`"alg":"HS512"`), "onsale", []string{`alg "HS512": want HS256`}},
		"a secret for signatures by a pair": {oct(`"alg":"EdDSA"`), "onsale", []string{`alg "EdDSA": want HS256`}},
		"a public key as a secret":          {okp(`"alg":"HS256"`), "onsale", []string{`alg "HS256": want EdDSA`}},
		"a private part":                    {okp(`"d":"` + secret + `"`), "onsale", []string{"key 0 (a): d: a private part"}},
		"a key id twice":                    {`{"keys":[` + jwk + `,` + jwk + `]}`, "onsale", []string{"key 1 (a): kid: another key"}},
		"two keys without an id":            {`{"keys":[{"kty":"oct","k":"` + secret + `"},{"kty":"oct","k":"` + secret + `"}]}`, "onsale", []string{"key 1 (): kid: another key"}},
		"a key id that is a number":         {`{"keys":[{"kty":"oct","kid":7,"k":"` + secret + `"}]}`, "onsale", []string{"kid: want a text"}},
		"a secret with a public part":       {oct(`"x":"` + secret + `"`), "onsale", []string{`unknown member "x"`}},
		"half a surrogate pair":             {oct(`"x5u":"\ud800"`), "onsale", []string{"half of a surrogate pair"}},
		"bytes that are not UTF-8":          {oct("\"x5u\":\"\xff\""), "onsale", []string{"not UTF-8"}},
		"several faults of one key":         {okp(`"use":"enc","d":"x","alg":"RS256","y":"x"`), "onsale", []string{"use", "d: a private part", "alg", `"y"`}},
		"several faults":                    {`{"keys":[{"kty":"oct","kid":"a"},{"kty":"EC","kid":"e"}]}`, "", []string{"no audience", "key 0 (a)", "key 1 (e)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := token.NewVerifier([]byte(c.set), token.Config{Audiences: []string{c.audience}})
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
}

func TestAKeySetIsReadFromAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys.json")
	if _, err := token.LoadVerifier(file, ours); err == nil {
		t.Error("got no error for a file that is not there")
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := token.LoadVerifier(file, ours); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want the file named", err)
	}
	if err := os.WriteFile(file, keySet(t, secretKey), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := token.LoadVerifier(file, ours)
	if err != nil {
		t.Fatal(err)
	}
	if buyer, err := v.Verify(tokenOf(t, "alice"), noon.Time()); err != nil || buyer != "alice" {
		t.Errorf("got %q, %v, want alice", buyer, err)
	}
}

// With a public key of low order anybody makes a signature that verifies; and a key that
// is no point verifies nothing.
func TestAPublicKeyThatAnybodyCanSignForIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ public, want string }{
		// The eight points of low order, as libsodium lists them.
		{"0100000000000000000000000000000000000000000000000000000000000000", "low order"},
		{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "low order"},
		{"0000000000000000000000000000000000000000000000000000000000000000", "low order"},
		{"0000000000000000000000000000000000000000000000000000000000000080", "low order"},
		{"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "low order"},
		{"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", "low order"},
		{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "low order"},
		{"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", "low order"},
		// The same points, and others, in an encoding that is not theirs.
		{"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "not a point"},
		{"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "not a point"},
		{"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "not a point"},
		{"0100000000000000000000000000000000000000000000000000000000000080", "not a point"},
		{"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "not a point"},
		{"0200000000000000000000000000000000000000000000000000000000000000", "not a point"},
	} {
		raw, err := hex.DecodeString(c.public)
		if err != nil {
			t.Fatal(err)
		}
		set := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"` + base64url(raw) + `"}]}`
		if _, err := token.NewVerifier([]byte(set), ours); err == nil || !strings.Contains(err.Error(), "key 0 (a): x: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.public, err, c.want)
		}
	}
}

func TestAKeySetMayHaveWhatTheStandardNames(t *testing.T) {
	t.Parallel()
	set := `{"keys":[{"kty":"oct","kid":"a","k":"` + base64url(secretKey.key.([]byte)) + `","alg":"HS256","use":"sig","key_ops":["sign","verify"]},` +
		`{"kty":"OKP","crv":"Ed25519","kid":"b","x":"` + publicKey.jwk()["x"] + `","alg":"EdDSA","use":"sig","key_ops":["verify"],"x5t":"AA","x5c":["AA"]}]}`
	if _, err := token.NewVerifier([]byte(set), ours); err != nil {
		t.Error(err)
	}
}
