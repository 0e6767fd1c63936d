// Package token verifies buyers' tokens: which keys there are, what a token must claim, and which
// buyer it names. Identity providers sign them; nobody here does.
package token

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"onsale/internal/sale"
)

// ErrToken is returned for a token that identifies nobody. What is wrong with it
// goes with the answer: without a good signature that is only what the caller sees too.
var ErrToken = errors.New("the token is not valid")

var (
	errSignature = errors.New("no key that is known here made its signature")
	errUnknown   = fmt.Errorf("kid: %w, as none has this id; if the key is new, send the token again in some seconds", errSignature)
	errManyKeys  = fmt.Errorf("kid: there are more than %d keys that may have made its signature, so the token has to name one", maxTries)
)

// Config is what tokens have to claim, and how many are remembered.
type Config struct {
	// Audiences are ours: a token's aud has to name one of them.
	Audiences []string
	// Issuers are those whose tokens count, by their iss. Empty: iss is not looked at, so everybody
	// who has a key of the set signs for all.
	Issuers []string
	// Remember is how many verified tokens are remembered at most, so that the costly signatures (all
	// but HS256's) are verified once a token. Higher: some 150 bytes more for each; lower: buyers
	// who come again are verified again. 0 remembers none.
	Remember int
}

// Hooks are called while tokens are verified; nil fields are not called.
type Hooks struct {
	// Checked is called once for each signature that was looked at.
	Checked func(Check)
	// Unknown is called for a token of a key id that no key has, which may be one that its issuer
	// published since. Strangers can have it called as often as they like.
	Unknown func()
}

// Check is what became of a token's signature.
type Check uint8

const (
	// Verified is one that a key made.
	Verified Check = iota
	// Remembered is one that was verified before.
	Remembered
	// Refused is one that no key made.
	Refused
	// RefusedAgain is one that was refused before.
	RefusedAgain
)

// Checks is how many there are.
const Checks = 4

func (c Check) String() string {
	return [Checks]string{"verified", "remembered", "refused", "refused-again"}[c]
}

// Verifier identifies the buyer who sends a request. A token's algorithm is fixed by the key
// that verifies it, never by the token alone, and "none" has no key.
//
// Signatures are verified by golang-jwt's own methods and by crypto/hmac
// with keyed hashes that are used again (HS256), not through golang-jwt's Parser: that decodes the header, the same for every token of an issuer, and
// the claims through encoding/json, which costs more than HS256's signature. See
// docs/adr/0003-token-verification.md.
type Verifier struct {
	config Config
	hooks  Hooks
	secret *macs // of what stands for a token in memory
	tokens *memory

	adopt sync.Mutex
	fixed []*key // those of the file
	keys  atomic.Pointer[keySet]
}

// LoadVerifier reads a JSON Web Key Set (RFC 7517) from a file: symmetric keys
// (kty oct, HS256, at least 32 bytes) and public ones: OKP with Ed25519 (EdDSA), RSA (RS256, or PS256
// if their alg is that) and EC with P-256 (ES256).
// Several keys let issuers rotate. Without a file there are no keys until Adopt.
// The error names every fault.
func LoadVerifier(file string, c Config) (*Verifier, error) {
	if file == "" {
		return NewVerifier(nil, c)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("token keys: %w", err)
	}
	v, err := NewVerifier(raw, c)
	if err != nil {
		return nil, fmt.Errorf("token keys in %s: %w", file, err)
	}
	return v, nil
}

// NewVerifier is LoadVerifier on the key set itself; nil is none.
func NewVerifier(raw []byte, c Config) (*Verifier, error) {
	v := &Verifier{config: c, secret: newMacs(randomSecret()), tokens: newMemory(c.Remember)}
	var err error
	if raw != nil {
		v.fixed, _, err = parseKeySet(raw, false)
	}
	if len(c.Audiences) == 0 || slices.Contains(c.Audiences, "") {
		err = errors.Join(errors.New("no audience given, or one that is empty"), err)
	}
	if slices.Contains(c.Issuers, "") {
		err = errors.Join(errors.New("one of the issuers is empty"), err)
	}
	v.keys.Store(newKeySet(v.fixed))
	return v, err
}

// SetHooks must be called before the first token is verified.
func (v *Verifier) SetHooks(h Hooks) { v.hooks = h }

// Adopted is what a published key set changed.
type Adopted struct {
	Changed bool    // the keys are others than before
	LeftOut []error // the keys of the set that can't be used
}

// Adopt has the keys of a set that an identity provider published count from now on, beside those
// of the file. Tokens of keys that are gone are refused, also those that were verified before. A set
// of which no key can be used changes nothing, and is an error.
func (v *Verifier) Adopt(published []byte) (Adopted, error) {
	v.adopt.Lock()
	defer v.adopt.Unlock()
	keys, leftOut, err := parseKeySet(published, true)
	if err != nil {
		return Adopted{}, errors.Join(append([]error{err}, leftOut...)...)
	}
	before := v.keys.Load().keys
	keys = append(slices.Clone(v.fixed), keys...)
	for i, k := range keys {
		if at := slices.IndexFunc(before, k.same); at >= 0 {
			keys[i] = before[at] // what is remembered of its tokens stays
		}
	}
	if slices.Equal(keys, before) {
		return Adopted{LeftOut: leftOut}, nil
	}
	v.keys.Store(newKeySet(keys))
	for _, k := range before {
		if !slices.Contains(keys, k) {
			k.gone.Store(true)
		}
	}
	return Adopted{true, leftOut}, nil
}

// Fingerprints name the keys without revealing them.
func (v *Verifier) Fingerprints() []string {
	keys := v.keys.Load().keys
	prints := make([]string, len(keys))
	for i, k := range keys {
		prints[i] = k.print
	}
	return prints
}

// Verify returns the buyer that a compact token names at the given time. The error
// wraps ErrToken and names the fault of the token.
func (v *Verifier) Verify(token string, now time.Time) (sale.Buyer, error) {
	c, err := v.verify(token, float64(now.UnixMilli())/1000)
	if err != nil {
		return "", fault{err}
	}
	return c.buyer, nil
}

// Lifetime is Verify with the end of what it returned: when the token expires.
func (v *Verifier) Lifetime(token string, now time.Time) (buyer sale.Buyer, expires time.Time, err error) {
	c, err := v.verify(token, float64(now.UnixMilli())/1000)
	if err != nil {
		return "", time.Time{}, fault{err}
	}
	return c.buyer, time.UnixMilli(int64(c.expires * 1000)).UTC(), nil
}

// fault is an ErrToken with its cause. Strangers cause them as often as they like, and fmt would cost as
// much as the rest of a refusal.
type fault struct{ cause error }

func (f fault) Error() string   { return ErrToken.Error() + ": " + f.cause.Error() }
func (f fault) Unwrap() []error { return []error{ErrToken, f.cause} }

func (v *Verifier) verify(token string, now float64) (claims, error) {
	first := strings.IndexByte(token, '.')
	last := strings.LastIndexByte(token, '.')
	if first < 0 || first == last {
		return claims{}, errors.New("want three segments with dots between them")
	}
	set := v.keys.Load()
	h, err := set.header(token[:first])
	if err != nil {
		return claims{}, fmt.Errorf("header: %w", err)
	}
	if err := h.usable(); err != nil {
		if err == errUnknown && v.hooks.Unknown != nil {
			v.hooks.Unknown()
		}
		return claims{}, err
	}
	t := parts{token: token, signed: token[:last], header: token[:first], payload: token[first+1 : last], signature: token[last+1:]}
	if !h.costly {
		if _, err := v.signed(set, h, t); err != nil {
			return claims{}, err
		}
		return v.claims(t.payload, now)
	}
	return v.once(set, h, t, now)
}

// parts are those of a compact token.
type parts struct{ token, signed, header, payload, signature string }

// once verifies a signature that costs far more than to remember that it was good, or that it was
// not. The claims are read first, so that what has expired costs no signature.
func (v *Verifier) once(set *keySet, h *header, t parts, now float64) (claims, error) {
	sum := v.secret.sum(t.token)
	if c, ok := v.tokens.find(&sum); ok {
		v.checked(Remembered)
		return c, c.hold(now)
	}
	if set.refused.has(&sum) {
		v.checked(RefusedAgain)
		return claims{}, errSignature
	}
	c, err := v.claims(t.payload, now)
	if err != nil {
		return claims{}, err
	}
	k, err := v.signed(set, h, t)
	if err != nil {
		set.refused.add(&sum)
		return claims{}, err
	}
	v.tokens.add(&remembered{sum, k, c}, now)
	return c, nil
}

// signatures are the space for one, used again.
var signatures = sync.Pool{New: func() any { return new([]byte) }}

// signed returns the key that made the signature, one of those that the header allows.
func (v *Verifier) signed(set *keySet, h *header, t parts) (*key, error) {
	space := signatures.Get().(*[]byte)
	defer signatures.Put(space)
	signature, err := appendSegment((*space)[:0], t.signature)
	if err != nil {
		return nil, fmt.Errorf("signature: %w", errSegment)
	}
	*space = signature
	for _, k := range h.keys {
		if k.made(signature, t.signed) {
			set.learn(t.header, h)
			v.checked(Verified)
			return k, nil
		}
	}
	v.checked(Refused)
	return nil, errSignature
}

func (v *Verifier) checked(c Check) {
	if v.hooks.Checked != nil {
		v.hooks.Checked(c)
	}
}

// costly are the algorithms of public keys. Their signatures cost more than to find the token in memory.
var costly = []string{
	jwt.SigningMethodEdDSA.Alg(), jwt.SigningMethodES256.Alg(), jwt.SigningMethodRS256.Alg(), jwt.SigningMethodPS256.Alg(),
}
