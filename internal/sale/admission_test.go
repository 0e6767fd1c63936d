package sale_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"onsale/internal/sale"
)

// TestASecretGetsIntoNoText: errors, logs and documents show sales.
func TestASecretGetsIntoNoText(t *testing.T) {
	s := lined(concert())
	document, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(document), fmt.Sprintf("%v %+v %#v", s, s, s), fmt.Sprint(s.LineSeed, s.LineSecret)} {
		if strings.Contains(text, string(s.LineSeed)) || strings.Contains(text, string(s.LineSecret)) {
			t.Errorf("got %s, want no secret in it", text)
		}
	}
}

func TestACommitmentIsTheHashOfTheBytes(t *testing.T) {
	for secret, want := range map[sale.Secret]string{
		"":     "",
		"0a0b": "bea0b72e71bfe7f15a88c25305bf96a9681e34d3aabe0c9a1b7093cb32d8ff05",
	} {
		if got := secret.Commitment(); got != want {
			t.Errorf("%q: got %q, want %q", string(secret), got, want)
		}
	}
	if a, b := sale.NewSecret(), sale.NewSecret(); a == b || len(a) != 64 || len(a.Commitment()) != 64 {
		t.Errorf("got %q and %q, want two of 64 digits", string(a), string(b))
	}
}

func TestAdmissionIsOpenUnlessStated(t *testing.T) {
	if got := sale.ParseAdmission("open"); got != sale.AdmitAll || got.String() != "open" {
		t.Errorf("got %q, %q, want open to be the zero admission", string(got), got)
	}
	if got := sale.ParseAdmission("line"); got != sale.AdmitLine {
		t.Errorf("got %q, want line", string(got))
	}
	if got := sale.ParseAdmission(""); got == sale.AdmitAll {
		t.Error("got no text taken for open, want it to stay a fault")
	}
}
