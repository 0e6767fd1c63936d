package generator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
	"time"

	"onsale/internal/testbed"
)

// Command is the process's command line, which Start calls by the name of generate.
type Command struct {
	Keys   string `required:"" help:"Key set to sign tokens with."`
	Buyers int    `required:"" help:"How many tokens to sign, one a buyer."`
}

// tokenLife outlasts every benchmark.
const tokenLife = 24 * time.Hour

// Run signs the tokens and serves on standard input and output.
func (c *Command) Run() error {
	issuer, err := testbed.LoadIssuer(c.Keys)
	if err != nil {
		return err
	}
	tokens := make([]string, c.Buyers)
	for i := range tokens {
		if tokens[i], err = issuer.Token(Buyer(i), tokenLife); err != nil {
			return err
		}
	}
	return Serve(os.Stdin, os.Stdout, tokens)
}

// call is one line to the process.
type call struct {
	Number int64  // of the run, rising
	Order  *Order // nil: that run is to stop
	Follow bool   `json:",omitempty"` // its progress is wanted
}

// reply is one line from the process. The first has Ready, each other one a run, or how many of its
// requests or buyers are done so far.
type reply struct {
	Ready   bool   `json:",omitempty"`
	Done    *int64 `json:",omitempty"`
	Run     *Run   `json:",omitempty"`
	Stopped bool   `json:",omitempty"` // the run is not whole because it was asked to stop
	Error   string `json:",omitempty"`
}

// Serve is the process's side: it reads orders from in, sends their purchases with the
// buyers' tokens, and writes what came of them to out. The end of in stops a run, and
// then Serve returns nil. It fails where in is no order or out can't be written; in
// the latter case one goroutine goes on reading until in ends.
func Serve(in io.Reader, out io.Writer, tokens []string) error {
	places := make([]string, len(tokens)) // place tokens, by buyer
	orders := make(chan call)
	done := make(chan struct{})
	defer close(done)
	// The highest number of a run that is to stop. A stop that crossed the answer on
	// its way then stops nothing else.
	var stop atomic.Int64
	failed := make(chan error, 1)
	go func() {
		defer close(orders)
		defer stop.Store(math.MaxInt64)
		failed <- listen(json.NewDecoder(in), orders, done, &stop)
	}()
	replies := json.NewEncoder(out)
	if err := replies.Encode(reply{Ready: true}); err != nil {
		return err
	}
	for c := range orders {
		var progress func(int64)
		var unwritten error
		if c.Follow {
			progress = func(done int64) {
				if unwritten == nil {
					unwritten = replies.Encode(reply{Done: &done})
				}
			}
		}
		r, err := send(*c.Order, tokens, places, func() bool { return unwritten != nil || stop.Load() >= c.Number }, progress)
		if unwritten != nil {
			return unwritten
		}
		a := reply{Run: &r}
		switch {
		case errors.Is(err, ErrStopped):
			a.Stopped = true
		case err != nil:
			a.Error = err.Error()
		}
		if err := replies.Encode(a); err != nil {
			return err
		}
	}
	return <-failed
}

// listen passes orders on, and notes stops at once, while a run is under way.
func listen(in *json.Decoder, orders chan<- call, done <-chan struct{}, stop *atomic.Int64) error {
	for {
		var c call
		err := in.Decode(&c)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("an order can't be read: %w", err)
		case c.Order == nil:
			stop.Store(c.Number)
			continue
		}
		select {
		case orders <- c:
		case <-done:
			return nil
		}
	}
}
