package proof_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/internal/proof"
)

// A rotation adds the new key below, moves it up, and drops the old one: nobody who is solving meanwhile is refused.
func TestAKeyIsRotatedWithoutARefusal(t *testing.T) {
	old, next := proof.NewKey(), proof.NewKey()
	steps := []proof.Keys{{old}, {old, next}, {next, old}, {next}}
	for i, step := range steps {
		p := solved(t, step.New(concert, alice, noon.Add(time.Minute), 100))
		for j := max(i-1, 0); j <= min(i+1, len(steps)-1); j++ { // nodes take a step one after the other
			if err := steps[j].Verify(concert, alice, p, noon); err != nil {
				t.Errorf("a challenge of step %d at a node of step %d: got %v, want nil", i, j, err)
			}
		}
	}
	p := solved(t, steps[0].New(concert, alice, noon.Add(time.Minute), 100))
	if err := steps[3].Verify(concert, alice, p, noon); !errors.Is(err, proof.ErrWrong) {
		t.Errorf("a challenge by the dropped key: got %v, want %v", err, proof.ErrWrong)
	}
}

func TestLoadKeysReportsEveryFaultByItsLine(t *testing.T) {
	good := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", proof.KeyLength)))
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	keys, err := proof.LoadKeys(write("# made in May\n\n" + good + "\n"))
	if err != nil || len(keys) != 1 {
		t.Fatalf("got %d keys, %v, want 1", len(keys), err)
	}
	secret := good[:30]
	_, err = proof.LoadKeys(write(secret + "\n" + good + "\n" + good + "\n" + good[:43] + "\n"))
	for _, want := range []string{"line 1: want 32 bytes", "line 3: this key stands above", "line 4: want 32 bytes"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("got %v, which repeats a line", err)
	}
	for name, text := range map[string]string{"an empty file": "", "nothing but comments": "# none\n"} {
		if _, err := proof.LoadKeys(write(text)); err == nil || !strings.Contains(err.Error(), "want 1 to 4, got 0") {
			t.Errorf("%s: got %v, want an error that counts them", name, err)
		}
	}
	if _, err := proof.LoadKeys(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

func TestPrintingHidesKeysAndSecrets(t *testing.T) {
	s, err := proof.ParseSecret("0x4AAA-the-provider's-secret")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{keyOf(t, 'k'), proof.Keys{keyOf(t, 'k')}, s, proof.SiteverifyConfig{Secret: s}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(format, v); strings.Contains(got, "kkk") || strings.Contains(got, "0x4AAA") || strings.Contains(got, "107, 107") || strings.Contains(got, "0x6b, 0x6b") {
				t.Errorf("got %q, which shows a secret", got)
			}
		}
	}
}
