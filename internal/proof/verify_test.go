package proof_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/proof"
	"onsale/internal/sale"
)

func TestASolutionIsGoodUntilItsChallengeExpires(t *testing.T) {
	keys := proof.Keys{proof.NewKey()}
	c := keys.New(concert, alice, noon.Add(time.Minute), 1000)
	p := solved(t, c)
	for name, at := range map[string]sale.Instant{"at once": noon, "in the last millisecond": noon.Add(time.Minute) - 1} {
		// Sent again it is as good: there is no store of used ones, and joining again gives the same place.
		for range 2 {
			if err := keys.Verify(concert, alice, p, at); err != nil {
				t.Errorf("%s: got %v, want nil", name, err)
			}
		}
	}
	for _, at := range []sale.Instant{noon.Add(time.Minute), noon.Add(time.Hour)} {
		if err := keys.Verify(concert, alice, p, at); !errors.Is(err, proof.ErrWrong) || !strings.Contains(err.Error(), "expired") {
			t.Errorf("at %v: got %v, want an expired %v", at.Time(), err, proof.ErrWrong)
		}
	}
}

func TestAChallengeIsJSONAsClientsReadIt(t *testing.T) {
	c := proof.Keys{proof.NewKey()}.New(concert, alice, noon, 1000)
	var got proof.Challenge
	if err := json.Unmarshal(c.AppendJSON(nil), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("challenge (-want +got):\n%s", diff)
	}
	if want := "?expires=2282558400&"; c.Algorithm != "SHA-256" || c.MaxNumber != 1000 || !strings.HasSuffix(c.Salt, want) {
		t.Errorf("got %+v, want SHA-256 up to 1000 and a salt that ends in %s", c, want)
	}
}

func TestNumbersAreSpreadOverTheirRange(t *testing.T) {
	const each, tries = 3, 400
	var seen [each + 1]int
	keys := proof.Keys{proof.NewKey()}
	for range tries {
		seen[number(t, decoded(t, solved(t, keys.New(concert, alice, noon, each))))]++
	}
	for n, times := range seen {
		// The mean is 100 and its deviation below 9: eight of these are never seen.
		if times < tries/(each+1)-8*9 {
			t.Errorf("got %d %d times in %d, want about %d", n, times, tries, tries/(each+1))
		}
	}
}

func TestHostileSolutionsAreRefused(t *testing.T) {
	key := keyOf(t, 'k')
	keys := proof.Keys{key}
	c := keys.New(concert, alice, noon.Add(time.Minute), 100_000)
	good := solved(t, c)
	m := decoded(t, good)
	text := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	raw, _ := base64.StdEncoding.DecodeString(good)
	foreign := proof.Keys{keyOf(t, 'f')}.New(concert, alice, noon.Add(time.Minute), 100)
	flipped := strings.NewReplacer("0", "1", "1", "0", "2", "3", "3", "2").Replace
	number := m["number"].(json.Number)
	for name, p := range map[string]string{
		"an altered number":                 payload(t, with(m, map[string]any{"number": json.Number(number.String() + "1")})),
		"a number that is a text":           payload(t, with(m, map[string]any{"number": number.String()})),
		"a number with a fraction":          payload(t, with(m, map[string]any{"number": json.Number(number.String() + ".0")})),
		"a number with an exponent":         payload(t, with(m, map[string]any{"number": json.Number(number.String() + "e0")})),
		"a negative number":                 payload(t, with(m, map[string]any{"number": json.Number("-" + number.String())})),
		"a huge number":                     payload(t, with(m, map[string]any{"number": json.Number(strings.Repeat("9", 200))})),
		"no number":                         payload(t, with(m, map[string]any{"number": nil})),
		"a number that is null":             text(strings.Replace(string(raw), `"number":`+number.String(), `"number":null`, 1)),
		"another salt":                      payload(t, with(m, map[string]any{"salt": strings.Repeat("0", 24) + c.Salt[24:]})),
		"a later expiry":                    payload(t, with(m, map[string]any{"salt": strings.Replace(c.Salt, "expires=228255846", "expires=228255847", 1)})),
		"a salt without an expiry":          payload(t, with(m, map[string]any{"salt": c.Salt[:24]})),
		"a salt with two expiries":          payload(t, with(m, map[string]any{"salt": c.Salt + "expires=9999999999&"})),
		"a salt with full-width digits":     payload(t, with(m, map[string]any{"salt": strings.Replace(c.Salt, "=2", "=２", 1)})),
		"a salt with a NUL":                 payload(t, with(m, map[string]any{"salt": c.Salt + "\x00"})),
		"a salt that is a list":             payload(t, with(m, map[string]any{"salt": []string{c.Salt}})),
		"an endless expiry":                 payload(t, with(m, map[string]any{"salt": c.Salt[:33] + "999999999999&"})),
		"an altered signature":              payload(t, with(m, map[string]any{"signature": flipped(c.Signature)})),
		"a signature in capitals":           payload(t, with(m, map[string]any{"signature": strings.ToUpper(c.Signature)})),
		"half of a signature":               payload(t, with(m, map[string]any{"signature": c.Signature[:32]})),
		"an empty signature":                payload(t, with(m, map[string]any{"signature": ""})),
		"a signature with wide digits":      payload(t, with(m, map[string]any{"signature": "１" + c.Signature[3:]})),
		"another challenge":                 payload(t, with(m, map[string]any{"challenge": foreign.Challenge})),
		"another algorithm":                 payload(t, with(m, map[string]any{"algorithm": "SHA-1"})),
		"no algorithm":                      payload(t, with(m, map[string]any{"algorithm": nil})),
		"an algorithm in other letters":     payload(t, with(m, map[string]any{"algorithm": "sha-256"})),
		"a member twice":                    text(strings.TrimSuffix(string(raw), "}") + `,"number":` + number.String() + `}`),
		"a member twice, once with escapes": text(strings.TrimSuffix(string(raw), "}") + `,"s\u0061lt":"` + c.Salt + `"}`),
		"a member in other letters":         text(strings.Replace(string(raw), `"salt"`, `"Salt"`, 1)),
		"a key of nobody here":              solved(t, foreign),
		"no JSON":                           text("solved"),
		"a list":                            text("[" + string(raw) + "]"),
		"more behind it":                    text(string(raw) + string(raw)),
		"brackets":                          text(strings.Repeat("[", 500)),
		"not base64":                        "{" + good,
		"no padding":                        strings.TrimRight(good, "=") + "=====",
		"a line end":                        good[:8] + "\n" + good[8:],
		"too long":                          text(strings.TrimSuffix(string(raw), "}") + `,"x":"` + strings.Repeat("x", 600) + `"}`),
		"base64 of the address form":        strings.NewReplacer("+", "-", "/", "_").Replace(base64.StdEncoding.EncodeToString([]byte(string(raw) + "\xff\xfe\xfb"))),
	} {
		t.Run(name, func(t *testing.T) {
			if p == good {
				t.Fatal("got the good solution, want a changed one")
			}
			if err := keys.Verify(concert, alice, p, noon); !errors.Is(err, proof.ErrWrong) {
				t.Errorf("got %v, want %v", err, proof.ErrWrong)
			}
		})
	}
	for _, other := range []struct {
		id    sale.ID
		buyer sale.Buyer
	}{{"concert2", alice}, {concert, "bob"}, {"concer", "t" + alice}, {concert, alice + " "}, {concert, "Alice"}} {
		if err := keys.Verify(other.id, other.buyer, good, noon); !errors.Is(err, proof.ErrWrong) {
			t.Errorf("for %+v: got %v, want %v", other, err, proof.ErrWrong)
		}
	}
	if err := keys.Verify(concert, alice, "", noon); !errors.Is(err, proof.ErrRequired) {
		t.Errorf("without a proof: got %v, want %v", err, proof.ErrRequired)
	}
	if err := keys.Verify(concert, alice, good, noon); err != nil {
		t.Errorf("the good solution: got %v, want nil", err)
	}
}

// "…?expires=17" with the number 23 has the same hash as "…?expires=172" with the number 3: whoever had solved a challenge of ALTCHA's
// libraries without the "&" could use it for as long as digits of the number lasted.
func TestDigitsOfTheNumberDoNotMoveIntoTheExpiry(t *testing.T) {
	keys := proof.Keys{proof.NewKey()}
	for range 20 {
		c := keys.New(concert, alice, noon.Add(time.Minute), 100_000)
		m := decoded(t, solved(t, c))
		whole := c.Salt + m["number"].(json.Number).String()
		for at := 1; at < len(whole); at++ {
			if at == len(c.Salt) {
				continue
			}
			p := fmt.Sprintf(`{"algorithm":"SHA-256","challenge":%q,"number":%s,"salt":%q,"signature":%q}`, c.Challenge, whole[at:], whole[:at], c.Signature)
			if err := keys.Verify(concert, alice, base64.StdEncoding.EncodeToString([]byte(p)), noon); !errors.Is(err, proof.ErrWrong) {
				t.Fatalf("got %v for the salt %q and the number %s, want %v", err, whole[:at], whole[at:], proof.ErrWrong)
			}
		}
	}
}

// Whatever is accepted is what another reader of JSON sees in it, too.
func FuzzVerify(f *testing.F) {
	keys := proof.Keys{keyOf(f, 'k')}
	c := challenge(f, recorded) // the same in each of the fuzzer's processes
	good, err := base64.StdEncoding.DecodeString(c.Payload(3327))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, change := range [][2]string{
		{`"salt"`, `"s\u0061lt"`}, {`{`, `{"took":1.5,"worker":true,`}, {`{`, `{"number":0,`}, {`"SHA-256"`, `"SHA\u002d256"`}, {`}`, ` } `}, {`}`, `,"x":[[[{}]]]}`},
		{`&"`, `\u0026"`}, {`"number":`, `"number":-`}, {`"number":`, `"number":1e`}, {`{`, `{"":{"salt":1},`}, {`{`, "{\"\xff\":1,"},
	} {
		f.Add(bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := keys.Verify(concert, alice, base64.StdEncoding.EncodeToString(raw), noon)
		if err != nil {
			if !errors.Is(err, proof.ErrWrong) && !(errors.Is(err, proof.ErrRequired) && len(raw) == 0) {
				t.Fatalf("got %v, want %v", err, proof.ErrWrong)
			}
			return
		}
		m := decoded(t, base64.StdEncoding.EncodeToString(raw))
		for name, want := range map[string]any{"algorithm": "SHA-256", "challenge": c.Challenge, "salt": c.Salt, "signature": c.Signature} {
			if m[name] != want {
				t.Fatalf("accepted %q with the %s %v, want %v", raw, name, m[name], want)
			}
		}
		if got := number(t, m); got != 3327 {
			t.Fatalf("accepted %q with the number %d, want 3327", raw, got)
		}
	})
}

// number is a payload's.
func number(t testing.TB, members map[string]any) int64 {
	t.Helper()
	n, err := members["number"].(json.Number).Int64()
	if err != nil {
		t.Fatal(err)
	}
	return n
}
