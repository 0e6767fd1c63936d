package proof_test

import (
	"fmt"
	"testing"
	"time"

	"onsale/internal/proof"
)

func BenchmarkChallenge(b *testing.B) {
	w, err := proof.NewWork(proof.Keys{proof.NewKey()}, proof.DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	var space [512]byte
	for b.Loop() {
		w.Challenge(concert, alice, 0, noon).AppendJSON(space[:0])
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{1, proof.MaxKeys} {
		var keys proof.Keys
		for range n {
			keys = append(keys, proof.NewKey())
		}
		w, err := proof.NewWork(keys, proof.DefaultConfig())
		if err != nil {
			b.Fatal(err)
		}
		p := solved(b, w.Challenge(concert, alice, 0, noon))
		forged := solved(b, proof.Keys{proof.NewKey()}.New(concert, alice, noon.Add(time.Minute), 1))
		for name, c := range map[string]struct {
			payload string
			good    bool
		}{"good": {p, true}, "forged": {forged, false}} {
			b.Run(fmt.Sprintf("%s/keys=%d", name, n), func(b *testing.B) {
				for b.Loop() {
					if err := w.Verify(b.Context(), concert, alice, c.payload, "", noon); (err == nil) != c.good {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkSolve solves fresh challenges: its time is the mean, and the worst is twice that.
func BenchmarkSolve(b *testing.B) {
	keys := proof.Keys{proof.NewKey()}
	for _, most := range []int64{proof.DefaultConfig().Easy, proof.MaxNumber, 1_000_000} {
		b.Run(fmt.Sprintf("maxnumber=%d", most), func(b *testing.B) {
			for b.Loop() {
				solved(b, keys.New(concert, alice, noon, most))
			}
		})
	}
}
