package node

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/proof"
)

func TestTheFlagsDecideWhatBuyersProve(t *testing.T) {
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	keys := write(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))) + "\n")
	secret := write("the provider's-secret")
	good := write("the-provider's-secret\n")
	const url = "https://captcha.example/siteverify"
	for name, c := range map[string]struct {
		flags ProofFlags
		want  string // a fault, or the kind
	}{
		"nothing":                              {ProofFlags{}, "none"},
		"work":                                 {ProofFlags{Keys: keys, Easy: 1, Hard: 2, Capacity: 3}, "work"},
		"a provider":                           {ProofFlags{SiteverifyURL: url, SiteverifySecret: good, FailOpen: true}, "siteverify"},
		"both":                                 {ProofFlags{Keys: keys, SiteverifyURL: url}, "give one of the two"},
		"no such keys":                         {ProofFlags{Keys: keys + "x"}, "no such file"},
		"challenges that are easier when hard": {ProofFlags{Keys: keys, Easy: 2, Hard: 1, Capacity: 3}, "want 1 to 1"},
		"too hard":                             {ProofFlags{Keys: keys, Easy: 1, Hard: 80_001, Capacity: 3}, "at most 80000"},
		"a provider in the clear":              {ProofFlags{SiteverifyURL: "http://captcha.example", SiteverifySecret: good}, "want https"},
		"a provider without a secret":          {ProofFlags{SiteverifyURL: url}, "--siteverify-secret-file"},
		"a secret with a blank":                {ProofFlags{SiteverifyURL: url, SiteverifySecret: secret}, "without a blank"},
		"a secret without a provider":          {ProofFlags{SiteverifySecret: good}, "give --siteverify-url"},
		"open without a provider":              {ProofFlags{FailOpen: true}, "give --siteverify-url"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := c.flags.Verifier(zap.NewNop(), func(proof.Decision) {})
			got := ""
			switch v.(type) {
			case proof.None:
				got = "none"
			case *proof.Work:
				got = "work"
			case *proof.Siteverify:
				got = "siteverify"
			}
			if err != nil {
				got = err.Error()
			}
			if (err != nil) != (v == nil) || !strings.Contains(got, c.want) {
				t.Errorf("got %v, %v, want %s", v, err, c.want)
			}
		})
	}
}

// An operator has to see that the provider is away, and why, in a few lines however many join.
func TestAnOutageOfTheProviderIsLoggedOnce(t *testing.T) {
	provider := httptest.NewServer(http.NotFoundHandler())
	defer provider.Close()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("the-provider's-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.InfoLevel)
	var unjudged [proof.Decisions]int
	v, err := ProofFlags{SiteverifyURL: provider.URL, SiteverifySecret: file}.Verifier(zap.New(core), func(d proof.Decision) { unjudged[d]++ })
	if err != nil {
		t.Fatal(err)
	}
	defer v.(*proof.Siteverify).Close()
	for range 6 {
		if err := v.Verify(t.Context(), "s", "alice", "x", "", 0); err == nil {
			t.Fatal("got nil, want an error")
		}
	}
	lines := logs.All()
	if len(lines) == 0 || lines[0].ContextMap()["state"] != "open" || !strings.Contains(lines[0].ContextMap()["last_failure"].(string), "404") || len(lines) > 3 {
		t.Errorf("got %v, want a line with the state open and the provider's 404", lines)
	}
	if unjudged != [...]int{proof.Rejected: 6, proof.Admitted: 0} {
		t.Errorf("got %v, want six proofs that were not judged, and no buyer admitted", unjudged)
	}
}
