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
	secret []byte
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
	return &Issuer{id: "dev", secret: secret}
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
	return &Issuer{id: set.Keys[0].ID, secret: secret}, nil
}

// Save writes the key set that nodes verify with. Anyone who reads it can sign.
func (i *Issuer) Save(file string) error {
	raw, err := json.MarshalIndent(keySet{[]jsonKey{{"oct", i.id, "HS256", base64.RawURLEncoding.EncodeToString(i.secret)}}}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o600)
}

// Token signs a token for a buyer.
func (i *Issuer) Token(buyer string, life time.Duration) (string, error) {
	now := time.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Subject: buyer, Audience: jwt.ClaimStrings{Audience},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)),
	})
	t.Header["kid"] = i.id
	return t.SignedString(i.secret)
}
