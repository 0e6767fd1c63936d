package buyerapi

// These are for tests.
var (
	DecodeOrder = decodeOrder
	Refuse      = refuse
)

// Headers is how many token headers the verifier remembers.
func (v *Verifier) Headers() int { return len(*v.headers.Load()) }
