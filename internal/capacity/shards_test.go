package capacity

import (
	"testing"

	"pgregory.net/rapid"
)

func TestOneMasterSellsEverythingAndRefusesNobodyWrongly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Sharded{Shards: 1, Escrow: rapid.SampledFrom([]Escrow{Apart, Borrow, Level}).Draw(t, "escrow"), Tickets: rapid.IntRange(1, 500).Draw(t, "tickets"),
			Buyers: rapid.IntRange(1, 2000).Draw(t, "buyers"), Rate: rapid.Float64Range(100, 1e6).Draw(t, "rate"), Core: 100_000, Seed: rapid.Uint64().Draw(t, "seed")}
		if r := s.Run(); r.Refused != 0 || r.Unsold != 0 || r.Transfers != 0 {
			t.Fatalf("got %+v of one master", r)
		}
	})
}

// As many buyers as tickets: hashing gives some masters too many buyers and others too few, and escrow makes up for it.
func TestEscrowSellsWhatShardsApartDoNot(t *testing.T) {
	left := map[Escrow]int{}
	for seed := range uint64(50) {
		for _, e := range []Escrow{Apart, Borrow, Level} {
			left[e] += Sharded{Shards: 8, Escrow: e, Tickets: 1000, Buyers: 1000, Rate: 50_000, Core: 100_000, Seed: seed}.Run().Unsold
		}
	}
	if left[Apart] < 500 || left[Borrow] > left[Apart]/20 || left[Level] > left[Apart]/2 {
		t.Errorf("got %v tickets left, want many apart, next to none where a master asks for stock, and less than half where all are levelled", left)
	}
}

// Shards shorten a sale only if more come than one core decides.
func TestShardsPayBeyondACore(t *testing.T) {
	c := defaults(t)
	seconds := func(shards int, times float64) float64 { return crowd(c, shards, Borrow, 100_000, times).Run().Seconds }
	if one, four := seconds(1, 0.5), seconds(4, 0.5); four < one*0.98 {
		t.Errorf("got %v s with four masters and %v s with one, want no difference at half of a core", four, one)
	}
	if one, four := seconds(1, 4), seconds(4, 4); four > one*0.4 {
		t.Errorf("got %v s with four masters and %v s with one, want far less at four cores", four, one)
	}
}
