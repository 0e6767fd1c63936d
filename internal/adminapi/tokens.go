package adminapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Tokens are the operators' bearer tokens that are good at one time: several during a rotation. There may be none.
type Tokens []string

// Bounds of tokens.
const (
	minToken  = 16 // bytes
	maxTokens = 8  // each costs every guess a comparison
)

// ParseTokens reads one token a line. Blank lines and those that start with # are not read. Its errors name lines and never show them.
func ParseTokens(text string) (tokens Tokens, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		switch token := strings.TrimSpace(line); {
		case token == "" || token[0] == '#':
		case slices.Contains(tokens, token):
			err = errors.Join(err, fmt.Errorf("admin token in line %d: it is there already", number))
		default:
			tokens = append(tokens, token)
		}
	}
	return tokens, errors.Join(err, tokens.check())
}

// First is the one that is sent to others, or empty.
func (t Tokens) First() string {
	if len(t) == 0 {
		return ""
	}
	return t[0]
}

// check returns what is wrong with the tokens of a program that is to have some.
func (t Tokens) check() error {
	if len(t) == 0 || len(t) > maxTokens {
		return fmt.Errorf("admin token: want 1 to %d, got %d", maxTokens, len(t))
	}
	for i, token := range t {
		if len(token) < minToken {
			return fmt.Errorf("admin token %d: want at least %d bytes, got %d", i+1, minToken, len(token))
		}
	}
	return nil
}

// sums are the digests that requests are compared with: all of one length, so that a comparison shows nothing of a token's.
func (t Tokens) sums() (sums [][sha256.Size]byte) {
	for _, token := range t {
		sums = append(sums, sha256.Sum256([]byte(token)))
	}
	return sums
}

// authorized reports whether the request has one of the tokens. It takes the same time whichever it is, and wherever it differs.
func (h *Handler) authorized(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum, same := sha256.Sum256([]byte(token)), 0
	for _, known := range h.tokens {
		same |= subtle.ConstantTimeCompare(sum[:], known[:])
	}
	return same == 1 && strings.EqualFold(scheme, "Bearer")
}
