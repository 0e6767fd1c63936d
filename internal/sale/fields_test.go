package sale_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// A field that the list forgets would be lost on its way through Redis, stream and ledger.
func TestEveryFieldOfAPaymentSurvivesItsRecord(t *testing.T) {
	var part sale.Payment
	model.Fill(t, &part)
	whole := part
	whole.Of = ""
	for name, want := range map[string]sale.Payment{"a part": part, "a whole one": whole} {
		got, err := sale.DecodePayment(want.ID, want.Encode())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: got %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// The plan's record and what is left of a share have every field of it.
func TestEveryFieldOfAShareSurvivesItsRecord(t *testing.T) {
	var want sale.Share
	model.Fill(t, &want)
	want.Node, want.Claimed = "", 0 // kept beside the record
	got := sale.DecodeShare(want.Encode())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
