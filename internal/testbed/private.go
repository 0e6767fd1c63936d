package testbed

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/golang-jwt/jwt/v5"
)

// LoadPrivateIssuer reads a private key in PEM (PKCS #8, PKCS #1 or SEC 1), which signs tokens with the key id. algorithm is one that
// nodes verify, or empty for the usual one of the key's type: RS256, ES256 or EdDSA.
func LoadPrivateIssuer(file, id, algorithm string) (*Issuer, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM: want a private key, such as openssl genpkey makes", file)
	}
	key, err := parsePrivate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", file, block.Type, err)
	}
	method, err := methodOf(key, algorithm)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Issuer{id: id, method: method, key: key}, nil
}

// parsePrivate tries the forms that openssl writes. Its error has nothing of the key.
func parsePrivate(der []byte) (any, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	return nil, errors.New("want a private key of RSA, P-256 or Ed25519 that no password encrypts")
}

// methodOf is how the key signs. Nodes verify nothing else.
func methodOf(key any, algorithm string) (jwt.SigningMethod, error) {
	var able []jwt.SigningMethod
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return nil, fmt.Errorf("an RSA key of %d bits: nodes want at least 2048", k.N.BitLen())
		}
		able = []jwt.SigningMethod{jwt.SigningMethodRS256, jwt.SigningMethodPS256}
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("an EC key of %s: nodes verify P-256 alone", k.Params().Name)
		}
		able = []jwt.SigningMethod{jwt.SigningMethodES256}
	case ed25519.PrivateKey:
		able = []jwt.SigningMethod{jwt.SigningMethodEdDSA}
	default:
		return nil, fmt.Errorf("a %T: nodes verify RSA, P-256 and Ed25519 alone", key)
	}
	want := cmp.Or(algorithm, able[0].Alg())
	for _, m := range able {
		if m.Alg() == want {
			return m, nil
		}
	}
	return nil, fmt.Errorf("--algorithm %s: this key signs with %s", algorithm, able[0].Alg())
}
