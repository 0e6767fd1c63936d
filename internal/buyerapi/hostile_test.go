package buyerapi_test

import (
	"crypto/ed25519"
	_ "crypto/sha512" // of the longer hash
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"onsale/internal/sale"
)

// otherSecret and otherPublic are keys that no node has.
var (
	otherSecret = signer{"secret", jwt.SigningMethodHS256, []byte("another thirty-two bytes secret!")}
	otherPublic = signer{"public", jwt.SigningMethodEdDSA, ed25519.NewKeyFromSeed([]byte("another thirty-two bytes of seed"))}
)

// hostile are tokens that identify nobody, by what is wrong with them.
func hostile(t testing.TB) map[string]string {
	tokens := misshapen(t)
	maps.Copy(tokens, forged(t))
	for what, claims := range hollow() {
		tokens[what] = secretKey.sign(t, secretKey.header(), claims)
	}
	return tokens
}

// misshapen are tokens of odd form, and unsigned ones.
func misshapen(t testing.TB) map[string]string {
	good := token(t, "alice")
	parts := strings.Split(good, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	tokens := map[string]string{
		"nothing":             "",
		"a word":              "x",
		"dots":                "..",
		"two segments":        header + "." + payload,
		"four segments":       good + "." + signature,
		"no header":           "." + payload + "." + signature,
		"no claims":           header + ".." + signature,
		"no signature":        header + "." + payload + ".",
		"a cut signature":     good[:len(good)-4],
		"a long signature":    good + "AAAA",
		"padded base64":       good + "=",
		"standard base64":     good[:len(good)-4] + "+/+/",
		"another's signature": header + "." + payload + "." + strings.Split(token(t, "bob"), ".")[2],
		"another's claims":    header + "." + base64url([]byte(claims("sub", "bob"))) + "." + signature,
	}
	for _, alg := range []string{"none", "None", "NONE", ""} {
		unsigned := base64url([]byte(`{"alg":"`+alg+`"}`)) + "." + payload + "."
		tokens["unsigned with algorithm "+alg] = unsigned
		tokens["signed with algorithm "+alg] = unsigned + signature
	}
	return tokens
}

// forged are tokens whose signature is of a key or an algorithm that may not
// make it, or whose header is not understood.
func forged(t testing.TB) map[string]string {
	public := publicKey.key.(ed25519.PrivateKey).Public().(ed25519.PublicKey)
	confused := signer{"public", jwt.SigningMethodHS256, []byte(public)}
	long := signer{"secret", jwt.SigningMethodHS512, secretKey.key}
	tokens := map[string]string{}
	for what, c := range map[string]struct {
		signer signer
		header string
	}{
		"another's secret":                          {otherSecret, otherSecret.header()},
		"another's public key":                      {otherPublic, otherPublic.header()},
		"a public key as the secret":                {confused, `{"alg":"HS256","kid":"public"}`},
		"a public key as the secret, without an id": {confused, `{"alg":"HS256"}`},
		"a secret's signature said to be EdDSA":     {secretKey, `{"alg":"EdDSA"}`},
		"a public key's signature said to be HS256": {publicKey, `{"alg":"HS256"}`},
		"a longer hash":                             {long, long.header()},
		"another key's id":                          {secretKey, `{"alg":"HS256","kid":"public"}`},
		"an unknown id":                             {secretKey, `{"alg":"HS256","kid":"x"}`},
		"no algorithm":                              {secretKey, `{}`},
		"another spelling of the algorithm":         {secretKey, `{"alg":"hs256"}`},
		"a critical extension":                      {secretKey, `{"alg":"HS256","crit":["exp"],"exp":1}`},
		"a critical extension of the wrong type":    {secretKey, `{"alg":"HS256","crit":"b64"}`},
		"a header of the wrong type":                {secretKey, `[]`},
		"a header that is no JSON":                  {secretKey, `{`},
		"a header with a tail":                      {secretKey, secretKey.header() + "{}"},
	} {
		tokens[what] = c.signer.sign(t, c.header, claims())
	}
	return tokens
}

// hollow are claims that identify nobody, however well they are signed.
func hollow() map[string]string {
	seconds := noon.Time().Unix()
	// JSON that Go does not write by itself.
	written := func(name, value string) string {
		return strings.Replace(claims(), `"`+name+`":`, `"`+name+`":`+value+`,"was":`, 1)
	}
	return map[string]string{
		"expired":                     claims("exp", seconds-1),
		"expired this moment":         claims("exp", seconds),
		"no expiry":                   claims("exp", nil),
		"an expiry in text":           claims("exp", fmt.Sprint(seconds+60)),
		"a negative expiry":           claims("exp", -1),
		"an expiry of null":           written("exp", "null"),
		"an expiry past counting":     written("exp", "1e999"),
		"not valid yet":               claims("nbf", seconds+60),
		"a not-before in text":        claims("nbf", "0"),
		"no audience":                 claims("aud", nil),
		"another audience":            claims("aud", "shop"),
		"other audiences":             claims("aud", []string{"shop", "x"}),
		"no audiences":                claims("aud", []string{}),
		"an empty audience":           claims("aud", ""),
		"an audience in another case": claims("aud", "Onsale"),
		"a longer audience":           claims("aud", "onsale2"),
		"an audience among numbers":   claims("aud", []any{"onsale", 1}),
		"an audience in an object":    claims("aud", map[string]string{"onsale": "onsale"}),
		"an audience of a number":     claims("aud", 1),
		"an audience of null":         written("aud", "null"),
		"no buyer":                    claims("sub", nil),
		"an empty buyer":              claims("sub", ""),
		"a buyer that is a number":    claims("sub", 7),
		"an endless buyer":            claims("sub", strings.Repeat("a", sale.MaxBuyerLength+1)),
		"a buyer with a line end":     claims("sub", "alice\n"),
		"a buyer with a zero":         claims("sub", "alice\x00"),
		"a buyer with a delete":       claims("sub", "\x7f"),
		"claims that are a list":      "[]",
		"claims that are no JSON":     "x",
		"claims with a tail":          claims() + "{}",
		"empty claims":                "",
	}
}
