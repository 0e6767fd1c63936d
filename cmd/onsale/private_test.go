package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tokens "onsale/internal/token"
)

// pemFile writes a private key.
func pemFile(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func made[K any](key K, err error) K {
	if err != nil {
		panic(err) // a source of random bytes never fails
	}
	return key
}

// TestAPrivateKeySignsTokens: nodes that have the public half accept the tokens, with each algorithm that they verify.
func TestAPrivateKeySignsTokens(t *testing.T) {
	code := base64.RawURLEncoding.EncodeToString
	prime := made(rsa.GenerateKey(rand.Reader, 2048))
	curve := made(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point := made(curve.PublicKey.Bytes())
	rsaKey := map[string]string{"kty": "RSA", "n": code(prime.N.Bytes()), "e": code(big.NewInt(int64(prime.E)).Bytes())}
	ecKey := map[string]string{"kty": "EC", "crv": "P-256", "x": code(point[1:33]), "y": code(point[33:])}
	der := func(key any) []byte { return made(x509.MarshalPKCS8PrivateKey(key)) }
	for name, c := range map[string]struct {
		file      string
		public    map[string]string
		algorithm string
	}{
		"RS256":            {pemFile(t, "PRIVATE KEY", der(prime), nil), rsaKey, ""},
		"RS256 of PKCS #1": {pemFile(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(prime), nil), rsaKey, "RS256"},
		"PS256":            {pemFile(t, "PRIVATE KEY", der(prime), nil), rsaKey, "PS256"},
		"ES256":            {pemFile(t, "PRIVATE KEY", der(curve), nil), ecKey, ""},
		"ES256 of SEC 1":   {pemFile(t, "EC PRIVATE KEY", made(x509.MarshalECPrivateKey(curve)), nil), ecKey, ""},
		"EdDSA":            {pemFile(t, "PRIVATE KEY", der(edwards), nil), map[string]string{"kty": "OKP", "crv": "Ed25519", "x": code(edwards.Public().(ed25519.PublicKey))}, "EdDSA"},
	} {
		t.Run(name, func(t *testing.T) {
			algorithm := strings.Fields(name)[0]
			c.public["kid"], c.public["alg"] = "k1", algorithm
			set, err := json.Marshal(map[string]any{"keys": []any{c.public}})
			if err != nil {
				t.Fatal(err)
			}
			verifier, err := tokens.NewVerifier(set, tokens.Config{Audiences: []string{"shows"}, Issuers: []string{"https://id.example"}})
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"token", "--private-key", c.file, "--kid", "k1", "--audience", "shows", "--issuer", "https://id.example"}
			if c.algorithm != "" {
				args = append(args, "--algorithm", c.algorithm)
			}
			out, err := finished(t, args...)
			if err != nil {
				t.Fatal(err)
			}
			line := strings.TrimSpace(out)
			header, err := base64.RawURLEncoding.DecodeString(strings.Split(line, ".")[0])
			if err != nil || !strings.Contains(string(header), `"alg":"`+algorithm+`"`) {
				t.Errorf("got the header %s, %v, want %s", header, err, algorithm)
			}
			if buyer, err := verifier.Verify(line, time.Now()); err != nil || buyer != "buyer-1" {
				t.Errorf("got %q, %v, want buyer-1", buyer, err)
			}
		})
	}
	for name, c := range map[string]struct {
		file, algorithm, want string
	}{
		"a curve that no node verifies":  {pemFile(t, "PRIVATE KEY", der(made(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))), nil), "", "P-256 alone"},
		"a key that is too short":        {pemFile(t, "PRIVATE KEY", der(shortKey()), nil), "", "at least 2048"},
		"an algorithm of another key":    {pemFile(t, "PRIVATE KEY", der(curve), nil), "RS256", "this key signs with ES256"},
		"a longer hash":                  {pemFile(t, "PRIVATE KEY", der(prime), nil), "RS512", "this key signs with RS256"},
		"a public key":                   {pemFile(t, "PUBLIC KEY", made(x509.MarshalPKIXPublicKey(curve.Public())), nil), "", "want a private key"},
		"no PEM":                         {os.Args[0], "", "no PEM"},
		"a file that is not there":       {filepath.Join(t.TempDir(), "none"), "", "no such file"},
		"an algorithm without a key":     {"", "PS256", "--private-key"},
		"none, which would sign nothing": {pemFile(t, "PRIVATE KEY", der(prime), nil), "none", "this key signs with RS256"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"token", "--algorithm", c.algorithm}
			if c.file != "" {
				args = append(args, "--private-key", c.file)
			}
			if _, err := finished(t, args...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

// shortKey is an RSA key that others would make and nodes refuse.
func shortKey() *rsa.PrivateKey { return made(rsa.GenerateKey(rand.Reader, 1024)) }
