package token_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"onsale/internal/sale"
	"onsale/internal/token"
)

// public are the signers whose signatures are costly.
var public = everyone[1:]

// counting is a verifier with the checks that it makes.
func counting(t testing.TB, remember int, signers ...signer) (*token.Verifier, *[token.Checks]int) {
	t.Helper()
	v, err := token.NewVerifier(keySet(t, signers...), token.Config{Audiences: ours.Audiences, Remember: remember})
	if err != nil {
		t.Fatal(err)
	}
	var checks [token.Checks]int
	v.SetHooks(token.Hooks{Checked: func(c token.Check) { checks[c]++ }})
	return v, &checks
}

func TestACostlySignatureIsVerifiedOnce(t *testing.T) {
	t.Parallel()
	for _, s := range public {
		v, checks := counting(t, 100, s)
		good, bad := s.sign(t, s.header(), claims()), cut(s.sign(t, s.header(), claims("sub", "mallory")))
		for range 10 {
			if got, err := v.Verify(good, noon.Time()); err != nil || got != "alice" {
				t.Errorf("%s: got %q, %v, want alice", s.id, got, err)
			}
			if _, err := v.Verify(bad, noon.Time()); !errors.Is(err, token.ErrToken) {
				t.Errorf("%s: got %v, want ErrToken", s.id, err)
			}
		}
		if want := [token.Checks]int{token.Verified: 1, token.Remembered: 9, token.Refused: 1, token.RefusedAgain: 9}; *checks != want {
			t.Errorf("%s: got %v, want %v", s.id, *checks, want)
		}
	}
	v, checks := counting(t, 100, secretKey)
	for range 10 {
		if _, err := v.Verify(tokenOf(t, "alice"), noon.Time()); err != nil {
			t.Error(err)
		}
	}
	if want := [token.Checks]int{token.Verified: 10}; *checks != want {
		t.Errorf("HS256: got %v, want %v: it costs as much as to remember it", *checks, want)
	}
}

func TestARememberedTokenExpires(t *testing.T) {
	t.Parallel()
	for _, s := range public {
		v, checks := counting(t, 100, s)
		text := s.sign(t, s.header(), claims("nbf", 1000.5, "exp", 2000.25))
		for _, c := range []struct {
			milli int64
			good  bool
		}{{1_000_500, true}, {2_000_249, true}, {2_000_250, false}, {9_000_000, false}, {995_499, false}, {995_500, true}} {
			if _, err := v.Verify(text, time.UnixMilli(c.milli)); (err == nil) != c.good {
				t.Errorf("%s at %d ms: got %v, want it good: %v", s.id, c.milli, err, c.good)
			}
		}
		if want := [token.Checks]int{token.Verified: 1, token.Remembered: 5}; *checks != want {
			t.Errorf("%s: got %v, want %v", s.id, *checks, want)
		}
	}
}

// A token that is like a remembered one in all but a byte is none.
func TestWhatResemblesARememberedTokenIsVerified(t *testing.T) {
	t.Parallel()
	for _, s := range public {
		v := verifier(t, s)
		good := s.sign(t, s.header(), claims())
		if _, err := v.Verify(good, noon.Time()); err != nil {
			t.Fatal(err)
		}
		for at := range len(good) {
			other := good[:at] + string('A'+(good[at]+1)%25) + good[at+1:]
			if got, err := v.Verify(other, noon.Time()); other != good && (err == nil || got != "") {
				t.Fatalf("%s, byte %d: got %q, %v, want no buyer", s.id, at, got, err)
			}
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 5, 64} {
		v, _ := counting(t, size, ecKey)
		most := max(4, size*2) // rounded up to a power of two
		if size == 0 {
			most = 0
		}
		for i := range 200 {
			text := ecKey.sign(t, ecKey.header(), claims("sub", fmt.Sprint("buyer ", i)))
			if got, err := v.Verify(text, noon.Time()); err != nil || got != sale.Buyer(fmt.Sprint("buyer ", i)) {
				t.Fatalf("got %q, %v, want buyer %d", got, err, i)
			}
		}
		if got := v.Remembered(); got > most || size > 0 && got == 0 {
			t.Errorf("got %d tokens remembered of %d, want 1 to %d", got, size, most)
		}
	}
}

// What is of no use goes first.
func TestExpiredTokensMakeRoom(t *testing.T) {
	t.Parallel()
	v, checks := counting(t, 4, ecKey) // one row of places
	lasting := ecKey.sign(t, ecKey.header(), claims())
	if _, err := v.Verify(lasting, noon.Time()); err != nil {
		t.Fatal(err)
	}
	at := noon
	for range 60 { // three of them at a time
		at = at.Add(time.Second)
		if _, err := v.Verify(ecKey.sign(t, ecKey.header(), claims("exp", at.Add(2*time.Second+time.Second/2).Time().Unix())), at.Time()); err != nil {
			t.Fatal(err)
		}
	}
	*checks = [token.Checks]int{}
	if _, err := v.Verify(lasting, at.Time()); err != nil || checks[token.Remembered] != 1 {
		t.Errorf("got %v, %v, want it remembered", err, *checks)
	}
}

func TestARemovedKeyInvalidatesWhatIsRemembered(t *testing.T) {
	t.Parallel()
	for _, s := range public {
		v, checks := counting(t, 100, secretKey)
		adopt := func(signers ...signer) {
			t.Helper()
			if _, err := v.Adopt(keySet(t, signers...)); err != nil {
				t.Fatal(err)
			}
		}
		verify := func(text string, want error, check token.Check) {
			t.Helper()
			*checks = [token.Checks]int{}
			if _, err := v.Verify(text, noon.Time()); !errors.Is(err, want) || check < token.Checks && checks[check] != 1 {
				t.Errorf("%s: got %v, %v, want %v and check %v", s.id, err, *checks, want, check)
			}
		}
		next := signer{"next", jwt.SigningMethodES256, newEC()}
		text, early := s.sign(t, s.header(), claims()), next.sign(t, `{"alg":"ES256"}`, claims())
		adopt(s)
		verify(text, nil, token.Verified)
		adopt(s)
		verify(text, nil, token.Remembered) // nothing has changed
		adopt(next, s)
		verify(text, nil, token.Remembered) // its key stays
		adopt(next)
		verify(text, token.ErrToken, token.Checks)
		verify(early, nil, token.Verified)
		adopt(s)
		verify(text, nil, token.Verified) // the key is back, what was remembered is not
		verify(early, token.ErrToken, token.Checks)
		adopt(next, s)
		verify(early, nil, token.Verified) // what was refused is verified with the new key
	}
}

func TestManyVerifyAtOnceWhileKeysRotate(t *testing.T) {
	t.Parallel()
	v := verifier(t, secretKey)
	a, b := ecKey, signer{"b", jwt.SigningMethodES256, newEC()}
	sets := [][]byte{keySet(t, a), keySet(t, a, b), keySet(t, b, a)}
	if _, err := v.Adopt(sets[0]); err != nil {
		t.Fatal(err)
	}
	stays, forged := a.sign(t, a.header(), claims()), otherEC.sign(t, a.header(), claims())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				if got, err := v.Verify(stays, noon.Time()); err != nil || got != "alice" {
					t.Errorf("got %q, %v of a key that is always there", got, err)
				}
				if _, err := v.Verify(forged, noon.Time()); err == nil {
					t.Error("got a forged token accepted")
				}
			}
		})
	}
	all.Go(func() {
		for i := range 100 {
			if _, err := v.Adopt(sets[i%len(sets)]); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
}

func TestARememberedTokenAllocatesNothing(t *testing.T) {
	for _, s := range public {
		v, text, now := verifier(t, s), s.sign(t, s.header(), claims()), noon.Time()
		if allocs := testing.AllocsPerRun(100, func() {
			if _, err := v.Verify(text, now); err != nil {
				t.Fatal(err)
			}
		}); allocs > allocationSlack {
			t.Errorf("%s: got %v allocations, want none", s.id, allocs)
		}
	}
}

func TestChecksHaveNames(t *testing.T) {
	t.Parallel()
	var names []string
	for c := range token.Check(token.Checks) {
		names = append(names, c.String())
	}
	if slices.Sort(names); len(slices.Compact(names)) != token.Checks || strings.Contains(strings.Join(names, ""), " ") {
		t.Errorf("got %q, want a name for each", names)
	}
}
