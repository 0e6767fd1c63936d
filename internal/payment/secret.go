package payment

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"onsale/internal/secretfile"
)

// Bounds of a secret's key, in bytes, and of the secrets in a file.
const (
	MinKeyLength = 24
	MaxKeyLength = 64
	// MaxSecrets is enough for several providers, each amid a rotation. Each secret
	// costs every forged message another HMAC of its body.
	MaxSecrets = 8
)

// secretPrefix marks a secret, so that one that was pasted into the wrong place is noticed.
const secretPrefix = "whsec_"

// Secret is a key that a provider and we share: anyone who knows it can report an order
// as paid. Only [Secret.Reveal] and [Secret.Save] reveal it. The zero Secret is none, and
// signing with it panics; == compares secrets, and reveals nothing else.
type Secret struct {
	// fmt reaches a String method through exported fields only, but it never
	// follows a pointer inside a struct. So the key stays out of a log line
	// that prints a whole configuration.
	key *[]byte
}

// NewSecret makes a secret with 32 random bytes of key.
func NewSecret() Secret {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, as its documentation promises
	return Secret{&key}
}

// ParseSecret accepts whsec_ and 24 to 64 bytes of key in standard base64. Its errors
// don't repeat the text: a secret with a typing error is nearly the secret.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case !ok:
		return Secret{}, errors.New("want a secret that starts with " + secretPrefix)
	// Go's decoder passes over line ends and stray bits, and other readers don't.
	case err != nil || base64.StdEncoding.EncodeToString(key) != encoded:
		return Secret{}, errors.New("want standard base64 with its padding after " + secretPrefix)
	case len(key) < MinKeyLength || len(key) > MaxKeyLength:
		return Secret{}, fmt.Errorf("want %d to %d bytes of key, got %d", MinKeyLength, MaxKeyLength, len(key))
	}
	return Secret{&key}, nil
}

// String hides the secret.
func (s Secret) String() string { return secretPrefix + "(hidden)" }

// Reveal is the text that [ParseSecret] accepts, for the one who has to hand it over.
func (s Secret) Reveal() string {
	return secretPrefix + base64.StdEncoding.EncodeToString(*s.key)
}

// Save writes the secret to a new file that only its owner may read. A file that is
// there already stays as it is, and the error wraps fs.ErrExist: a provider may be
// signing with what it holds.
func (s Secret) Save(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("payment secret: %w", err)
	}
	_, err = f.WriteString(s.Reveal() + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("payment secret: %w", err)
	}
	return nil
}

// Secrets are those that are good at one time: the first signs, and all verify. A
// rotation adds the new secret below the old one, moves it up once every node knows it,
// and drops the old one when no message signed with it is on its way.
type Secrets []Secret

// LoadSecrets reads a file of secrets, one a line. Blank lines and those that start with
// # are not read. It reports every faulty line at once, by its number and never by its
// content. A file without a secret is a fault.
func LoadSecrets(file string) (Secrets, error) {
	var secrets Secrets
	err := secretfile.Read(file, "payment secrets", MaxSecrets, func(text string) error {
		s, err := ParseSecret(text)
		if err == nil && secrets.has(s) {
			err = errors.New("this secret stands above already")
		}
		if err == nil {
			secrets = append(secrets, s)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return secrets, nil
}

// has reports whether the secret is among them. A line that was meant to be changed and
// was not would otherwise pass for a rotation.
func (s Secrets) has(other Secret) bool {
	for _, known := range s {
		if hmac.Equal(*known.key, *other.key) {
			return true
		}
	}
	return false
}
