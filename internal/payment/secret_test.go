package payment_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/payment"
)

// whsec is the text of a secret with n bytes of key, each of them b.
func whsec(n int, b byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), n)))
}

func TestParseSecret(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string // in the error; empty: none
	}{
		"24 bytes are enough":               {whsec(24, 'k'), ""},
		"64 bytes are not too many":         {whsec(64, 'k'), ""},
		"23 bytes are too few":              {whsec(23, 'k'), "24 to 64 bytes of key, got 23"},
		"65 bytes are too many":             {whsec(65, 'k'), "24 to 64 bytes of key, got 65"},
		"nothing is no secret":              {"", "starts with whsec_"},
		"a prefix is no secret":             {"whsec_", "got 0"},
		"the prefix must be there":          {whsec(24, 'k')[6:], "starts with whsec_"},
		"the prefix is in lower case":       {strings.ToUpper(whsec(24, 'k')[:6]) + whsec(24, 'k')[6:], "starts with whsec_"},
		"a signing key of v1a is no secret": {"whsk_" + whsec(24, 'k')[6:], "starts with whsec_"},
		"the padding must be there":         {strings.TrimRight(whsec(25, 'k'), "="), "padding"},
		"base64 for addresses is refused":   {"whsec_" + strings.Repeat("-_-_", 8), "standard base64"},
		"stray bits at the end are refused": {"whsec_" + strings.Repeat("A", 38) + "9=", "standard base64"},
		"a line end is refused":             {whsec(24, 'k') + "\n", "standard base64"},
		"a blank is refused":                {whsec(24, 'k') + " ", "standard base64"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := payment.ParseSecret(c.text)
			switch {
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want an error with %q", err, c.want)
			case c.want == "" && err != nil:
				t.Errorf("got %v, want a secret", err)
			case err == nil && s.Reveal() != c.text:
				t.Errorf("got %q revealed, want %q", s.Reveal(), c.text)
			case err != nil && len(c.text) > 6 && strings.Contains(err.Error(), c.text[6:]):
				t.Errorf("got the secret in an error, want it kept: %v", err)
			}
		})
	}
}

func TestNewSecretsDifferAndParse(t *testing.T) {
	one, other := payment.NewSecret().Reveal(), payment.NewSecret().Reveal()
	if one == other {
		t.Errorf("got %q twice, want another secret each time", one)
	}
	if got := secret(t, one).Reveal(); got != one {
		t.Errorf("got %q, want %q", got, one)
	}
}

// A secret in a log is a secret lost: anyone who reads it can report an order as paid.
func TestPrintingHidesSecrets(t *testing.T) {
	const key = "the key that nobody may see"
	text := "whsec_" + base64.StdEncoding.EncodeToString([]byte(key))
	s := secret(t, text)
	type hidden struct{ secrets payment.Secrets }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%o", "%08b", "%t", "%p"} {
		for _, value := range []any{s, &s, payment.Secrets{s}, hidden{payment.Secrets{s}}, &hidden{payment.Secrets{s}}, map[string]any{"s": s}} {
			got := fmt.Sprintf(verb, value)
			for _, revealed := range []string{
				text[6:], key, fmt.Sprintf("%x", key), fmt.Sprintf("%X", key),
				strings.Trim(fmt.Sprintf(verb, []byte(key)), "[]"),
				strings.Trim(fmt.Sprintf("%#v", []byte(key)), "[]byte{}"),
			} {
				if strings.Contains(got, revealed) {
					t.Errorf("%s of %T: got %q, want no key in it", verb, value, got)
				}
			}
		}
	}
	if got, err := json.Marshal(payment.Secrets{s}); err != nil || strings.Contains(string(got), text[6:]) {
		t.Errorf("got %s, %v, want JSON without the key", got, err)
	}
	if got := s.String(); !strings.Contains(got, "hidden") {
		t.Errorf("got %q, want \"hidden\" in it", got)
	}
}

func load(t *testing.T, lines ...string) (payment.Secrets, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return payment.LoadSecrets(file)
}

func TestLoadSecretsKeepsTheirOrder(t *testing.T) {
	first, second := whsec(32, 'b'), whsec(32, 'a')
	secrets, err := load(t, "# since May", first, "", "  \t", " "+second+"\r", "#"+whsec(32, 'c'))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range secrets {
		got = append(got, s.Reveal())
	}
	if want := []string{first, second}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLoadSecretsReportsEveryFaultByItsLine(t *testing.T) {
	short := whsec(20, 's')
	secrets, err := load(t, whsec(32, 'a'), "", "# a comment", short, "typing error", whsec(32, 'a'))
	if err == nil {
		t.Fatalf("got %v, want faults", secrets)
	}
	for _, want := range []string{"secrets, line 4: want 24", "line 5: want a secret", "line 6: this secret stands above"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	for _, kept := range []string{short[6:], "typing", whsec(32, 'a')[6:], "line 1", "line 2", "line 3"} {
		if strings.Contains(err.Error(), kept) {
			t.Errorf("got %v, want nothing of %q", err, kept)
		}
	}
	if secrets != nil {
		t.Errorf("got %d secrets with faults, want none", len(secrets))
	}
}

func TestLoadSecretsBoundsTheirNumber(t *testing.T) {
	var lines []string
	for i := range payment.MaxSecrets {
		lines = append(lines, whsec(32, byte('a'+i)))
	}
	if got, err := load(t, lines...); err != nil || len(got) != payment.MaxSecrets {
		t.Errorf("got %d, %v, want %d secrets", len(got), err, payment.MaxSecrets)
	}
	if got, err := load(t, append(lines, whsec(32, 'z'))...); err == nil || !strings.Contains(err.Error(), "got 9") {
		t.Errorf("got %d, %v, want one too many refused", len(got), err)
	}
	if got, err := load(t, "# none yet"); err == nil || !strings.Contains(err.Error(), "got 0") {
		t.Errorf("got %d, %v, want a file without a secret refused", len(got), err)
	}
	if _, err := payment.LoadSecrets(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestASavedSecretLoadsAndIsNeverOverwritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	s := payment.NewSecret()
	if err := s.Save(file); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v, want 0600", info.Mode(), err)
	}
	if err := payment.NewSecret().Save(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v over a file that is there, want fs.ErrExist", err)
	}
	got, err := payment.LoadSecrets(file)
	if err != nil || len(got) != 1 || got[0].Reveal() != s.Reveal() {
		t.Errorf("got %v, %v, want the secret that was saved first", got, err)
	}
}
