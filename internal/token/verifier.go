// Package token verifies buyers' tokens: which keys there are, what a token must claim, and which
// buyer it names. Identity providers sign them; nobody here does.
package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/valyala/fastjson"

	"onsale/internal/sale"
)

// ErrToken is returned for a token that identifies nobody. What is wrong with it
// goes with the answer: without a good signature that is only what the caller sees too.
var ErrToken = errors.New("the token is not valid")

// parsers read tokens: encoding/json would cost more than the signature.
var parsers fastjson.ParserPool

// Verifier identifies the buyer who sends a request. A token's algorithm is fixed by the key
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
	print  string     // fingerprint
}

// mac is an HMAC that has its key: giving a new one the key costs as much as
// hashing the token.
type mac struct {
	hash.Hash
	signed, sum []byte
}

func hs256(id string, secret []byte) key {
	return key{id: id, method: jwt.SigningMethodHS256, secret: secret,
		macs: &sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, secret)} }}}
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

// header is a token's first segment, parsed.
type header struct {
	algorithm, keyID string
	named            bool // a key id is there
}

// Verify returns the buyer that a compact token names at the given time. The error
// wraps ErrToken and names the fault of the token.
func (v *Verifier) Verify(token string, now time.Time) (sale.Buyer, error) {
	buyer, err := v.verify(token, now)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrToken, err)
	}
	return buyer, nil
}

func (v *Verifier) verify(token string, now time.Time) (sale.Buyer, error) {
	first := strings.IndexByte(token, '.')
	last := strings.LastIndexByte(token, '.')
	if first < 0 || first == last {
		return "", errors.New("want three segments with dots between them")
	}
	signature, err := decodeSegment(token[last+1:])
	if err != nil {
		return "", fmt.Errorf("signature: %w", err)
	}
	if err := v.signed(token[:first], token[:last], signature); err != nil {
		return "", err
	}
	payload, err := decodeSegment(token[first+1 : last])
	if err == nil {
		err = strict(payload)
	}
	if err != nil {
		return "", fmt.Errorf("claims: %w", err)
	}
	p := parsers.Get()
	defer parsers.Put(p)
	claims, err := p.ParseBytes(payload)
	if err != nil {
		return "", fmt.Errorf("claims: %w", err)
	}
	if err := v.valid(claims, now); err != nil {
		return "", err
	}
	if sub := claims.Get("sub"); sub == nil || sub.Type() != fastjson.TypeString {
		return "", errors.New("sub: want a text that names the buyer")
	}
	buyer, err := sale.ParseBuyer(string(claims.GetStringBytes("sub")))
	if err != nil {
		return "", fmt.Errorf("sub: %w", err)
	}
	return buyer, nil
}

// decodeSegment accepts the one spelling that RFC 7515 gives bytes: Go's decoder passes
// over line ends, and so takes many spellings for one token or key.
func decodeSegment(s string) ([]byte, error) {
	raw, err := base64url.DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, errors.New("want base64url without padding, blanks or stray bits")
	}
	return raw, nil
}

var base64url = base64.RawURLEncoding.Strict()

// valid is nil where the claims hold now and are made for this audience. An expiry is
// demanded, a beginning is not.
func (v *Verifier) valid(claims *fastjson.Value, now time.Time) error {
	seconds := float64(now.UnixMilli()) / 1000
	expires, err := numericDate(claims, "exp")
	if err != nil {
		return err
	}
	begins, err := numericDate(claims, "nbf")
	if err != nil {
		return err
	}
	if _, err := numericDate(claims, "iat"); err != nil {
		return err
	}
	switch {
	case !claims.Exists("exp"):
		return errors.New("exp: a token without an expiry is good for ever, so one is needed")
	case expires <= seconds:
		return errors.New("exp: the token has expired, get a new one")
	case begins > seconds:
		return errors.New("nbf: the token is not valid yet")
	case !v.aimedAt(claims.Get("aud")):
		return errors.New("aud: the token is not made for this audience")
	}
	return nil
}

// lastSecond ends the year 9999. What is later is no expiry but a mistake, such as
// milliseconds for seconds, and would be good for thousands of years.
const lastSecond = float64(sale.MaxInstant) / 1000

// numericDate is a time of the claims, RFC 7519: seconds, possibly with a fraction; 0
// where there is none.
func numericDate(claims *fastjson.Value, name string) (float64, error) {
	v := claims.Get(name)
	if v == nil {
		return 0, nil
	}
	seconds, err := v.Float64()
	if err != nil || !(seconds >= 0 && seconds <= lastSecond) {
		return 0, fmt.Errorf("%s: want a number of seconds since 1970, before the year 10000", name)
	}
	return seconds, nil
}

// aimedAt reports whether the audience is one of the token's: a string, or a
// list of nothing but strings.
func (v *Verifier) aimedAt(audience *fastjson.Value) bool {
	if audience == nil {
		return false
	}
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

// signed is nil where one of the keys that the header allows made the signature.
func (v *Verifier) signed(segment, signed string, signature []byte) error {
	h, known := (*v.headers.Load())[segment]
	if !known {
		var err error
		if h, err = parseHeader(segment); err != nil {
			return fmt.Errorf("header: %w", err)
		}
	}
	for _, k := range v.keys {
		if h.allows(k) && k.made(signature, signed) {
			if !known {
				v.learn(segment, h)
			}
			return nil
		}
	}
	return errors.New("no key that is known here made its signature")
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
	return h.algorithm == k.method.Alg() && (!h.named || h.keyID == k.id)
}

// parseHeader reads a token's first segment. Members that define how the rest must be read
// and that are not understood refuse the token; those that only point to a key are
// ignored, because keys come from the key set alone.
func parseHeader(segment string) (*header, error) {
	raw, err := decodeSegment(segment)
	if err == nil {
		err = strict(raw)
	}
	if err != nil {
		return nil, err
	}
	p := parsers.Get()
	defer parsers.Put(p)
	v, err := p.ParseBytes(raw)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"crit", "cty", "b64", "zip", "enc"} {
		if v.Exists(name) {
			return nil, fmt.Errorf("%s is not understood here: send a plain signed token", name)
		}
	}
	for _, name := range []string{"alg", "kid", "typ"} {
		if v.Exists(name) && v.Get(name).Type() != fastjson.TypeString {
			return nil, fmt.Errorf("%s: want a text", name)
		}
	}
	h := header{string(v.GetStringBytes("alg")), string(v.GetStringBytes("kid")), v.Exists("kid")}
	// A token of another type, such as one that logs a user out, was signed for
	// something else (RFC 8725, 3.11).
	switch typ := strings.ToLower(string(v.GetStringBytes("typ"))); strings.TrimPrefix(typ, "application/") {
	case "jwt", "at+jwt":
	default:
		if v.Exists("typ") {
			return nil, errors.New("typ: want JWT or at+jwt")
		}
	}
	return &h, nil
}
