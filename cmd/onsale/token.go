package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"syscall"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// token signs tokens for load generators such as wrk, ab, k6 and hey.
type token struct {
	Buyers int           `default:"1" help:"How many buyers, each with a token of its own."`
	Prefix string        `default:"buyer-" help:"What buyers are called, before their number."`
	Life   time.Duration `default:"24h" help:"How long the tokens are good for."`
	Keys   string        `default:"${keys}" type:"path" help:"File with the signing keys that dev saved."`
}

// Validate reports every fault at once, or nil.
func (t *token) Validate() error {
	var faults []error
	if t.Buyers < 1 {
		faults = append(faults, fmt.Errorf("--buyers %d: want at least 1", t.Buyers))
	}
	if t.Life < time.Second {
		faults = append(faults, fmt.Errorf("--life %v: want at least 1s", t.Life))
	}
	if _, err := sale.ParseBuyer(t.buyer(t.Buyers)); err != nil {
		faults = append(faults, fmt.Errorf("--prefix: %w", err))
	}
	return errors.Join(faults...)
}

func (t *token) buyer(number int) string { return t.Prefix + strconv.Itoa(number) }

// Run prints the tokens. A reader that stops reading ends it without an error.
func (t *token) Run(c *console) error {
	issuer, err := testbed.LoadIssuer(t.Keys)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no signing keys in %s: start `onsale dev` first, it saves them", t.Keys)
	}
	if err != nil {
		return err
	}
	err = t.print(c, issuer)
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

func (t *token) print(c *console, issuer *testbed.Issuer) error {
	w := bufio.NewWriterSize(c.out, 64<<10)
	for i := range t.Buyers {
		signed, err := issuer.Token(t.buyer(i+1), t.Life)
		if err != nil {
			return err
		}
		if _, err := w.WriteString(signed + "\n"); err != nil {
			return err
		}
	}
	return w.Flush()
}
