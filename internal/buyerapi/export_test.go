package buyerapi

// These are for tests.
var (
	DecodeOrder = decodeOrder
	Refuse      = refuse
	Strict      = strict
)

// Headers is how many token headers the verifier remembers.
func (v *Verifier) Headers() int { return len(*v.headers.Load()) }
