package testbed

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Issuer signs buyers' tokens for development and tests. In production the
// identity provider does, and nodes have only its verification keys.
type Issuer struct {
	id     string
	method jwt.SigningMethod
	key    any // []byte of HS256, or a private key
}

// savePlaceKeys makes keys of place tokens for a site, which its nodes alone use.
func savePlaceKeys(file string) error {
	i := NewIssuer()
	i.id = "places"
	return i.Save(file)
}

// Audience is what an issuer's tokens are for.
const Audience = "onsale"

// NewIssuer makes an issuer with a random HS256 key.
func NewIssuer() *Issuer {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails, as its documentation promises
	return &Issuer{id: "dev", method: jwt.SigningMethodHS256, key: secret}
}

// keySet is a JSON Web Key Set with one symmetric key.
type keySet struct {
	Keys []jsonKey `json:"keys"`
}

type jsonKey struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	K         string `json:"k"`
}

// LoadIssuer reads the key set that Save wrote.
func LoadIssuer(file string) (*Issuer, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var set keySet
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("%s holds no key set: %w", file, err)
	}
	if len(set.Keys) == 0 || set.Keys[0].Type != "oct" {
		return nil, fmt.Errorf("%s holds no symmetric key", file)
	}
	secret, err := base64.RawURLEncoding.DecodeString(set.Keys[0].K)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Issuer{id: set.Keys[0].ID, method: jwt.SigningMethodHS256, key: secret}, nil
}

// Save writes the key set that nodes verify with. Anyone who reads it can sign. It is for issuers with a symmetric key.
func (i *Issuer) Save(file string) error {
	secret, symmetric := i.key.([]byte)
	if !symmetric {
		return fmt.Errorf("the key of %s is not symmetric: give nodes the key set of its public half", i.id)
	}
	raw, err := json.MarshalIndent(keySet{[]jsonKey{{"oct", i.id, "HS256", base64.RawURLEncoding.EncodeToString(secret)}}}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o600)
}

// Token signs a token for a buyer of a site whose audience is [Audience].
func (i *Issuer) Token(buyer string, life time.Duration) (string, error) {
	return i.TokenFor(buyer, life, Audience, "")
}

// TokenFor is Token for another audience, and with an issuer unless that is empty.
func (i *Issuer) TokenFor(buyer string, life time.Duration, audience, issuer string) (string, error) {
	now := time.Now()
	t := jwt.NewWithClaims(i.method, jwt.RegisteredClaims{
		Subject: buyer, Audience: jwt.ClaimStrings{audience}, Issuer: issuer,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)),
	})
	if i.id != "" {
		t.Header["kid"] = i.id
	}
	return t.SignedString(i.key)
}
