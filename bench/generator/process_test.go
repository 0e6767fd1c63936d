package generator

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/testbed"
)

// startProcess starts a real one with tokens for so many buyers.
func startProcess(t *testing.T, buyers int) *Process {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := testbed.NewIssuer().Save(keys); err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), keys, buyers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 { // stopping what has stopped is no error
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return p
}

// subject is the buyer that a token names.
func subject(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "no token: " + token
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Subject string `json:"sub"`
	}
	if err := errors.Join(err, json.Unmarshal(raw, &claims)); err != nil {
		return err.Error()
	}
	return claims.Subject
}

// sellToAll answers every buyer with an order that bears the token's name.
func sellToAll(v attempt) bool {
	return always(render(201, `{"id":"of-`+subject(v.token)+`","quantity":1}`))(v)
}

func TestProcessMakesRunsOneAfterTheOther(t *testing.T) {
	p := startProcess(t, 300)
	s := startServer(t, sellToAll)
	for i, o := range []Order{closed(s, 200, 4), open(s, 100, 4, 2000)} {
		o.First = 100 * i
		r, err := p.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		checkSums(t, o, r)
		if len(r.Acks) != o.Requests || r.Latencies[ClassSold].Quantile(0.5) <= 0 || r.CPUSeconds <= 0 {
			t.Errorf("got %d acks, p50 %v, %v s of processor time, want %d and more than nothing",
				len(r.Acks), r.Latencies[ClassSold].Quantile(0.5), r.CPUSeconds, o.Requests)
		}
		buyers := map[string]bool{}
		for _, a := range r.Acks {
			buyers[a.Buyer] = true
			if a.Order != "of-"+a.Buyer {
				t.Errorf("%s: got %q, want the order that its token was answered", a.Buyer, a.Order)
			}
		}
		if len(buyers) != o.Requests || !buyers[Buyer(o.First)] || !buyers[Buyer(o.First+o.Requests-1)] {
			t.Errorf("got %d buyers, want %d to %d", len(buyers), o.First, o.First+o.Requests-1)
		}
	}
}

func TestEveryTenthRequestIsABuyersSecond(t *testing.T) {
	s := startServer(t, sellToAll)
	o := closed(s, 100, 4)
	o.First, o.Again = 7, 10
	r, err := send(o, tokens(o.First+o.Requests), nil, never, nil)
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, a := range r.Acks {
		times[a.Buyer]++
	}
	twice := 0
	for _, n := range times {
		twice += n - 1
	}
	if len(r.Acks) != 100 || len(times) != 90 || twice != 10 || times[Buyer(7+8)] != 2 || times[Buyer(7+9)] != 0 {
		t.Errorf("got %d acks of %d buyers, want 100 of 90; times %v", len(r.Acks), len(times), times)
	}
}

func TestProcessOutlivesAFailedRun(t *testing.T) {
	p := startProcess(t, 10)
	s := startServer(t, sellToAll)
	dead := startServer(t, sellToAll)
	dead.die()
	for name, o := range map[string]Order{"too few tokens": closed(s, 11, 2), "nobody listens": closed(dead, 5, 2), "no order": {}} {
		if _, err := p.Run(t.Context(), o); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if r, err := p.Run(t.Context(), closed(s, 10, 2)); err != nil || len(r.Acks) != 10 {
		t.Errorf("afterwards: got %d acks, %v, want 10", len(r.Acks), err)
	}
}

func TestContextThatEndsStopsTheRunOnly(t *testing.T) {
	p := startProcess(t, 5000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := startServer(t, func(v attempt) bool {
		if v.number == 20 {
			cancel()
		}
		return sellToAll(v)
	})
	r, err := p.Run(ctx, open(s, 5000, 4, 500))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if r.Sent < 20 || r.Sent >= 5000 || len(r.Acks) < 19 || int64(len(r.Acks)) != r.Completed {
		t.Errorf("got %d sent, %d completed, %d acks, want the first twenty or some more", r.Sent, r.Completed, len(r.Acks))
	}
	if _, err := p.Run(ctx, closed(s, 5, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that may not begin: got %v, want %v", err, context.Canceled)
	}
	if r, err := p.Run(t.Context(), closed(s, 50, 4)); err != nil || len(r.Acks) != 50 {
		t.Errorf("the next run: got %d acks, %v, want 50", len(r.Acks), err)
	}
}

func TestProcessThatDiesIsAnError(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := testbed.NewIssuer().Save(keys); err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), keys, 10)
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, func(v attempt) bool {
		p.kill()
		return false
	})
	if _, err := p.Run(t.Context(), closed(s, 5, 1)); err == nil {
		t.Error("the run: got no error")
	}
	if err := p.Stop(); err == nil {
		t.Error("stopping: got no error")
	}
}

func TestProcessThatCanNotStartIsAnError(t *testing.T) {
	if _, err := Start(t.Context(), filepath.Join(t.TempDir(), "none.json"), 1); err == nil {
		t.Error("without keys: got no error")
	}
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := testbed.NewIssuer().Save(keys); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, keys, 1_000_000_000); !errors.Is(err, context.Canceled) {
		t.Errorf("without time for it: got %v, want %v", err, context.Canceled)
	}
}

// session is Serve without a process.
type session struct {
	in      *io.PipeWriter
	calls   *json.Encoder
	replies *json.Decoder
	done    chan error
}

func startSession(t *testing.T, buyers int) *session {
	t.Helper()
	in, inEnd := io.Pipe()
	outEnd, out := io.Pipe()
	s := &session{inEnd, json.NewEncoder(inEnd), json.NewDecoder(outEnd), make(chan error, 1)}
	go func() { s.done <- Serve(in, out, tokens(buyers)) }()
	if a := s.next(t); !a.Ready {
		t.Fatalf("got %+v, want ready", a)
	}
	return s
}

func (s *session) call(t *testing.T, c call) {
	t.Helper()
	if err := s.calls.Encode(c); err != nil {
		t.Fatal(err)
	}
}

func (s *session) next(t *testing.T) reply {
	t.Helper()
	var a reply
	if err := s.replies.Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestInputThatEndsStopsTheRun(t *testing.T) {
	session := startSession(t, 5000)
	s := startServer(t, func(v attempt) bool {
		if v.number == 20 {
			session.in.Close()
		}
		return always(replySold)(v)
	})
	o := open(s, 5000, 4, 500)
	session.call(t, call{Number: 1, Order: &o})
	a := session.next(t)
	if !a.Stopped || a.Error != "" || a.Run.Sent < 20 || a.Run.Sent >= 5000 {
		t.Errorf("got %+v, want a stopped run", a)
	}
	if err := <-session.done; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

// A stop that crosses its run's answer on the way must not stop the next run.
func TestStopThatComesTooLateStopsNothing(t *testing.T) {
	session := startSession(t, 10)
	s := startServer(t, always(replySold))
	o := closed(s, 10, 2)
	for number := int64(1); number <= 3; number++ {
		session.call(t, call{Number: number, Order: &o})
		if a := session.next(t); a.Stopped || a.Run.Completed != 10 {
			t.Errorf("run %d: got %+v, want it whole", number, a)
		}
		session.call(t, call{Number: number})
	}
	session.in.Close()
	if err := <-session.done; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestServeRefusesWhatIsNoOrder(t *testing.T) {
	var out bytes.Buffer
	if err := Serve(strings.NewReader("buy!\n"), &out, nil); err == nil {
		t.Error("got no error")
	}
	if got, want := out.String(), `{"Ready":true}`+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A hundred thousand buyers' acks must come over in less than anybody notices: they are
// the largest part of a run.
func TestLargeRunsAreCompact(t *testing.T) {
	const order = "0197a3b2-7c1e-7d3a-9b1f-2f6f8c3e9a10"
	r := Run{Acks: make([]Ack, 100_000)}
	for i := range r.Acks {
		r.Acks[i] = Ack{Buyer(i), order}
	}
	raw, err := json.Marshal(reply{Run: &r})
	if err != nil {
		t.Fatal(err)
	}
	var back reply
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if len(raw) > 8<<20 {
		t.Errorf("got %d bytes, want at most 8 MB", len(raw))
	}
	if len(back.Run.Acks) != len(r.Acks) || back.Run.Acks[99_999] != r.Acks[99_999] {
		t.Errorf("got %d acks, want %d", len(back.Run.Acks), len(r.Acks))
	}
}
