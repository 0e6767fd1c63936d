package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"

	"filippo.io/edwards25519"
	"github.com/golang-jwt/jwt/v5"
)

// key verifies tokens of one algorithm, that which it was published for.
type key struct {
	id     string
	method jwt.SigningMethod
	secret any
	macs   *macs  // nil where the method is not HS256
	print  string // fingerprint
	gone   atomic.Bool
}

func hs256(id string, secret []byte) *key {
	return &key{id: id, method: jwt.SigningMethodHS256, secret: secret, macs: newMacs(secret), print: fingerprint(secret)}
}

// made reports whether the key made the signature.
func (k *key) made(signature []byte, signed string) bool {
	if k.macs == nil {
		return k.method.Verify(signed, signature, k.secret) == nil
	}
	sum := k.macs.sum(signed)
	return hmac.Equal(signature, sum[:])
}

// same reports whether the other key accepts the same tokens.
func (k *key) same(other *key) bool {
	return k.id == other.id && k.method == other.method && k.print == other.print
}

// macs are HMACs that have their key: giving a new one the key costs as much as
// hashing the token.
type macs struct{ sync.Pool }

type mac struct {
	hash.Hash
	text, out []byte
}

func newMacs(secret []byte) *macs {
	return &macs{sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, secret)} }}}
}

func (m *macs) sum(text string) (sum [sha256.Size]byte) {
	h := m.Get().(*mac)
	defer m.Put(h)
	h.Reset()
	h.text = append(h.text[:0], text...)
	h.Write(h.text) // a hash.Hash never fails
	h.out = h.Sum(h.out[:0])
	copy(sum[:], h.out)
	return sum
}

// fingerprint is short, but nobody finds another key of the same one.
func fingerprint(k []byte) string {
	sum := sha256.Sum256(append([]byte("onsale token key "), k...))
	return hex.EncodeToString(sum[:8])
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
	public, err := decodeLength(encoded, ed25519.PublicKeySize)
	if err != nil {
		return nil, err
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

// parsePoint accepts a point of P-256, whose order is prime: none of them is weak.
func parsePoint(x, y []byte) (*ecdsa.PublicKey, error) {
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil, errors.New("x, y: not a point of P-256: no signature would verify")
	}
	return public, nil
}

func decodeLength(encoded string, length int) ([]byte, error) {
	raw, err := decodeSegment(encoded)
	if err == nil && len(raw) != length {
		err = fmt.Errorf("want %d bytes, got %d", length, len(raw))
	}
	return raw, err
}
