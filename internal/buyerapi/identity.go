package buyerapi

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/valyala/fastjson"

	"onsale/internal/sale"
)

// ErrToken is returned for a token that identifies nobody, whatever is wrong
// with it: the caller learns no more.
var ErrToken = errors.New("the token is not valid")

// Verifier tells who sends a request. A token's algorithm is fixed by the key
// that verifies it, never by the token alone, and "none" has no key.
//
// Signatures are verified by golang-jwt's own method (Ed25519) and by crypto/hmac
// with keyed hashes that are used again (HS256), not through golang-jwt's Parser: that decodes the header, the same for every token of an issuer, and
// the claims through encoding/json, which costs more than the signature. See
// docs/adr/0003-token-verification.md.
type Verifier struct {
	keys     []key
	audience string

	// By header segment, only of tokens that verified; bounded by the keys. The
	// map is replaced, never changed.
	headers  atomic.Pointer[map[string]*header]
	remember sync.Mutex
}

type key struct {
	id     string
	method jwt.SigningMethod
	secret any
	macs   *sync.Pool // of *mac; nil where the method is not HS256
}

// mac is an HMAC that has its key: giving a new one the key costs as much as
// hashing the token.
type mac struct {
	hash.Hash
	signed, sum []byte
}

func hs256(id string, secret []byte) key {
	return key{id, jwt.SigningMethodHS256, secret, &sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, secret)} }}}
}

// made reports whether the key made the signature.
func (k key) made(signature []byte, signed string) bool {
	if k.macs == nil {
		return k.method.Verify(signed, signature, k.secret) == nil
	}
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	m.Reset()
	m.signed = append(m.signed[:0], signed...)
	m.Write(m.signed) // a hash.Hash never fails
	m.sum = m.Sum(m.sum[:0])
	return hmac.Equal(signature, m.sum)
}

// header is what a token's first segment says.
type header struct {
	Algorithm string   `json:"alg"`
	KeyID     string   `json:"kid"`
	Critical  []string `json:"crit"`
}

// LoadVerifier reads a JSON Web Key Set (RFC 7517) from a file: symmetric keys
// (kty oct, HS256, at least 32 bytes) and Ed25519 public ones (kty OKP, EdDSA).
// Several keys let issuers rotate. audience is what a token's aud must name.
func LoadVerifier(file, audience string) (*Verifier, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("token keys: %w", err)
	}
	v, err := NewVerifier(raw, audience)
	if err != nil {
		return nil, fmt.Errorf("token keys in %s: %w", file, err)
	}
	return v, nil
}

// NewVerifier is LoadVerifier on the key set itself.
func NewVerifier(keySet []byte, audience string) (*Verifier, error) {
	var set struct {
		Keys []struct {
			Type  string `json:"kty"`
			ID    string `json:"kid"`
			Curve string `json:"crv"`
			K     string `json:"k"`
			X     string `json:"x"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(keySet, &set); err != nil {
		return nil, fmt.Errorf("not a JSON Web Key Set: %w", err)
	}
	v := &Verifier{audience: audience}
	v.headers.Store(&map[string]*header{})
	var faults []error
	if audience == "" {
		faults = append(faults, errors.New("no audience given"))
	}
	if len(set.Keys) == 0 {
		faults = append(faults, errors.New("no keys"))
	}
	for i, k := range set.Keys {
		switch {
		case k.Type == "oct":
			secret, err := base64.RawURLEncoding.DecodeString(k.K)
			if err != nil || len(secret) < 32 {
				faults = append(faults, fmt.Errorf("key %d (%s): want at least 32 bytes of base64url in k", i, k.ID))
			}
			v.keys = append(v.keys, hs256(k.ID, secret))
		case k.Type == "OKP" && k.Curve == "Ed25519":
			public, err := base64.RawURLEncoding.DecodeString(k.X)
			if err != nil || len(public) != ed25519.PublicKeySize {
				faults = append(faults, fmt.Errorf("key %d (%s): want %d bytes of base64url in x", i, k.ID, ed25519.PublicKeySize))
			}
			v.keys = append(v.keys, key{id: k.ID, method: jwt.SigningMethodEdDSA, secret: ed25519.PublicKey(public)})
		default:
			faults = append(faults, fmt.Errorf("key %d (%s): kty %q crv %q: want oct, or OKP with Ed25519", i, k.ID, k.Type, k.Curve))
		}
	}
	return v, errors.Join(faults...)
}

// Verify returns the buyer that a compact token names at the given time, or
// ErrToken.
func (v *Verifier) Verify(token string, now time.Time) (sale.Buyer, error) {
	first := strings.IndexByte(token, '.')
	last := strings.LastIndexByte(token, '.')
	if first < 0 || first == last {
		return "", ErrToken
	}
	signature, err := base64.RawURLEncoding.DecodeString(token[last+1:])
	if err != nil || !v.signed(token[:first], token[:last], signature) {
		return "", ErrToken
	}
	payload, err := base64.RawURLEncoding.DecodeString(token[first+1 : last])
	if err != nil {
		return "", ErrToken
	}
	p := parsers.Get()
	defer parsers.Put(p)
	claims, err := p.ParseBytes(payload)
	if err != nil || !v.valid(claims, now) {
		return "", ErrToken
	}
	buyer, err := sale.ParseBuyer(string(claims.GetStringBytes("sub")))
	if err != nil {
		return "", ErrToken
	}
	return buyer, nil
}

// valid reports whether the claims hold now and are made for this audience.
// Times are NumericDates, RFC 7519: seconds, possibly with a fraction. An
// expiry is demanded, a beginning is not.
func (v *Verifier) valid(claims *fastjson.Value, now time.Time) bool {
	seconds := float64(now.UnixMilli()) / 1000
	expires := claims.GetFloat64("exp") // 0 where it is missing or no number
	if expires <= seconds || math.IsInf(expires, 1) {
		return false
	}
	if begins := claims.Get("nbf"); begins != nil {
		if from, err := begins.Float64(); err != nil || from > seconds {
			return false
		}
	}
	audience := claims.Get("aud")
	return audience != nil && v.aimedAt(audience)
}

// aimedAt reports whether the audience is one of the token's: a string, or a
// list of nothing but strings.
func (v *Verifier) aimedAt(audience *fastjson.Value) bool {
	if audience.Type() == fastjson.TypeString {
		return string(audience.GetStringBytes()) == v.audience
	}
	found := false
	for _, one := range audience.GetArray() {
		if one.Type() != fastjson.TypeString {
			return false
		}
		found = found || string(one.GetStringBytes()) == v.audience
	}
	return found
}

// signed reports whether one of the keys that the header allows made the signature.
func (v *Verifier) signed(segment, signed string, signature []byte) bool {
	h, known := (*v.headers.Load())[segment]
	if !known {
		var err error
		if h, err = parseHeader(segment); err != nil {
			return false
		}
	}
	for _, k := range v.keys {
		if h.allows(k) && k.made(signature, signed) {
			if !known {
				v.learn(segment, h)
			}
			return true
		}
	}
	return false
}

// learn remembers a header whose signature was good. Only those who hold a key
// can add one; the bound is for an issuer that varies its headers.
func (v *Verifier) learn(segment string, h *header) {
	v.remember.Lock()
	defer v.remember.Unlock()
	known := *v.headers.Load()
	if len(known) >= 4*len(v.keys)+4 {
		return
	}
	more := maps.Clone(known)
	more[strings.Clone(segment)] = h
	v.headers.Store(&more)
}

// allows reports whether the key is of the header's algorithm, and of its key
// id if it names one.
func (h *header) allows(k key) bool {
	return h.Algorithm == k.method.Alg() && (h.KeyID == "" || h.KeyID == k.id)
}

func parseHeader(segment string) (*header, error) {
	raw, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		return nil, err
	}
	var h header
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, err
	}
	if len(h.Critical) > 0 {
		return nil, errors.New("critical extensions are not understood")
	}
	return &h, nil
}
