package token_test

import (
	"crypto/rsa"
	"runtime"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sys/unix"

	"onsale/internal/token"
)

// processor reports the processor's time of each turn, which other programs on the machine change less than the time of
// a clock.
func processor(b *testing.B) (end func()) {
	time := func() int64 {
		var used unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &used); err != nil {
			b.Fatal(err)
		}
		return used.Nano()
	}
	runtime.LockOSThread()
	begin := time()
	return func() {
		b.ReportMetric(float64(time()-begin)/float64(b.N), "cpu-ns/op")
		runtime.UnlockOSThread()
	}
}

// BenchmarkVerify is what a token costs: verified each time, verified before, of a signature that no key made, the
// same one again, and past its expiry.
func BenchmarkVerify(b *testing.B) {
	forgetful, err := token.NewVerifier(keySet(b, everyone...), token.Config{Audiences: ours.Audiences})
	if err != nil {
		b.Fatal(err)
	}
	for i, s := range everyone {
		good := s.sign(b, s.header(), claims())
		for _, c := range []struct {
			name     string
			v        *token.Verifier
			text     string
			at       time.Time
			accepted bool
		}{
			{"first", forgetful, good, noon.Time(), true},
			{"again", verifier(b, everyone...), good, noon.Time(), true},
			{"expired", forgetful, good, noon.Add(2 * time.Hour).Time(), false},
			{"forged again", verifier(b, everyone...), others[i].sign(b, s.header(), claims()), noon.Time(), false},
		} {
			b.Run(s.method.Alg()+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				defer processor(b)()
				for b.Loop() {
					if _, err := c.v.Verify(c.text, c.at); (err == nil) != c.accepted {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(s.method.Alg()+"/forged", func(b *testing.B) {
			// Each is another one, as strangers make them who know that they are remembered.
			v, text := verifier(b, everyone...), []byte(others[i].sign(b, s.header(), claims()))
			b.ReportAllocs()
			defer processor(b)()
			for n := 0; b.Loop(); n++ {
				for at, rest := len(text)-40, n; rest > 0; at, rest = at+1, rest/26 {
					text[at] = 'A' + byte(rest%26)
				}
				if _, err := v.Verify(string(text), noon.Time()); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
	for _, s := range []signer{secretKey, rsaKey} {
		b.Run("golang-jwt's Parser "+s.method.Alg(), func(b *testing.B) {
			text := s.sign(b, s.header(), claims())
			p := jwt.NewParser(jwt.WithValidMethods([]string{s.method.Alg()}), jwt.WithAudience("onsale"),
				jwt.WithExpirationRequired(), jwt.WithTimeFunc(noon.Time))
			var key any = s.key
			if s.id == rsaKey.id {
				key = s.key.(*rsa.PrivateKey).Public()
			}
			b.ReportAllocs()
			defer processor(b)()
			for b.Loop() {
				if _, err := p.ParseWithClaims(text, &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
