package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"onsale/internal/sale"
)

// parsers read tokens: encoding/json would cost more than HS256's signature.
var parsers fastjson.ParserPool

// claims are what a token claims that is made for us.
type claims struct {
	buyer           sale.Buyer
	begins, expires float64 // in seconds since 1970
}

// claims reads a token's second segment. It is nobody's as long as no signature was verified.
func (v *Verifier) claims(segment string, now float64) (claims, error) {
	payload, err := decodeSegment(segment)
	if err == nil {
		err = strict(payload)
	}
	if err != nil {
		return claims{}, fmt.Errorf("claims: %w", err)
	}
	p := parsers.Get()
	defer parsers.Put(p)
	claimed, err := p.ParseBytes(payload)
	if err != nil {
		return claims{}, fmt.Errorf("claims: %w", err)
	}
	c, err := v.valid(claimed, now)
	if err != nil {
		return claims{}, err
	}
	if sub := claimed.Get("sub"); sub == nil || sub.Type() != fastjson.TypeString {
		return claims{}, errors.New("sub: want a text that names the buyer")
	}
	if c.buyer, err = sale.ParseBuyer(string(claimed.GetStringBytes("sub"))); err != nil {
		return claims{}, fmt.Errorf("sub: %w", err)
	}
	return c, nil
}

// broken reports whether a text has line breaks, which package base64 passes over. strings.ContainsAny is slower.
func broken(s string) bool { return strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0 }

// decodeSegment accepts the one spelling that RFC 7515 gives bytes: Go's decoder passes
// over line ends, and so takes many spellings for one token or key.
func decodeSegment(s string) ([]byte, error) {
	raw, err := base64url.DecodeString(s)
	if err != nil || broken(s) {
		return nil, errors.New("want base64url without padding, blanks or stray bits")
	}
	return raw, nil
}

var base64url = base64.RawURLEncoding.Strict()

// valid returns no error where the claims hold now and are made for an audience of ours by an issuer
// that counts. An expiry is demanded, a beginning is not.
func (v *Verifier) valid(claimed *fastjson.Value, now float64) (c claims, err error) {
	if c.expires, err = numericDate(claimed, "exp"); err != nil {
		return c, err
	}
	if c.begins, err = numericDate(claimed, "nbf"); err != nil {
		return c, err
	}
	if _, err := numericDate(claimed, "iat"); err != nil {
		return c, err
	}
	if !claimed.Exists("exp") {
		return c, errors.New("exp: a token without an expiry is good for ever, so one is needed")
	}
	if err := c.hold(now); err != nil {
		return c, err
	}
	switch {
	case !v.issued(claimed.Get("iss")):
		return c, errors.New("iss: the token is of no issuer that counts here")
	case !v.aimedAt(claimed.Get("aud")):
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
func numericDate(claimed *fastjson.Value, name string) (float64, error) {
	v := claimed.Get(name)
	if v == nil {
		return 0, nil
	}
	seconds, err := v.Float64()
	if err != nil || !(seconds >= 0 && seconds <= lastSecond) {
		return 0, fmt.Errorf("%s: want a number of seconds since 1970, before the year 10000", name)
	}
	return seconds, nil
}

// issued reports whether tokens of the issuer count.
func (v *Verifier) issued(issuer *fastjson.Value) bool {
	return len(v.config.Issuers) == 0 ||
		issuer != nil && issuer.Type() == fastjson.TypeString && among(v.config.Issuers, issuer)
}

// aimedAt reports whether an audience of ours is one of the token's: a string, or a
// list of nothing but strings.
func (v *Verifier) aimedAt(audience *fastjson.Value) bool {
	if audience == nil {
		return false
	}
	if audience.Type() == fastjson.TypeString {
		return among(v.config.Audiences, audience)
	}
	found := false
	for _, one := range audience.GetArray() {
		if one.Type() != fastjson.TypeString {
			return false
		}
		found = found || among(v.config.Audiences, one)
	}
	return found
}

func among(texts []string, one *fastjson.Value) bool {
	return slices.Contains(texts, string(one.GetStringBytes()))
}
