package payment_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/payment"
)

// transport answers without a network, so that the bubble's clock is the only one.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// answers is a transport that gives one answer after the other, the last one for ever,
// and notes when each attempt was made.
func answers(times *[]time.Time, headers ...string) transport {
	return func(*http.Request) (*http.Response, error) {
		nth := min(len(*times), len(headers)-1)
		*times = append(*times, time.Now())
		response := &http.Response{StatusCode: 503, Status: "503 Service Unavailable", Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}
		if headers[nth] == "ok" {
			response.StatusCode = 200
		} else if headers[nth] != "" {
			response.Header.Set("Retry-After", headers[nth])
		}
		return response, nil
	}
}

func pay(t *testing.T, through transport, change func(*payment.Config)) (payment.Answer, error) {
	t.Helper()
	cfg := payment.DefaultConfig()
	cfg.URL = "http://node.test/v1/payments/webhook"
	if change != nil {
		change(&cfg)
	}
	p, err := payment.NewPayer(secret(t, whsec(32, 'p')), &http.Client{Transport: through}, cfg, payment.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	return p.Pay(t.Context(), paid())
}

func TestWaitsDoubleUpToTheirBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		_, err := pay(t, answers(&times, ""), func(c *payment.Config) {
			c.Backoff, c.MaxWait, c.Attempts = time.Second, 10*time.Second, 8
		})
		if !errors.Is(err, payment.ErrUndelivered) || len(times) != 8 {
			t.Fatalf("got %v after %d attempts, want ErrUndelivered after 8", err, len(times))
		}
		for i, most := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
			most *= time.Second
			if got := times[i+1].Sub(times[i]); got <= most/2 || got > most {
				t.Errorf("wait %d: got %v, want more than half of %v and not more than it", i+1, got, most)
			}
		}
	})
}

func TestWaitsAreNotAllAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waits := map[time.Duration]bool{}
		for range 20 {
			var times []time.Time
			if _, err := pay(t, answers(&times, "", "ok"), nil); err != nil {
				t.Fatal(err)
			}
			waits[times[1].Sub(times[0])] = true
		}
		if len(waits) < 10 {
			t.Errorf("got %d different first waits of 20, want them spread", len(waits))
		}
	})
}

func TestRetryAfter(t *testing.T) {
	// A date is of whole seconds, and the clock of every bubble starts at one.
	date := func(d time.Duration) func() string {
		return func() string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	}
	text := func(s string) func() string { return func() string { return s } }
	const least, most = 125 * time.Millisecond, 250 * time.Millisecond // of the first backoff
	for name, c := range map[string]struct {
		header      func() string
		least, most time.Duration
	}{
		"seconds are waited":             {text("7"), 7 * time.Second, 7 * time.Second},
		"a date is waited for":           {date(9 * time.Second), 9 * time.Second, 9 * time.Second},
		"the longest wait is waited":     {text("30"), 30 * time.Second, 30 * time.Second},
		"less than the backoff is not":   {text("0"), least, most},
		"a date in the past is not":      {date(-time.Hour), least, most},
		"less than nothing is not":       {text("-5"), least, most},
		"what makes no sense is ignored": {text("soon"), least, most},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var times []time.Time
				got, err := pay(t, answers(&times, c.header(), "ok"), nil)
				if err != nil || got.Status != 200 || len(times) != 2 {
					t.Fatalf("got %+v, %v after %d attempts, want 200 in the second", got, err, len(times))
				}
				if wait := times[1].Sub(times[0]); wait < c.least || wait > c.most {
					t.Errorf("got a wait of %v, want %v to %v", wait, c.least, c.most)
				}
			})
		})
	}
}

func TestAWaitTooLongIsNotCutShort(t *testing.T) {
	for _, header := range []string{"31", "86400", "4294967296", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			var times []time.Time
			start := time.Now()
			got, err := pay(t, answers(&times, header), nil)
			if !errors.Is(err, payment.ErrUndelivered) || len(times) != 1 || time.Since(start) != 0 {
				t.Errorf("Retry-After %s: got %+v, %v after %d attempts and %v, want it to give up at once", header, got, err, len(times), time.Since(start))
			}
			if got.Status != 503 {
				t.Errorf("Retry-After %s: got status %d, want the answer that asked for it", header, got.Status)
			}
		})
	}
}

// closing notes that a body was closed: one that is not keeps its connection.
type closing struct {
	io.Reader
	closed *int
}

func (c closing) Close() error {
	*c.closed++
	return nil
}

func TestEveryAnswerIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts, closed := 0, 0
		_, err := pay(t, func(*http.Request) (*http.Response, error) {
			attempts++
			code := 503
			if attempts == 3 {
				code = 200
			}
			return &http.Response{StatusCode: code, Header: http.Header{}, Body: closing{strings.NewReader("text"), &closed}}, nil
		}, nil)
		if err != nil || attempts != 3 || closed != attempts {
			t.Errorf("got %v, %d attempts and %d closed, want each of three closed", err, attempts, closed)
		}
	})
}

// A message that is retried for longer than the tolerance still verifies.
func TestEveryAttemptIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secrets := payment.Secrets{secret(t, whsec(32, 'p'))}
		attempts, stamps := 0, map[string]bool{}
		start := time.Now()
		_, err := pay(t, func(r *http.Request) (*http.Response, error) {
			text, _ := io.ReadAll(r.Body)
			h := payment.Headers{ID: []byte(r.Header.Get("webhook-id")), Timestamp: []byte(r.Header.Get("webhook-timestamp")), Signature: []byte(r.Header.Get("webhook-signature"))}
			if _, err := secrets.Verify(h, text, instant(time.Now())); err != nil {
				t.Errorf("attempt %d after %v: %v", attempts+1, time.Since(start), err)
			}
			attempts++
			stamps[string(h.Timestamp)] = true
			return nil, errors.New("the network is away")
		}, func(c *payment.Config) { c.Backoff, c.MaxWait, c.Attempts = 10*time.Minute, 10*time.Minute, 5 })
		if !errors.Is(err, payment.ErrUndelivered) || !strings.Contains(err.Error(), "the network is away") || len(stamps) != 5 {
			t.Errorf("got %v and %d timestamps, want the reason and 5", err, len(stamps))
		}
	})
}

func TestAnAttemptThatHangsIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		_, err := pay(t, func(r *http.Request) (*http.Response, error) {
			times = append(times, time.Now())
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, func(c *payment.Config) { c.Timeout, c.Attempts = 3*time.Second, 2 })
		if !errors.Is(err, payment.ErrUndelivered) || !errors.Is(err, context.DeadlineExceeded) || len(times) != 2 {
			t.Fatalf("got %v after %d attempts, want a timeout after 2", err, len(times))
		}
		if got := times[1].Sub(times[0]); got < 3*time.Second || got > 3250*time.Millisecond {
			t.Errorf("got the second attempt after %v, want the timeout of 3s and a wait of at most 250ms", got)
		}
	})
}
