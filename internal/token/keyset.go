package token

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// maxKeys bounds the keys of a set. Identity providers publish two to ten.
const maxKeys = 64

// parseKeySet reads a JSON Web Key Set, RFC 7517.
//
// The keys of a file are ours to correct, so that it reports every fault at once: a key that is not
// what its owner took it for would let somebody else sign, or nobody. What a provider publishes is
// not: there are keys for encryption and other algorithms in it, and members of its own. Of such a
// set the keys that can't be used are left out, and it is refused where none remains.
func parseKeySet(raw []byte, published bool) (keys []*key, leftOut []error, err error) {
	if err := strict(raw); err != nil {
		return nil, nil, fmt.Errorf("not a JSON Web Key Set: %w", err)
	}
	var set map[string]json.RawMessage
	var jwks []map[string]json.RawMessage
	if json.Unmarshal(raw, &set) != nil || set["keys"] != nil && json.Unmarshal(set["keys"], &jwks) != nil {
		return nil, nil, errors.New(`not a JSON Web Key Set: want {"keys":[{…}, …]}`)
	}
	if len(jwks) > maxKeys {
		return nil, nil, fmt.Errorf("want at most %d keys, got %d", maxKeys, len(jwks))
	}
	var faults []error
	for name := range set {
		if name != "keys" && !published {
			faults = append(faults, fmt.Errorf("unknown member %.40q beside keys: remove it", name))
		}
	}
	for i, jwk := range jwks {
		k, errs := parseKey(jwk, published)
		if slices.ContainsFunc(keys, func(other *key) bool { return clash(k, other, published) }) {
			errs = append(errs, errors.New("kid: another key has the same one, or has none either; give each key its own"))
		}
		if len(errs) == 0 || !published {
			keys = append(keys, k)
		}
		for _, err := range errs {
			faults = append(faults, fmt.Errorf("key %d (%.40s): %w", i, k.id, err))
		}
	}
	switch {
	case len(keys) == 0 && !published:
		faults = append(faults, errors.New("no keys: put one in the list keys"))
	case len(keys) == 0:
		faults = append(faults, errors.New("no key that can be used"))
	case published:
		return keys, faults, nil
	}
	if len(faults) > 0 {
		return nil, nil, errors.Join(faults...)
	}
	return keys, nil, nil
}

// clash reports whether two keys of a set have one id. Providers may publish a key for each
// algorithm under one id, and several without any.
func clash(a, b *key, published bool) bool {
	if published {
		return a.id == b.id && a.id != "" && a.method == b.method
	}
	return a.id == b.id
}

// common are the members that every key may have. What has another name is refused in a file
// rather than ignored: "us":"enc" would lift the limit that its writer meant.
var common = []string{"kty", "kid", "alg", "use", "key_ops", "x5u", "x5c", "x5t", "x5t#S256"}

// members reads those of one key, and collects the faults.
type members struct {
	jwk    map[string]json.RawMessage
	faults []error
}

func (m *members) fault(format string, args ...any) {
	m.faults = append(m.faults, fmt.Errorf(format, args...))
}

func (m *members) text(name string) (value string) {
	raw, there := m.jwk[name]
	if there && (json.Unmarshal(raw, &value) != nil || value == "") {
		m.fault("%s: want a text that is not empty", name)
	}
	return value
}

// parsed reads a member by what its text stands for.
func parsed[T any](m *members, name string, parse func(string) (T, error)) T {
	value, err := parse(m.text(name))
	if err != nil {
		m.fault("%s: %w", name, err)
	}
	return value
}

// parseKey reads one key. It goes on after a fault, so that all are found. A key has one
// algorithm, which a token can't choose: that of its alg, or the usual one of its type.
func parseKey(jwk map[string]json.RawMessage, published bool) (*key, []error) {
	m := &members{jwk: jwk}
	kind, curve, use, algorithm := m.text("kty"), m.text("crv"), m.text("use"), m.text("alg")
	k := &key{id: m.text("kid")}
	own, operations := []string{"crv", "x"}, []string{"verify"}
	switch {
	case kind == "oct":
		if published {
			m.fault("kty oct: a secret that is published guards nothing")
		}
		k = hs256(k.id, parsed(m, "k", parseSecret))
		own, operations = []string{"k"}, []string{"verify", "sign"}
	case kind == "OKP" && curve == "Ed25519":
		public := parsed(m, "x", parsePublic)
		k.method, k.secret, k.print = jwt.SigningMethodEdDSA, public, fingerprint(public)
	case kind == "EC" && curve == "P-256":
		k.method = jwt.SigningMethodES256
		m.point(k)
		own = []string{"crv", "x", "y"}
	case kind == "RSA":
		k.method = jwt.SigningMethodRS256
		if algorithm == jwt.SigningMethodPS256.Alg() {
			k.method = jwt.SigningMethodPS256
		}
		public := &rsa.PublicKey{N: parsed(m, "n", parseModulus), E: parsed(m, "e", parseExponent)}
		if len(m.faults) == 0 {
			k.secret, k.print = public, rsaPrint(public)
		}
		own = []string{"n", "e"}
	default:
		m.fault("kty %.20q crv %.20q: want oct, RSA, EC with P-256, or OKP with Ed25519", kind, curve)
		return k, m.faults
	}
	if algorithm != "" && algorithm != k.method.Alg() {
		m.fault("alg %.20q: want %s, as a key of this type is used", algorithm, wanted(k))
	}
	if use != "" && use != "sig" {
		m.fault("use %.20q: this key is not for signatures; give the one that tokens are signed with", use)
	}
	m.operations(operations)
	m.unknown(own, published)
	return k, m.faults
}

// wanted are the algorithms that a key of this type may be for.
func wanted(k *key) string {
	if k.method == jwt.SigningMethodRS256 {
		return "RS256 or PS256"
	}
	return k.method.Alg()
}

// point reads the two halves of a point of P-256.
func (m *members) point(k *key) {
	half := func(encoded string) ([]byte, error) { return decodeLength(encoded, 32) }
	x, y := parsed(m, "x", half), parsed(m, "y", half)
	if len(m.faults) > 0 {
		return
	}
	public, err := parsePoint(x, y)
	if err != nil {
		m.fault("%w", err)
		return
	}
	k.secret, k.print = public, fingerprint(append(x, y...))
}

// operations checks key_ops, if it is there.
func (m *members) operations(allowed []string) {
	raw, there := m.jwk["key_ops"]
	if !there {
		return
	}
	var ops []string
	if json.Unmarshal(raw, &ops) != nil || !slices.Contains(ops, "verify") {
		m.fault("key_ops: want a list with verify in it; this key may not verify tokens")
	}
	for i, op := range ops {
		if !slices.Contains(allowed, op) || slices.Contains(ops[:i], op) {
			m.fault("key_ops: %.20q is not for a key that verifies tokens, or is there twice", op)
		}
	}
}

// unknown reports private parts, and in a file every other member that is not known.
func (m *members) unknown(own []string, published bool) {
	for _, name := range slices.Sorted(maps.Keys(m.jwk)) {
		switch {
		case slices.Contains(common, name) || slices.Contains(own, name):
		case slices.Contains([]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}, name):
			m.fault("%s: a private part, with which this file could sign tokens: give nodes the public key alone, and take this one out of use", name)
		case !published:
			m.fault("unknown member %.40q: remove it, or correct its name", name)
		}
	}
}
