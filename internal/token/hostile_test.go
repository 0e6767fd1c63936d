package token_test

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
	good := tokenOf(t, "alice")
	parts := strings.Split(good, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	tokens := map[string]string{
		"nothing":             "",
		"a letter":            "x",
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
		"stray bits":          good[:len(good)-1] + stray(good[len(good)-1]),
		"a blank in between":  header + " ." + payload + "." + signature,
		"another's signature": header + "." + payload + "." + strings.Split(tokenOf(t, "bob"), ".")[2],
		"another's claims":    header + "." + base64url([]byte(claims("sub", "bob"))) + "." + signature,
	}
	for _, alg := range []string{"none", "None", "NONE", ""} {
		unsigned := base64url([]byte(`{"alg":"`+alg+`"}`)) + "." + payload + "."
		tokens["unsigned with algorithm "+alg] = unsigned
		tokens["signed with algorithm "+alg] = unsigned + signature
	}
	return tokens
}

// stray is the last character of 32 bytes in base64url with another of its two unused bits.
func stray(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)+1])
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
		"another's secret":                           {otherSecret, otherSecret.header()},
		"another's public key":                       {otherPublic, otherPublic.header()},
		"a public key as the secret":                 {confused, `{"alg":"HS256","kid":"public"}`},
		"a public key as the secret, without an id":  {confused, `{"alg":"HS256"}`},
		"a secret's signature declared as EdDSA":     {secretKey, `{"alg":"EdDSA"}`},
		"a public key's signature declared as HS256": {publicKey, `{"alg":"HS256"}`},
		"a longer hash":                              {long, long.header()},
		"another key's id":                           {secretKey, `{"alg":"HS256","kid":"public"}`},
		"an unknown id":                              {secretKey, `{"alg":"HS256","kid":"x"}`},
		"no algorithm":                               {secretKey, `{}`},
		"another spelling of the algorithm":          {secretKey, `{"alg":"hs256"}`},
		"a critical extension":                       {secretKey, `{"alg":"HS256","crit":["exp"],"exp":1}`},
		"a critical extension of the wrong type":     {secretKey, `{"alg":"HS256","crit":"b64"}`},
		"a header of the wrong type":                 {secretKey, `[]`},
		"a header that is no JSON":                   {secretKey, `{`},
		"a header with a tail":                       {secretKey, secretKey.header() + "{}"},
		"a critical extension of none":               {secretKey, `{"alg":"HS256","crit":[]}`},
		"a critical extension of null":               {secretKey, `{"alg":"HS256","crit":null}`},
		"an algorithm given twice":                   {secretKey, `{"alg":"none","alg":"HS256"}`},
		"an algorithm given twice, once in escapes":  {secretKey, `{"alg":"HS256","\u0061lg":"HS256"}`},
		"an algorithm in a member of another case":   {secretKey, `{"ALG":"HS256"}`},
		"an algorithm that is a list":                {secretKey, `{"alg":["HS256"]}`},
		"a key id given twice":                       {secretKey, `{"alg":"HS256","kid":"secret","kid":"public"}`},
		"a key id of null":                           {secretKey, `{"alg":"HS256","kid":null}`},
		"a key id that is a number":                  {secretKey, `{"alg":"HS256","kid":7}`},
		"an empty key id":                            {secretKey, `{"alg":"HS256","kid":""}`},
		"the type of a logout":                       {secretKey, `{"alg":"HS256","typ":"logout+jwt"}`},
		"the type of a proof of possession":          {secretKey, `{"alg":"HS256","typ":"dpop+jwt"}`},
		"a type that is no text":                     {secretKey, `{"alg":"HS256","typ":1}`},
		"an empty type":                              {secretKey, `{"alg":"HS256","typ":""}`},
		"a token in a token":                         {secretKey, `{"alg":"HS256","cty":"JWT"}`},
		"claims that are declared unencoded":         {secretKey, `{"alg":"HS256","b64":false}`},
		"an encryption":                              {secretKey, `{"alg":"HS256","enc":"A256GCM"}`},
		"a compression":                              {secretKey, `{"alg":"HS256","zip":"DEF"}`},
		"a header in a list":                         {secretKey, `[` + secretKey.header() + `]`},
		"a header with half a surrogate pair":        {secretKey, `{"alg":"HS256","x":"\ud800"}`},
		"a header that is not UTF-8":                 {secretKey, "{\"alg\":\"HS256\",\"x\":\"\xff\"}"},
		"a header of mere brackets":                  {secretKey, `{"alg":"HS256","x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`},
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
		"expired":                              claims("exp", seconds-1),
		"expired this moment":                  claims("exp", seconds),
		"no expiry":                            claims("exp", nil),
		"an expiry in text":                    claims("exp", fmt.Sprint(seconds+60)),
		"a negative expiry":                    claims("exp", -1),
		"an expiry of null":                    written("exp", "null"),
		"an expiry past counting":              written("exp", "1e999"),
		"not valid yet":                        claims("nbf", seconds+60),
		"a not-before in text":                 claims("nbf", "0"),
		"no audience":                          claims("aud", nil),
		"another audience":                     claims("aud", "shop"),
		"other audiences":                      claims("aud", []string{"shop", "x"}),
		"no audiences":                         claims("aud", []string{}),
		"an empty audience":                    claims("aud", ""),
		"an audience in another case":          claims("aud", "Onsale"),
		"a longer audience":                    claims("aud", "onsale2"),
		"an audience among numbers":            claims("aud", []any{"onsale", 1}),
		"an audience in an object":             claims("aud", map[string]string{"onsale": "onsale"}),
		"an audience of a number":              claims("aud", 1),
		"an audience of null":                  written("aud", "null"),
		"no buyer":                             claims("sub", nil),
		"an empty buyer":                       claims("sub", ""),
		"a buyer that is a number":             claims("sub", 7),
		"an endless buyer":                     claims("sub", strings.Repeat("a", sale.MaxBuyerLength+1)),
		"a buyer with a line end":              claims("sub", "alice\n"),
		"a buyer with a zero":                  claims("sub", "alice\x00"),
		"a buyer with a delete":                claims("sub", "\x7f"),
		"claims that are a list":               "[]",
		"claims that are no JSON":              "x",
		"claims with a tail":                   claims() + "{}",
		"an expiry that is no number":          written("exp", "NaN"),
		"an expiry of nan":                     written("exp", "nan"),
		"an expiry without an end":             written("exp", "Infinity"),
		"an expiry without end, inf":           written("exp", "inf"),
		"an expiry in milliseconds":            claims("exp", (seconds+60)*1000),
		"an expiry in 10^300 years":            written("exp", "1e300"),
		"an expiry before 1970":                written("exp", "-1e300"),
		"an expiry in hexadecimal":             written("exp", "0xffffffffff"),
		"an expiry with a plus":                written("exp", "+99999999999"),
		"an expiry with a zero":                written("exp", "099999999999"),
		"an expiry in a list":                  claims("exp", []int64{seconds + 60}),
		"an expiry that is true":               claims("exp", true),
		"an expiry given twice":                strings.Replace(claims(), `{`, `{"exp":1,`, 1),
		"a not-before of NaN":                  written("nbf", "NaN"),
		"a not-before of null":                 written("nbf", "null"),
		"a not-before before 1970":             claims("nbf", -1),
		"a not-before past counting":           written("nbf", "-1e999"),
		"an issue time in text":                claims("iat", "0"),
		"an issue time of NaN":                 strings.Replace(claims(), `{`, `{"iat":NaN,`, 1),
		"a buyer given twice":                  strings.Replace(claims(), `{`, `{"sub":"mallory",`, 1),
		"a buyer given twice, once in escapes": strings.Replace(claims(), `{`, `{"\u0073ub":"mallory",`, 1),
		"a claim given twice":                  strings.Replace(claims(), `{`, `{"x":1,"x":1,`, 1),
		"a claim given twice, further in":      strings.Replace(claims(), `{`, `{"x":[{"a":1,"b":2,"a":3}],`, 1),
		"the last of many claims given twice":  strings.Replace(claims(), `{`, `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"i":1,`, 1),
		"an audience given twice":              strings.Replace(claims(), `{`, `{"aud":"shop",`, 1),
		"a buyer with half a surrogate pair":   written("sub", `"a\ud800b"`),
		"a buyer with the other half":          written("sub", `"a\udc00b"`),
		"a buyer with halves in wrong order":   written("sub", `"a\udc00\ud800b"`),
		"a buyer with two first halves":        written("sub", `"a\ud800\ud800b"`),
		"a buyer with a half at the end":       written("sub", `"a\ud800"`),
		"a buyer with half and a letter":       written("sub", `"a\ud800\u0061"`),
		"a buyer with no such escape":          written("sub", `"a\x41"`),
		"a buyer with a short escape":          written("sub", `"a\u12"`),
		"a buyer that is not UTF-8":            written("sub", "\"a\xffb\""),
		"a buyer in UTF-8 of a surrogate":      written("sub", "\"a\xed\xa0\x80b\""),
		"a buyer in overlong UTF-8":            written("sub", "\"a\xc1\xa1b\""),
		"a buyer with a bare line end":         written("sub", "\"a\nb\""),
		"a buyer of null":                      written("sub", "null"),
		"a buyer in a list":                    claims("sub", []string{"alice"}),
		"a buyer in an object":                 claims("sub", map[string]string{"sub": "alice"}),
		"a claim that is not UTF-8":            strings.Replace(claims(), `{`, "{\"x\":\"\xff\",", 1),
		"a name that is not UTF-8":             strings.Replace(claims(), `{`, "{\"\xff\":1,", 1),
		"claims in claims":                     `{"claims":` + claims() + `}`,
		"claims in a list":                     `[` + claims() + `]`,
		"claims in text":                       `"` + strings.ReplaceAll(claims(), `"`, `\"`) + `"`,
		"claims of mere brackets":              strings.Replace(claims(), `{`, `{"x":`+strings.Repeat("[", 250)+strings.Repeat("]", 250)+`,`, 1),
		"claims with a comma too many":         strings.Replace(claims(), `{`, `{,`, 1),
		"claims with a byte order mark":        "\ufeff" + claims(),
		"claims with a comment":                claims() + "// x",
		"claims with a zero byte":              claims() + "\x00",
		"empty claims":                         "",
	}
}
