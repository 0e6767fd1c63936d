package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sony/gobreaker/v2"

	"onsale/internal/sale"
)

const (
	// maxResponse bounds what a buyer's page got from the captcha, in bytes. It has to fit into a request's body.
	maxResponse = 6 << 10
	// maxVerdict bounds what is read of the provider's answer, in bytes. Such answers have some hundred.
	maxVerdict = 16 << 10
	// alphabet is what captchas' responses consist of. Nothing else goes to the provider, whose firewall might answer in its place: an
	// answer that is none of the provider's counts as an outage.
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=:|"
)

// SiteverifyHooks are called by Siteverify; nil hooks are not called.
type SiteverifyHooks struct {
	// Breaker is called when the circuit breaker changes, with its new state.
	Breaker func(state string)
	// Failed is called for each proof that the provider did not judge, with the reason, and with what becomes of its buyer.
	Failed func(reason error, d Decision)
}

// Decision is what becomes of a buyer whose proof nobody judged, by [SiteverifyConfig.FailOpen].
type Decision uint8

const (
	// Rejected: the buyer is asked to try again.
	Rejected Decision = iota
	// Admitted: the buyer joins all the same.
	Admitted
)

// Decisions is how many there are.
const Decisions = 2

// String is the decision's stable name: a metric label.
func (d Decision) String() string { return [Decisions]string{"rejected", "admitted"}[d] }

// Siteverify is the Verifier that asks a captcha provider, in the form that reCAPTCHA, hCaptcha and Turnstile share: a
// POST of secret, response and remoteip, answered by JSON with a member success.
//
// A provider's response is bound neither to sale nor to buyer, as the form has no room for them; the provider takes each
// once. A buyer who lost the answer of a join needs a new one.
type Siteverify struct {
	config  SiteverifyConfig
	client  http.Client
	hooks   SiteverifyHooks
	breaker *gobreaker.CircuitBreaker[verdict]
	places  chan struct{} // one for each question under way
}

// NewSiteverify makes one. The error names every fault.
func NewSiteverify(config SiteverifyConfig, hooks SiteverifyHooks) (*Siteverify, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Siteverify{config: config, hooks: hooks, places: make(chan struct{}, config.Questions)}
	s.client = http.Client{
		Transport: config.transport(),
		// Wherever a redirect points, nobody configured it, and it would get the secret.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.breaker = gobreaker.NewCircuitBreaker[verdict](gobreaker.Settings{
		Name:        "siteverify",
		MaxRequests: 1,
		Timeout:     config.Cooldown,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= config.TripAfter },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if hooks.Breaker != nil {
				hooks.Breaker(to.String())
			}
		},
		// A caller who went away proves nothing about the provider.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
	})
	return s, nil
}

// Tripped reports whether the circuit breaker refuses to ask now. It stops without a question, after its cooldown.
func (s *Siteverify) Tripped() bool { return s.breaker.State() == gobreaker.StateOpen }

// Close closes the idle connections. It may be called twice.
func (s *Siteverify) Close() { s.client.CloseIdleConnections() }

// verdict is a provider's answer.
type verdict struct {
	Success *bool    `json:"success"`
	Codes   []string `json:"error-codes"`
}

// Verify implements Verifier.
func (s *Siteverify) Verify(ctx context.Context, _ sale.ID, _ sale.Buyer, response, address string, _ sale.Instant) error {
	switch {
	case response == "":
		return ErrRequired
	case len(response) > maxResponse:
		return fmt.Errorf("%w: want at most %d bytes", ErrWrong, maxResponse)
	case strings.Trim(response, alphabet) != "":
		return fmt.Errorf("%w: it has characters that no captcha's response has", ErrWrong)
	}
	v, err := s.ask(ctx, response, address)
	if err != nil {
		d := Rejected
		if s.config.FailOpen {
			d = Admitted
		}
		if s.hooks.Failed != nil {
			s.hooks.Failed(err, d)
		}
		if d == Admitted {
			return nil
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if !*v.Success {
		return fmt.Errorf("%w: the captcha's provider rejects it%s", ErrWrong, listed(v.Codes))
	}
	return nil
}

var errFull = errors.New("too many questions are under way")

// ask asks the provider through the breaker, if there is a place.
func (s *Siteverify) ask(ctx context.Context, response, address string) (verdict, error) {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	default:
		return verdict{}, errFull
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	return s.breaker.Execute(func() (verdict, error) { return s.post(ctx, response, address) })
}

// post asks once. The error never has the secret, which is in the body alone.
func (s *Siteverify) post(ctx context.Context, response, address string) (v verdict, err error) {
	form := url.Values{"secret": {s.config.Secret.text()}, "response": {response}}
	if address != "" {
		form.Set("remoteip", address)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return v, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return v, err
	}
	defer answer.Body.Close()
	// Some providers answer a bad response with 400 and its code.
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusBadRequest {
		return v, fmt.Errorf("the provider answered %d", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxVerdict+1))
	switch {
	case err != nil:
		return v, fmt.Errorf("read the provider's answer: %w", err)
	case len(body) > maxVerdict:
		return v, fmt.Errorf("the provider's answer is longer than %d bytes", maxVerdict)
	case json.Unmarshal(body, &v) != nil || v.Success == nil:
		return v, errors.New("the provider's answer is no JSON with a member success")
	case *v.Success && answer.StatusCode != http.StatusOK:
		return v, fmt.Errorf("the provider answered success with %d", answer.StatusCode)
	case !*v.Success && slices.ContainsFunc(v.Codes, ours):
		return v, fmt.Errorf("the provider can't judge%s", listed(v.Codes))
	}
	return v, nil
}

// ours reports whether an error code blames this site or the provider, and not the buyer. A code that a buyer's response
// could bring about, such as bad-request, is none: it would open the breaker, or the door.
func ours(code string) bool {
	return slices.Contains([]string{"missing-input-secret", "invalid-input-secret", "sitekey-secret-mismatch", "internal-error"}, code)
}

// listed is a few of the provider's error codes, those that look like one.
func listed(codes []string) string {
	var good []string
	for _, c := range codes[:min(len(codes), 4)] {
		if c != "" && len(c) <= 40 && strings.Trim(c, "abcdefghijklmnopqrstuvwxyz-") == "" {
			good = append(good, c)
		}
	}
	if good == nil {
		return ""
	}
	return " (" + strings.Join(good, ", ") + ")"
}
