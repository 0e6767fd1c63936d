package token_test

import (
	"errors"
	"strings"
	"testing"

	"onsale/internal/token"
)

func TestOnlyTokensOfTheIssuersCount(t *testing.T) {
	t.Parallel()
	const one, other = "https://login.example.com/", "https://new.example.com/"
	for _, s := range everyone {
		strictly, err := token.NewVerifier(keySet(t, s), token.Config{Audiences: ours.Audiences, Issuers: []string{one, other}})
		if err != nil {
			t.Fatal(err)
		}
		for _, iss := range []string{one, other} {
			if got, err := strictly.Verify(s.sign(t, s.header(), claims("iss", iss)), noon.Time()); err != nil || got != "alice" {
				t.Errorf("%s of %s: got %q, %v, want alice", s.id, iss, got, err)
			}
		}
		for _, iss := range []any{nil, "", strings.TrimSuffix(one, "/"), one + "x", strings.ToUpper(one), "http://login.example.com/", []string{one}, map[string]string{one: one}, 1, true} {
			if got, err := strictly.Verify(s.sign(t, s.header(), claims("iss", iss)), noon.Time()); !errors.Is(err, token.ErrToken) || got != "" || !strings.Contains(err.Error(), "iss: ") {
				t.Errorf("%s of %v: got %q, %v, want iss named", s.id, iss, got, err)
			}
		}
		twice := strings.Replace(claims("iss", one), `{`, `{"iss":"https://evil.example/",`, 1)
		if _, err := strictly.Verify(s.sign(t, s.header(), twice), noon.Time()); !errors.Is(err, token.ErrToken) {
			t.Errorf("%s of two issuers: got %v, want ErrToken", s.id, err)
		}
		if _, err := verifier(t, s).Verify(s.sign(t, s.header(), claims("iss", "anybody")), noon.Time()); err != nil {
			t.Errorf("%s where no issuer is configured: got %v, want it accepted", s.id, err)
		}
	}
}

func TestATokenMayBeForAnyAudienceOfOurs(t *testing.T) {
	t.Parallel()
	v, err := token.NewVerifier(keySet(t, rsaKey, secretKey), token.Config{Audiences: []string{"onsale", "https://api.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []signer{rsaKey, secretKey} {
		for _, aud := range []any{"onsale", "https://api.example.com", []string{"x", "https://api.example.com"}} {
			if _, err := v.Verify(s.sign(t, s.header(), claims("aud", aud)), noon.Time()); err != nil {
				t.Errorf("%v: got %v, want it accepted", aud, err)
			}
		}
		for _, aud := range []any{"onsale,https://api.example.com", "onsale https://api.example.com", "api.example.com", []string{"x"}, nil} {
			if _, err := v.Verify(s.sign(t, s.header(), claims("aud", aud)), noon.Time()); err == nil || !strings.Contains(err.Error(), "aud: ") {
				t.Errorf("%v: got %v, want aud named", aud, err)
			}
		}
	}
}

func TestWhatGuardsNothingIsNoConfiguration(t *testing.T) {
	t.Parallel()
	for _, c := range []token.Config{{}, {Audiences: []string{""}}, {Audiences: []string{"onsale", ""}}, {Audiences: []string{"onsale"}, Issuers: []string{""}}} {
		if _, err := token.NewVerifier(keySet(t, secretKey), c); err == nil {
			t.Errorf("%+v: got no error", c)
		}
	}
}
