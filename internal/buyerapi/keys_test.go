package buyerapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/buyerapi"
)

func TestAKeySetThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	short, public := base64url(make([]byte, 31)), base64url(make([]byte, 31))
	for name, c := range map[string]struct {
		set, audience string
		want          []string // every fault at once
	}{
		"no JSON":             {"x", "onsale", []string{"not a JSON Web Key Set"}},
		"a tail":              {`{"keys":[]}{}`, "onsale", []string{"not a JSON Web Key Set"}},
		"nothing":             {`{}`, "", []string{"no keys", "no audience"}},
		"a short secret":      {`{"keys":[{"kty":"oct","kid":"a","k":"` + short + `"}]}`, "onsale", []string{"key 0 (a)"}},
		"a secret in base64":  {`{"keys":[{"kty":"oct","kid":"a","k":"` + strings.Repeat("+/", 30) + `"}]}`, "onsale", []string{"key 0 (a)"}},
		"a short public key":  {`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"b","x":"` + public + `"}]}`, "onsale", []string{"key 0 (b)"}},
		"other kinds of keys": {`{"keys":[{"kty":"RSA","kid":"r"},{"kty":"OKP","crv":"X25519","kid":"x"}]}`, "onsale", []string{"key 0 (r)", "key 1 (x)"}},
		"several faults":      {`{"keys":[{"kty":"oct","kid":"a"},{"kty":"EC","kid":"e"}]}`, "", []string{"no audience", "key 0 (a)", "key 1 (e)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := buyerapi.NewVerifier([]byte(c.set), c.audience)
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
	if _, err := buyerapi.LoadVerifier(file, "onsale"); err == nil {
		t.Error("got no error for a file that is not there")
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := buyerapi.LoadVerifier(file, "onsale"); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want the file named", err)
	}
	if err := os.WriteFile(file, keySet(t, secretKey), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := buyerapi.LoadVerifier(file, "onsale")
	if err != nil {
		t.Fatal(err)
	}
	if buyer, err := v.Verify(token(t, "alice"), noon.Time()); err != nil || buyer != "alice" {
		t.Errorf("got %q, %v, want alice", buyer, err)
	}
}
