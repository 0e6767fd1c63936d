package payment

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"onsale/internal/pause"
	"onsale/internal/sale"
)

// ErrUndelivered: no attempt brought a final answer. The payment may have counted all
// the same, where only the answer was lost; paying again under the same payment id is
// safe, and finds out. Returned by Pay.
var ErrUndelivered = errors.New("the payment's message was not delivered")

// maxAnswer bounds what is read of an answer's body, in bytes.
const maxAnswer = 64 << 10

// Hooks are called by the payer; nil hooks are not called.
type Hooks struct {
	// Retrying is called before each wait, with the attempts so far, why the last
	// one is to be repeated, and how long the wait will be.
	Retrying func(attempts int, reason error, wait time.Duration)
}

// Payer plays a payment provider, for development and tests: it reports that an order was
// paid, in the way that providers do, and takes no money. Its clock is the wall clock,
// because it stands for the world outside, which has no Redis time. It may be used by
// many goroutines.
type Payer struct {
	secret Secret
	client http.Client
	cfg    Config
	hooks  Hooks
}

// NewPayer returns a payer that signs with the secret, or every fault of what it was
// given. The client's connections are its own business; redirects are not followed,
// whatever its own policy.
func NewPayer(secret Secret, client *http.Client, cfg Config, hooks Hooks) (*Payer, error) {
	faults := []error{cfg.Validate()}
	if secret.key == nil {
		faults = append(faults, errors.New("payer secret: missing"))
	}
	if client == nil {
		faults = append(faults, errors.New("payer client: missing"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	p := &Payer{secret: secret, client: *client, cfg: cfg, hooks: hooks}
	// A redirect would have the message sent to an address that nobody
	// configured, and some of them would turn it into a GET.
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p, nil
}

// Answer is how the last attempt was answered.
type Answer struct {
	Payment  sale.PaymentID // the one given, or the one made
	Message  sale.MessageID // the same in every attempt
	Attempts int
	Status   int    // 0 where no answer came
	Body     []byte // at most 64 KiB of it
}

// Pay makes an id for the payment unless it has one, and sends the message until there
// is a final answer: any but 429 and 5xx. A refusal is an answer and not an error.
//
// The error wraps ErrUndelivered if the attempts are used up, if the server asks
// for a longer wait than the configured one, and if ctx ended; then it wraps ctx's
// error too. It names why the last attempt that was not cut short failed. The answer is
// that of the last attempt even so. Invalid data is refused with its faults, and nothing
// is sent.
func (p *Payer) Pay(ctx context.Context, d Data) (Answer, error) {
	if d.Payment == "" {
		d.Payment = sale.PaymentID("pay_" + rand.Text())
	}
	a := Answer{Payment: d.Payment, Message: sale.MessageID("msg_" + rand.Text())}
	if err := d.Validate(); err != nil {
		return a, err
	}
	body := d.encode(time.Now())
	var last error
	for backoff := p.cfg.Backoff; ; backoff = min(2*backoff, p.cfg.MaxWait) {
		a.Attempts++
		asked, reason := p.send(ctx, &a, body)
		if reason == nil {
			return a, nil
		}
		// An attempt that ctx cut short proves nothing about the server; the one before may.
		if ctx.Err() == nil || last == nil {
			last = reason
		}
		wait := max(jitter(backoff), asked)
		switch {
		case ctx.Err() != nil:
			return a, undelivered(a, ended(ctx, last))
		case a.Attempts == p.cfg.Attempts:
			return a, undelivered(a, reason)
		case wait > p.cfg.MaxWait:
			return a, undelivered(a, fmt.Errorf("%w, and a wait of %v was asked for", reason, asked))
		}
		if p.hooks.Retrying != nil {
			p.hooks.Retrying(a.Attempts, reason, wait)
		}
		if !pause.For(ctx, wait) {
			return a, undelivered(a, ended(ctx, last))
		}
	}
}

// ended is ctx's error with why the attempts went on until then.
func ended(ctx context.Context, last error) error {
	if errors.Is(last, ctx.Err()) {
		return last
	}
	return fmt.Errorf("%w; the last time: %w", ctx.Err(), last)
}

func undelivered(a Answer, reason error) error {
	return fmt.Errorf("payment %s: %w in %d attempts: %w", a.Payment, ErrUndelivered, a.Attempts, reason)
}

// send makes one attempt and puts its answer into a. Where it must be made again, it
// returns the reason and the wait that the server asked for. The signature is made anew
// each time: a message that was retried for long would be too old under its first one.
func (p *Payer) send(ctx context.Context, a *Answer, body []byte) (asked time.Duration, reason error) {
	a.Status, a.Body = 0, nil
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	now := time.Now()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "onsale-payer")
	r.Header.Set(HeaderID, string(a.Message))
	r.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(HeaderSignature, Sign(p.secret, a.Message, now, body))
	response, err := p.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("read the answer: %w", err)
	}
	a.Status, a.Body = response.StatusCode, text
	if a.Status == http.StatusTooManyRequests || a.Status >= 500 {
		return retryAfter(response.Header.Get("Retry-After")), fmt.Errorf("the server answered %s", response.Status)
	}
	return 0, nil
}

// retryAfter reads a Retry-After header, seconds or a date; 0 where there is none or it
// makes no sense. A number too large to be a duration is as good as for ever.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		return 1<<63 - 1
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return time.Until(date)
}

// jitter takes up to half of a wait off, so that payers whom one outage interrupted don't
// all return in the same moment.
func jitter(d time.Duration) time.Duration {
	return d - mathrand.N(d/2)
}
