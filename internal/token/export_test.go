package token

// Strict is strict, for its fuzz test.
var Strict = strict

// Headers is how many token headers the verifier remembers.
func (v *Verifier) Headers() int { return len(*v.headers.Load()) }
