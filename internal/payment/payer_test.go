package payment_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/payment"
)

func TestPayShowsTheAnswer(t *testing.T) {
	s := serve(t, status(200, `{"state":"paid"}`))
	got, err := s.payer(t, nil).Pay(t.Context(), paid())
	if err != nil {
		t.Fatal(err)
	}
	want := payment.Answer{Payment: "pay_1", Message: s.ids[0], Attempts: 1, Status: 200, Body: []byte(`{"state":"paid"}`)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]payment.Message{{Type: payment.Succeeded, Data: paid()}}, s.got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestPayMakesAnIDOnceUnlessGivenOne(t *testing.T) {
	s := serve(t, status(200, ""))
	p := s.payer(t, nil)
	d := paid()
	d.Payment = ""
	one, err := p.Pay(t.Context(), d)
	if err != nil || !strings.HasPrefix(string(one.Payment), "pay_") || one.Payment != s.got[0].Data.Payment {
		t.Errorf("got %q, %v, want a new id that was sent, %q", one.Payment, err, s.got[0].Data.Payment)
	}
	two, err := p.Pay(t.Context(), d)
	if err != nil || one.Payment == two.Payment || one.Message == two.Message {
		t.Errorf("got %+v and %+v, %v, want other ids for another payment", one, two, err)
	}
}

func TestARefusalIsFinal(t *testing.T) {
	for _, code := range []int{201, 204, 400, 401, 404, 408, 409, 410, 413, 422, 499} {
		s := serve(t, status(code, ""))
		got, err := s.payer(t, nil).Pay(t.Context(), paid())
		if err != nil || got.Status != code || got.Attempts != 1 {
			t.Errorf("got %+v, %v, want the only answer, %d", got, err, code)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, "/v1/payments/webhook", code)
		})
		client := *s.Client()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
		cfg := payment.DefaultConfig()
		cfg.URL = s.URL + "/v1/payments/webhook"
		p, err := payment.NewPayer(s.secret, &client, cfg, payment.Hooks{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Pay(t.Context(), paid())
		if err != nil || got.Status != code || len(s.got) != 1 {
			t.Errorf("got %+v, %v after %d requests, want %d after one", got, err, len(s.got), code)
		}
	}
}

func TestAFailureIsTriedAgainUnderTheSameID(t *testing.T) {
	faults := []func(http.ResponseWriter, *http.Request){
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, // the connection is lost
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
		func(w http.ResponseWriter, _ *http.Request) { // the answer is cut off
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		},
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(599) },
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request, nth int) {
		if nth <= len(faults) {
			faults[nth-1](w, r)
			return
		}
		_, _ = io.WriteString(w, "paid")
	})
	var retried []int
	cfg := payment.DefaultConfig()
	cfg.URL, cfg.Backoff, cfg.MaxWait = s.URL+"/v1/payments/webhook", time.Millisecond, time.Millisecond
	p, err := payment.NewPayer(s.secret, s.Client(), cfg, payment.Hooks{
		Retrying: func(attempts int, reason error, wait time.Duration) {
			if reason == nil || wait <= 0 || wait > time.Millisecond {
				t.Errorf("got reason %v and wait %v, want a reason and at most 1ms", reason, wait)
			}
			retried = append(retried, attempts)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Pay(t.Context(), paid())
	if err != nil || got.Attempts != 7 || got.Status != 200 || string(got.Body) != "paid" {
		t.Errorf("got %+v, %v, want 200 in the seventh attempt", got, err)
	}
	for i := range s.ids {
		if s.ids[i] != got.Message || s.body[i] != s.body[0] {
			t.Errorf("attempt %d: got id %q and body %s, want %q and %s", i+1, s.ids[i], s.body[i], got.Message, s.body[0])
		}
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6}, retried); diff != "" {
		t.Errorf("retries (-want +got):\n%s", diff)
	}
}

func TestPayGivesUpAfterItsAttempts(t *testing.T) {
	s := serve(t, status(503, "busy"))
	got, err := s.payer(t, func(c *payment.Config) { c.Attempts = 3 }).Pay(t.Context(), paid())
	if !errors.Is(err, payment.ErrUndelivered) || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "pay_1") {
		t.Errorf("got %v, want ErrUndelivered with payment and reason", err)
	}
	if len(s.got) != 3 || got.Attempts != 3 || got.Status != 503 || string(got.Body) != "busy" {
		t.Errorf("got %+v after %d requests, want the third one's answer", got, len(s.got))
	}
}

func TestPayWithoutAServerHasNoAnswer(t *testing.T) {
	s := serve(t, status(200, ""))
	p := s.payer(t, func(c *payment.Config) { c.Attempts = 2 })
	s.Close()
	got, err := p.Pay(t.Context(), paid())
	if !errors.Is(err, payment.ErrUndelivered) || got.Status != 0 || got.Attempts != 2 || got.Payment != "pay_1" {
		t.Errorf("got %+v, %v, want ErrUndelivered and no answer", got, err)
	}
}

func TestAnEarlierAnswerIsNotTheLastAttempts(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, nth int) {
		if nth > 1 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(503)
		_, _ = io.WriteString(w, "busy")
	})
	got, err := s.payer(t, func(c *payment.Config) { c.Attempts = 2 }).Pay(t.Context(), paid())
	if !errors.Is(err, payment.ErrUndelivered) || got.Attempts != 2 || got.Status != 0 || got.Body != nil {
		t.Errorf("got %+v, %v, want ErrUndelivered and no answer to the second attempt", got, err)
	}
}

func TestPayEndsWithItsContext(t *testing.T) {
	t.Run("during an attempt", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := serve(t, func(_ http.ResponseWriter, r *http.Request, _ int) {
			cancel()
			<-r.Context().Done()
		})
		cfg := payment.DefaultConfig()
		cfg.URL = s.URL + "/v1/payments/webhook"
		p, err := payment.NewPayer(s.secret, s.Client(), cfg, payment.Hooks{Retrying: func(int, error, time.Duration) {
			t.Error("got a retry announced, want none once the context has ended")
		}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Pay(ctx, paid())
		if !errors.Is(err, context.Canceled) || !errors.Is(err, payment.ErrUndelivered) || got.Attempts != 1 {
			t.Errorf("got %+v, %v, want both errors after one attempt", got, err)
		}
	})
	t.Run("during a wait", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := serve(t, status(500, "broken"))
		cfg := payment.DefaultConfig()
		cfg.URL, cfg.Backoff, cfg.MaxWait = s.URL+"/v1/payments/webhook", time.Hour, time.Hour
		p, err := payment.NewPayer(s.secret, s.Client(), cfg, payment.Hooks{Retrying: func(int, error, time.Duration) { cancel() }})
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Pay(ctx, paid())
		if !errors.Is(err, context.Canceled) || !errors.Is(err, payment.ErrUndelivered) || got.Status != 500 {
			t.Errorf("got %+v, %v, want both errors and the last answer", got, err)
		}
	})
}

func TestAnAnswerIsBounded(t *testing.T) {
	s := serve(t, status(200, strings.Repeat("x", 1<<20)))
	got, err := s.payer(t, nil).Pay(t.Context(), paid())
	if err != nil || len(got.Body) != 64<<10 {
		t.Errorf("got %d bytes, %v, want the first 64 KiB", len(got.Body), err)
	}
}

func TestPayRefusesWhatCanNotBeMeant(t *testing.T) {
	s := serve(t, status(200, ""))
	got, err := s.payer(t, nil).Pay(t.Context(), payment.Data{Payment: "a b", Sale: "A", Order: "x", Amount: -1, Currency: "eur"})
	for _, want := range []string{"payment id", "sale id", "order", "amount", "currency"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if len(s.got) != 0 || got.Attempts != 0 || errors.Is(err, payment.ErrUndelivered) {
		t.Errorf("got %+v, %v and %d messages, want nothing sent", got, err, len(s.got))
	}
}

func TestPayersShareNothing(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, nth int) {
		if nth%2 == 1 {
			w.WriteHeader(503)
		}
	})
	p := s.payer(t, func(c *payment.Config) { c.Attempts = 100 })
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got, err := p.Pay(t.Context(), paid()); err != nil || got.Status != 200 {
				t.Errorf("got %+v, %v, want 200", got, err)
			}
		})
	}
	all.Wait()
}
