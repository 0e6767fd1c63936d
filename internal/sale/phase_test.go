package sale_test

import (
	"testing"

	"onsale/internal/sale"
)

func TestPhaseRefusal(t *testing.T) {
	for phase, want := range map[sale.Phase]sale.Outcome{
		sale.PhaseUnknown: sale.NoOutcome, sale.PhaseOnSale: sale.NoOutcome,
		sale.PhaseScheduled: sale.NotOpen, sale.PhaseSoldOut: sale.SoldOut, sale.PhaseClosed: sale.Closed,
	} {
		if got, refused := phase.Refusal(); got != want || refused != (want != sale.NoOutcome) {
			t.Errorf("phase %q: got %v, refused %v, want %v", phase, got, refused, want)
		}
	}
}
