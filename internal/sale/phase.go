package sale

// Phase is what anybody may know of a sale at a moment, without a token. Its values are those
// of the buyer API.
type Phase string

// The phases of a sale.
const (
	PhaseUnknown   Phase = ""          // Redis time is not known yet, so the window can't be judged
	PhaseScheduled Phase = "scheduled" // the window has not opened
	PhaseOnSale    Phase = "on-sale"   // a token and Redis decide each claim
	PhaseSoldOut   Phase = "sold-out"  // nothing remains
	PhaseClosed    Phase = "closed"    // the window or the operator closed the sale
)

// Refusal returns the outcome of every claim in this phase. ok is false if only Redis can
// decide a claim.
func (p Phase) Refusal() (o Outcome, ok bool) {
	switch p {
	case PhaseScheduled:
		return NotOpen, true
	case PhaseSoldOut:
		return SoldOut, true
	case PhaseClosed:
		return Closed, true
	}
	return NoOutcome, false
}
