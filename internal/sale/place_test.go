package sale_test

import (
	"testing"

	"onsale/internal/sale"
)

func TestAPlaceSurvivesItsText(t *testing.T) {
	for _, want := range []sale.Place{sale.Drawn, 1, 9, 100_000_000} {
		if got, err := sale.ParsePlace(want.String()); err != nil || got != want {
			t.Errorf("%v: got %v, %v", want, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "+1", "01", "D", "dd", "1e3", "9223372036854775808", " 1"} {
		if got, err := sale.ParsePlace(text); err == nil || got != 0 {
			t.Errorf("%q: got %v, %v, want it refused", text, got, err)
		}
	}
}

func TestPlacesInTurnStandBehindTheDrawn(t *testing.T) {
	l := sale.Line{Drawn: 10, Over: true}
	for place, want := range map[sale.Place]int64{1: 11, 5: 15, sale.Drawn: 0} {
		if got := l.Position(place); got != want {
			t.Errorf("%v: got %d, want %d", place, got, want)
		}
	}
	if got := (&sale.Line{}).Position(1); got != 0 {
		t.Errorf("before the draw: got %d, want none", got)
	}
}
