package proof

import (
	"context"
	"errors"

	"onsale/internal/sale"
)

// Why a buyer may not join. Returned by every Verifier.
var (
	// ErrRequired: the buyer sent no proof, and one is needed.
	ErrRequired = errors.New("a proof is required")
	// ErrWrong: what was sent proves nothing. What is wrong with it goes with the answer.
	ErrWrong = errors.New("the proof is wrong")
	// ErrUnavailable: nobody knows whether the proof is good, because who verifies it does not answer.
	ErrUnavailable = errors.New("the proof can't be verified at the moment")
)

// Verifier decides whether a buyer may join. now is Redis time; address is the buyer's, or empty where it is not known.
type Verifier interface {
	Verify(ctx context.Context, id sale.ID, buyer sale.Buyer, proof, address string, now sale.Instant) error
}

// None is the Verifier that asks for nothing.
type None struct{}

// Verify returns nil.
func (None) Verify(context.Context, sale.ID, sale.Buyer, string, string, sale.Instant) error {
	return nil
}
