package token_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"onsale/internal/sale"
	"onsale/internal/token"
)

func TestAGoodTokenNamesItsBuyer(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", sale.MaxBuyerLength)
	for name, c := range map[string]struct {
		signer signer
		header string // empty: the usual one
		claims string
		want   sale.Buyer
	}{
		"with a secret key":            {secretKey, "", claims(), "alice"},
		"with a public key":            {publicKey, "", claims(), "alice"},
		"without a key id":             {secretKey, `{"alg":"HS256"}`, claims(), "alice"},
		"public without a key id":      {publicKey, `{"typ":"JWT","alg":"EdDSA"}`, claims(), "alice"},
		"with unknown header members":  {secretKey, `{"alg":"HS256","typ":"at+jwt","jku":"https://evil.example"}`, claims(), "alice"},
		"with several audiences":       {secretKey, "", claims("aud", []string{"shop", "onsale"}), "alice"},
		"with no not-before":           {secretKey, "", claims("nbf", nil), "alice"},
		"with unknown claims":          {secretKey, "", claims("iss", "x", "roles", []string{"admin"}), "alice"},
		"with the longest buyer":       {secretKey, "", claims("sub", longest), sale.Buyer(longest)},
		"with a fraction of a second":  {secretKey, "", claims("exp", float64(noon.Add(time.Hour))/1000+0.25), "alice"},
		"with the last expiry":         {secretKey, "", claims("exp", 253402300799), "alice"},
		"with a surrogate pair":        {secretKey, "", strings.Replace(claims(), `"alice"`, `"\ud83c\udf9f"`, 1), "🎟"},
		"with escapes":                 {secretKey, "", strings.Replace(claims(), `"alice"`, `"\u0061l\u0069ce"`, 1), "alice"},
		"with claims of some depth":    {secretKey, "", claims("x", [][][]any{{{map[string]any{"sub": "bob"}}}}), "alice"},
		"with blanks between claims":   {secretKey, "", " {\t" + claims()[1:] + "\r\n", "alice"},
		"of the type JWT":              {secretKey, `{"alg":"HS256","typ":"jwt"}`, claims(), "alice"},
		"of the type of access tokens": {secretKey, `{"alg":"HS256","typ":"application/at+JWT"}`, claims(), "alice"},
		"with blanks and other script": {secretKey, "", claims("sub", "Алиса <a b>"), "Алиса <a b>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := c.header
			if header == "" {
				header = c.signer.header()
			}
			text := c.signer.sign(t, header, c.claims)
			v := verifier(t, everyone...)
			for range 2 { // the second time the header is known
				if got, err := v.Verify(text, noon.Time()); err != nil || got != c.want {
					t.Errorf("got %q, %v, want %q", got, err, c.want)
				}
			}
		})
	}
}

func TestAHostileTokenNamesNobody(t *testing.T) {
	t.Parallel()
	v := verifier(t, everyone...)
	for name, text := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			if got, err := v.Verify(text, noon.Time()); !errors.Is(err, token.ErrToken) || got != "" {
				t.Errorf("got %q, %v, want no buyer and ErrToken", got, err)
			}
		})
	}
}

// No request line brings these, but what is not one spelling is not one token.
func TestATokenWithLineEndsNamesNobody(t *testing.T) {
	t.Parallel()
	v, good := verifier(t, secretKey), tokenOf(t, "alice")
	for _, at := range []int{8, strings.IndexByte(good, '.') + 8, strings.LastIndexByte(good, '.') + 8, len(good)} {
		if _, err := v.Verify(good[:at]+"\r\n"+good[at:], noon.Time()); !errors.Is(err, token.ErrToken) {
			t.Errorf("at %d: got %v, want ErrToken", at, err)
		}
	}
}

func TestAnErrorNamesWhatIsWrongWithAToken(t *testing.T) {
	t.Parallel()
	v := verifier(t, everyone...)
	header := secretKey.header()
	for _, c := range []struct{ header, claims, want string }{
		{header, claims("exp", nil), "exp: a token without an expiry"},
		{header, strings.Replace(claims(), `{`, `{"sub":"bob",`, 1), `the member "sub" is there twice`},
		{header, strings.Replace(claims(), `"alice"`, `"a\ud800b"`, 1), "half of a surrogate pair"},
		{header, claims("exp", 1e15), "exp: want a number of seconds"},
		{header, claims("aud", "shop"), "aud: "},
		{header, claims("sub", ""), "sub: "},
		{`{"alg":"HS256","crit":["b64"]}`, claims(), "header: crit"},
		{`{"alg":"HS256","typ":"logout+jwt"}`, claims(), "header: typ"},
		{`{"alg":"HS512"}`, claims(), "no key that is known here made its signature"},
	} {
		if _, err := v.Verify(secretKey.sign(t, c.header, c.claims), noon.Time()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", c.claims, err, c.want)
		}
	}
}

func TestATokenIsGoodFromShortlyBeforeItsFirstMomentAndNotInItsLast(t *testing.T) {
	t.Parallel()
	v := verifier(t, secretKey)
	text := secretKey.sign(t, secretKey.header(), claims("nbf", 1000.5, "exp", 2000.25))
	for milli, good := range map[int64]bool{995_499: false, 995_500: true, 1_000_500: true, 2_000_249: true, 2_000_250: false} {
		if _, err := v.Verify(text, time.UnixMilli(milli)); (err == nil) != good {
			t.Errorf("at %d ms: got %v, want it good: %v", milli, err, good)
		}
	}
}

func TestWhenATokenWasIssuedIsNotJudged(t *testing.T) {
	t.Parallel()
	v := verifier(t, everyone...)
	for _, s := range everyone {
		for _, issued := range []any{0, noon.Add(-10000 * time.Hour).Time().Unix(), noon.Time().Unix(), noon.Add(10000 * time.Hour).Time().Unix()} {
			if _, err := v.Verify(s.sign(t, s.header(), claims("iat", issued)), noon.Time()); err != nil {
				t.Errorf("%s issued at %v: got %v, want it good", s.id, issued, err)
			}
		}
	}
}

func TestIssuersRotateTheirKeys(t *testing.T) {
	t.Parallel()
	next := signer{"next", jwt.SigningMethodHS256, otherSecret.key}
	both := verifier(t, secretKey, next)
	for _, s := range []signer{secretKey, next} {
		for _, header := range []string{s.header(), `{"alg":"HS256"}`} {
			if _, err := both.Verify(s.sign(t, header, claims()), noon.Time()); err != nil {
				t.Errorf("%s with %s: got %v, want it accepted", s.id, header, err)
			}
		}
	}
	if _, err := verifier(t, next).Verify(tokenOf(t, "alice"), noon.Time()); !errors.Is(err, token.ErrToken) {
		t.Errorf("got %v for a token of the key that is gone, want ErrToken", err)
	}
}

func TestOnlySignedHeadersAreRemembered(t *testing.T) {
	t.Parallel()
	v := verifier(t, everyone...)
	for _, text := range hostile(t) {
		_, _ = v.Verify(text, noon.Time()) // refused, as another test has it
	}
	before := v.Headers()
	for i := range 1000 {
		header := fmt.Sprintf(`{"alg":"HS256","n":%d}`, i)
		if _, err := v.Verify(otherSecret.sign(t, header, claims()), noon.Time()); !errors.Is(err, token.ErrToken) {
			t.Fatalf("got %v, want ErrToken", err)
		}
	}
	if got := v.Headers(); got != before {
		t.Errorf("got %d headers remembered of tokens by another's key, want none", got-before)
	}
	for i := range 1000 {
		if _, err := v.Verify(secretKey.sign(t, fmt.Sprintf(`{"alg":"HS256","n":%d}`, i), claims()), noon.Time()); err != nil {
			t.Fatalf("got %v past what is remembered, want nil", err)
		}
	}
	if got := v.Headers(); got > 24 {
		t.Errorf("got %d headers remembered, want at most 24 with five keys", got)
	}
}
