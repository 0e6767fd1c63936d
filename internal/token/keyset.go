package token

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"filippo.io/edwards25519"
	"github.com/golang-jwt/jwt/v5"
)

// LoadVerifier reads a JSON Web Key Set (RFC 7517) from a file: symmetric keys
// (kty oct, HS256, at least 32 bytes) and Ed25519 public ones (kty OKP, EdDSA).
// Several keys let issuers rotate. audience is what a token's aud must name.
// The error names every fault.
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
	keys, err := parseKeySet(keySet)
	if audience == "" {
		err = errors.Join(errors.New("no audience given"), err)
	}
	v := &Verifier{keys: keys, audience: audience}
	v.headers.Store(&map[string]*header{})
	return v, err
}

// Fingerprints name the keys without revealing them.
func (v *Verifier) Fingerprints() []string {
	prints := make([]string, len(v.keys))
	for i, k := range v.keys {
		prints[i] = k.print
	}
	return prints
}

// fingerprint is short, but nobody finds another key of the same one.
func fingerprint(k []byte) string {
	sum := sha256.Sum256(append([]byte("onsale token key "), k...))
	return hex.EncodeToString(sum[:8])
}

// parseKeySet reports every fault at once: a key that is not what its owner took it for
// would let somebody else sign, or nobody.
func parseKeySet(raw []byte) ([]key, error) {
	if err := strict(raw); err != nil {
		return nil, fmt.Errorf("not a JSON Web Key Set: %w", err)
	}
	var set map[string]json.RawMessage
	var jwks []map[string]json.RawMessage
	if json.Unmarshal(raw, &set) != nil || set["keys"] != nil && json.Unmarshal(set["keys"], &jwks) != nil {
		return nil, errors.New(`not a JSON Web Key Set: want {"keys":[{…}, …]}`)
	}
	var faults []error
	for name := range set {
		if name != "keys" {
			faults = append(faults, fmt.Errorf("unknown member %.40q beside keys: remove it", name))
		}
	}
	if len(jwks) == 0 {
		faults = append(faults, errors.New("no keys: put one in the list keys"))
	}
	keys, ids := make([]key, len(jwks)), map[string]bool{}
	for i, jwk := range jwks {
		k, errs := parseKey(jwk)
		if ids[k.id] {
			errs = append(errs, errors.New("kid: another key has the same one, or has none either; give each key its own"))
		}
		keys[i], ids[k.id] = k, true
		for _, err := range errs {
			faults = append(faults, fmt.Errorf("key %d (%.40s): %w", i, k.id, err))
		}
	}
	return keys, errors.Join(faults...)
}

// common are the members that every key may have. What has another name is refused
// rather than ignored: "us":"enc" would lift the limit that its writer meant.
var common = []string{"kty", "kid", "alg", "use", "key_ops", "x5u", "x5c", "x5t", "x5t#S256"}

// parseKey reads one key. It goes on after a fault, so that all are found.
func parseKey(jwk map[string]json.RawMessage) (k key, faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	text := func(name string) (value string) {
		raw, there := jwk[name]
		if there && (json.Unmarshal(raw, &value) != nil || value == "") {
			fault("%s: want a text that is not empty", name)
		}
		return value
	}
	kind, curve, use, algorithm := text("kty"), text("crv"), text("use"), text("alg")
	k.id = text("kid")
	own, operations := []string{"k"}, []string{"verify", "sign"}
	switch {
	case kind == "oct":
		secret, err := parseSecret(text("k"))
		if err != nil {
			fault("k: %w", err)
		}
		k = hs256(k.id, secret)
		k.print = fingerprint(secret)
	case kind == "OKP" && curve == "Ed25519":
		public, err := parsePublic(text("x"))
		if err != nil {
			fault("x: %w", err)
		}
		k = key{id: k.id, method: jwt.SigningMethodEdDSA, secret: public, print: fingerprint(public)}
		own, operations = []string{"crv", "x"}, []string{"verify"}
	default:
		fault("kty %.20q crv %.20q: want oct, or OKP with Ed25519", kind, curve)
		return k, faults
	}
	if algorithm != "" && algorithm != k.method.Alg() {
		fault("alg %.20q: want %s, as a key of this type is used", algorithm, k.method.Alg())
	}
	if use != "" && use != "sig" {
		fault("use %.20q: this key is not for signatures; give the one that tokens are signed with", use)
	}
	if raw, there := jwk["key_ops"]; there {
		var ops []string
		if json.Unmarshal(raw, &ops) != nil || !slices.Contains(ops, "verify") {
			fault("key_ops: want a list with verify in it; this key may not verify tokens")
		}
		for i, op := range ops {
			if !slices.Contains(operations, op) || slices.Contains(ops[:i], op) {
				fault("key_ops: %.20q is not for a key that verifies tokens, or is there twice", op)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(jwk)) {
		switch {
		case slices.Contains(common, name) || slices.Contains(own, name):
		case slices.Contains([]string{"d", "p", "q", "dp", "dq", "qi", "oth"}, name):
			fault("%s: a private part, with which this file could sign tokens: give nodes the public key alone, and take this one out of use", name)
		default:
			fault("unknown member %.40q: remove it, or correct its name", name)
		}
	}
	return k, faults
}

// minSecret is as long as HS256's hash: RFC 7518 demands no less.
const minSecret = 32

// parseSecret accepts at least 32 bytes that look random. 32 random ones have 20 different
// values but for one key in millions; a made-up pattern has few.
func parseSecret(encoded string) ([]byte, error) {
	secret, err := decodeSegment(encoded)
	if err != nil {
		return nil, err
	}
	if len(secret) < minSecret {
		return nil, fmt.Errorf("want at least %d bytes, got %d", minSecret, len(secret))
	}
	var seen [256]bool
	different := 0
	for _, b := range secret {
		if !seen[b] {
			seen[b] = true
			different++
		}
	}
	if different < 8 {
		return nil, fmt.Errorf("want random bytes, such as make secrets makes; these have only %d different values", different)
	}
	return secret, nil
}

// parsePublic accepts the one encoding of a point of the curve that is not of low
// order: with one of the eight that are, anybody makes signatures that verify.
func parsePublic(encoded string) (ed25519.PublicKey, error) {
	public, err := decodeSegment(encoded)
	if err != nil {
		return nil, err
	}
	if len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("want %d bytes, got %d", ed25519.PublicKeySize, len(public))
	}
	point, err := new(edwards25519.Point).SetBytes(public)
	switch {
	case err != nil || !bytes.Equal(point.Bytes(), public):
		return nil, errors.New("not a point of Ed25519's curve: no signature would verify")
	case new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1:
		return nil, errors.New("a point of low order: anybody could sign for it")
	}
	return public, nil
}
