// Package client asks the admin APIs of allocators and nodes.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"onsale/internal/problem"
)

// maxAnswer bounds an answer in bytes: a node remembers at most 131,072 holds of some 400 bytes.
const maxAnswer = 128 << 20

// Client asks one allocator or node.
type Client struct {
	Addr   string       // host:port of the admin port
	Others []string     // other allocators' admin ports: asked in turn if no connection to Addr can be made
	Token  string       // the operators' bearer token
	HTTP   *http.Client // nil: [http.DefaultClient]
}

// Errors of every call, beside [Problem].
var (
	// ErrUnreachable is returned if there was no connection: nothing was sent.
	ErrUnreachable = errors.New("can't be reached")
	// ErrOutcomeUnknown is returned for a call that may have changed something. Sent again, with the same
	// Idempotency-Key if it has one, it changes nothing twice.
	ErrOutcomeUnknown = errors.New("the outcome is unknown")
)

// Problem is an answer other than 2xx, as RFC 9457 describes it.
type Problem struct {
	Status int    `json:"status"` // of HTTP
	Code   string `json:"code"`   // one of package problem's; "" if the answer is no problem document
	Title  string `json:"title"`  // what happened
	Detail string `json:"detail"` // what to do next

	unknown bool // the call may have changed something
}

// Error has the status, so that it can be searched for.
func (p *Problem) Error() string {
	code := ""
	if p.Code != "" {
		code = " " + p.Code
	}
	return fmt.Sprintf("%d%s: %s. %s", p.Status, code, p.Title, p.Detail)
}

// Is reports an outcome that is unknown as [ErrOutcomeUnknown].
func (p *Problem) Is(target error) bool { return p.unknown && target == ErrOutcomeUnknown }

// Call sends a request and returns the body of a 2xx answer; any other answer is a [Problem]. header is names
// and values in turn. The other errors are [ErrUnreachable], and [ErrOutcomeUnknown] if the answer of a call that
// may change something was lost.
func (c Client) Call(ctx context.Context, method, path string, body []byte, header ...string) ([]byte, error) {
	text, _, err := c.call(ctx, method, path, body, header...)
	return text, err
}

// call is Call, and returns the status as well.
func (c Client) call(ctx context.Context, method, path string, body []byte, header ...string) (text []byte, status int, err error) {
	var errs []error
	for _, addr := range append([]string{c.Addr}, c.Others...) {
		text, status, err = c.ask(ctx, addr, method, path, body, header...)
		if !errors.Is(err, ErrUnreachable) || ctx.Err() != nil {
			return text, status, err
		}
		errs = append(errs, err)
	}
	return nil, 0, errors.Join(errs...)
}

func (c Client) ask(ctx context.Context, addr, method, path string, body []byte, header ...string) ([]byte, int, error) {
	var connected atomic.Bool
	trace := httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, &trace), method, "http://"+addr+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("Authorization", "Bearer "+c.Token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	// A redirect is an answer like any other: followed, a POST would become a GET.
	h := *cmp.Or(c.HTTP, http.DefaultClient)
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := h.Do(r)
	var asked *url.Error
	if errors.As(err, &asked) { // it names the whole address, and the method
		err = asked.Err
	}
	switch {
	case err != nil && !connected.Load():
		return nil, 0, fmt.Errorf("%s %w: %w", addr, ErrUnreachable, err)
	case err != nil:
		return nil, 0, lost(addr, method, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, 0, lost(addr, method, err)
	}
	if answer.StatusCode/100 != 2 {
		return nil, 0, refusal(method, answer.StatusCode, text)
	}
	return text, answer.StatusCode, nil
}

// lost is the error of a request whose answer did not arrive.
func lost(addr, method string, err error) error {
	if method == http.MethodGet {
		return fmt.Errorf("no answer from %s: %w", addr, err)
	}
	return fmt.Errorf("%w: no answer from %s: %w", ErrOutcomeUnknown, addr, err)
}

// refusal is the error of an answer other than 2xx. One that is no problem document is not an allocator's, but that
// of something in between.
func refusal(method string, status int, text []byte) *Problem {
	p := new(Problem)
	if err := json.Unmarshal(text, p); err != nil || p.Code == "" {
		p = &Problem{Title: cmp.Or(http.StatusText(status), "No success"), Detail: fmt.Sprintf("%.1000s", text)}
	}
	p.Status = status
	p.unknown = method != http.MethodGet && (p.Code == problem.OutcomeUnknown.Code || p.Code == "" && status >= http.StatusInternalServerError)
	return p
}

// read sends a request and decodes the answer.
func read[T any](ctx context.Context, c Client, method, path string, body []byte, header ...string) (v T, status int, err error) {
	text, status, err := c.call(ctx, method, path, body, header...)
	if err != nil {
		return v, 0, err
	}
	if err := json.Unmarshal(text, &v); err != nil {
		err = fmt.Errorf("the answer to %s %s is not what this API answers: %w", method, path, err)
		if method != http.MethodGet {
			err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
		return v, 0, err
	}
	return v, status, nil
}
