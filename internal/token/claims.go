package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"onsale/internal/sale"
)

// claims are what a token claims that is made for us.
type claims struct {
	buyer           sale.Buyer
	begins, expires float64 // in seconds since 1970
}

// names are the claims that are looked at.
var names = []string{subject: "sub", expiry: "exp", beginning: "nbf", issue: "iat", issuer: "iss", audience: "aud"}

const (
	subject = iota
	expiry
	beginning
	issue
	issuer
	audience
	claimed // how many there are
)

// payload is a token's second segment, and what it claims, as it is written there; nil: nothing.
type payload struct {
	text   []byte
	claims [claimed][]byte
}

// payloads are used again: one is read for every token.
var payloads = sync.Pool{New: func() any { return new(payload) }}

// claims reads a token's second segment. It is nobody's as long as no signature was verified.
func (v *Verifier) claims(segment string, now float64) (claims, error) {
	p := payloads.Get().(*payload)
	defer payloads.Put(p)
	clear(p.claims[:])
	var err error
	if p.text, err = appendSegment(p.text[:0], segment); err != nil {
		err = errSegment
	} else {
		err = strictMembers(p.text, names, p.claims[:])
	}
	if err != nil {
		return claims{}, fmt.Errorf("claims: %w", err)
	}
	c, err := v.valid(p, now)
	if err != nil {
		return claims{}, err
	}
	buyer, ok := textOf(p.claims[subject])
	if !ok {
		return claims{}, errors.New("sub: want a text that names the buyer")
	}
	if c.buyer, err = sale.ParseBuyer(string(buyer)); err != nil {
		return claims{}, fmt.Errorf("sub: %w", err)
	}
	return c, nil
}

// textOf is the text that a JSON value which strict has passed is, if it is one.
func textOf(value []byte) (text []byte, ok bool) {
	if len(value) == 0 || value[0] != '"' {
		return nil, false
	}
	s := strictReader{text: value, at: 1}
	text, err := s.string()
	return text, err == nil
}

// broken reports whether a text has line breaks, which package base64 passes over. strings.ContainsAny is slower.
func broken(s string) bool { return strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 }

// decodeSegment accepts the one spelling that RFC 7515 gives bytes: Go's decoder passes
// over line ends, and so takes many spellings for one token or key.
func decodeSegment(s string) ([]byte, error) {
	raw, err := base64url.DecodeString(s)
	if err != nil || broken(s) {
		return nil, errSegment
	}
	return raw, nil
}

var errSegment = errors.New("want base64url without padding, blanks or stray bits")

var base64url = base64.RawURLEncoding.Strict()

// valid returns no error where the claims hold now and are made for an audience of ours by an issuer
// that counts. An expiry is demanded, a beginning is not.
func (v *Verifier) valid(p *payload, now float64) (c claims, err error) {
	if c.expires, err = numericDate(p, expiry); err != nil {
		return c, err
	}
	if c.begins, err = numericDate(p, beginning); err != nil {
		return c, err
	}
	if _, err := numericDate(p, issue); err != nil {
		return c, err
	}
	if p.claims[expiry] == nil {
		return c, errors.New("exp: a token without an expiry is good for ever, so one is needed")
	}
	if err := c.hold(now); err != nil {
		return c, err
	}
	switch {
	case !v.issued(p.claims[issuer]):
		return c, errors.New("iss: the token is of no issuer that counts here")
	case !v.aimedAt(p.claims[audience]):
		return c, errors.New("aud: the token is not made for this audience")
	}
	return c, nil
}

// early is by how many seconds a token may be ahead of its beginning: issuers' clocks are not Redis's, and many date a token's
// beginning to the moment in which it is signed. Raised, a token that was made for later is good sooner; lowered, the first
// requests of buyers whose issuer's clock is ahead are refused. An expiry has no such margin: issuers choose it minutes ahead.
// When a token was issued (iat) is looked at by nobody: nothing depends on it.
const early = 5

// hold is nil from a token's beginning, or shortly before, until its expiry.
func (c claims) hold(now float64) error {
	switch {
	case c.expires <= now:
		return errors.New("exp: the token has expired, get a new one")
	case c.begins > now+early:
		return errors.New("nbf: the token is not valid yet")
	}
	return nil
}

// lastSecond ends the year 9999. What is later is no expiry but a mistake, such as
// milliseconds for seconds, and would be good for thousands of years.
const lastSecond = float64(sale.MaxInstant) / 1000

// numericDate is a time of the claims, RFC 7519: seconds, possibly with a fraction; 0
// where there is none.
func numericDate(p *payload, claim int) (float64, error) {
	value := p.claims[claim]
	if value == nil {
		return 0, nil
	}
	seconds, ok := wholeSeconds(value)
	if !ok {
		var err error
		seconds, err = strconv.ParseFloat(string(value), 64)
		ok = err == nil && seconds >= 0 && seconds <= lastSecond
	}
	if !ok {
		return 0, fmt.Errorf("%s: want a number of seconds since 1970, before the year 10000", names[claim])
	}
	return seconds, nil
}

// wholeSeconds is the number that so many digits are as all years until 2286 have. Other numbers take longer.
func wholeSeconds(value []byte) (float64, bool) {
	if len(value) > len("9999999999") {
		return 0, false
	}
	n := 0
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return float64(n), true
}

// issued reports whether tokens of the issuer count.
func (v *Verifier) issued(issuer []byte) bool {
	return len(v.config.Issuers) == 0 || among(v.config.Issuers, issuer)
}

// aimedAt reports whether an audience of ours is one of the token's: a string, or a
// list of nothing but strings.
func (v *Verifier) aimedAt(audience []byte) bool {
	if len(audience) == 0 || audience[0] != '[' {
		return among(v.config.Audiences, audience)
	}
	found := false
	s := strictReader{text: audience, at: 1}
	for !s.next(']') {
		s.blank()
		begin := s.at
		if err := s.value(1); err != nil || audience[begin] != '"' {
			return false
		}
		found = found || among(v.config.Audiences, audience[begin:s.at])
		s.next(',')
	}
	return found
}

// among reports whether a JSON value is one of the texts.
func among(texts []string, value []byte) bool {
	text, ok := textOf(value)
	if !ok {
		return false
	}
	for _, one := range texts {
		if string(text) == one {
			return true
		}
	}
	return false
}
