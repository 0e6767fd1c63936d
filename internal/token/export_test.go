package token

// Strict is strict, for its fuzz test.
var Strict = strict

// Headers is how many token headers the verifier remembers.
func (v *Verifier) Headers() int { return len(*v.keys.Load().headers.Load()) }

// Remembered is how many tokens the verifier remembers.
func (v *Verifier) Remembered() (n int) {
	for i := range v.tokens.places {
		if v.tokens.places[i].Load() != nil {
			n++
		}
	}
	return n
}
