package strategy

import (
	"slices"
	"testing"
)

// The lock is all that keeps these buyers apart: without it the audit finds the ticket that
// was sold twice.
func TestAdvisoryWithoutItsLockOversells(t *testing.T) {
	for _, c := range []struct {
		what, lock string
		want       []string
	}{
		{"locked", advisoryLockSQL, nil},
		{"not locked", `SELECT hashtext($1)`, []string{"oversold"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			s, name := opened(t, "postgres-advisory", 1)
			r := newRival(t, "postgres-advisory", name, "rival")
			a := advisory{inner(t, s), c.lock}
			bought := make(chan struct{})
			go func() {
				defer close(bought)
				if _, _, err := a.Buy(t.Context(), name, "buyer"); err != nil {
					t.Error(err)
				}
			}()
			r.commitOnceAwaited()
			<-bought
			if _, got := audit(t, s, name, 1, nil); !slices.Equal(got, c.want) {
				t.Errorf("got the faults %q, want %q", got, c.want)
			}
		})
	}
}

// Sales are locked one by one.
func TestAdvisoryLocksOneSale(t *testing.T) {
	s, name := opened(t, "postgres-advisory", 2)
	newRival(t, "postgres-advisory", name, "rival")
	_, other := opened(t, "postgres-advisory", 1)
	wantBuy(t, s, other, "buyer", Sold)
}
