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
	Keys   string        `default:"${keys}" type:"path" help:"File with the signing keys that dev saved; a symmetric one, so the tokens are HS256."`

	PrivateKey string `type:"path" help:"File with a private key in PEM that signs in place of them: RSA (RS256, PS256), P-256 (ES256) or Ed25519 (EdDSA)."`
	Kid        string `help:"The private key's id in the nodes' key set; empty: the tokens name no key."`
	Algorithm  string `help:"How the private key signs, where it can do more than one thing: PS256 for RSA."`
	Audience   string `default:"onsale" help:"Whom the tokens are for, as the nodes' --audience."`
	Issuer     string `help:"Who issued them, as the nodes' --issuer; empty: nobody is named."`
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
	if t.PrivateKey == "" && (t.Kid != "" || t.Algorithm != "") {
		faults = append(faults, errors.New("--kid and --algorithm: give --private-key too; the keys that dev saved have an id, and sign with HS256"))
	}
	if t.Audience == "" {
		faults = append(faults, errors.New("--audience: want one, as nodes refuse tokens without"))
	}
	return errors.Join(faults...)
}

func (t *token) buyer(number int) string { return t.Prefix + strconv.Itoa(number) }

// Run prints the tokens. A reader that stops reading ends it without an error.
func (t *token) Run(c *console) error {
	issuer, err := t.signer()
	if err != nil {
		return err
	}
	err = t.print(c, issuer)
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// signer has the private key, or else the keys that dev saved.
func (t *token) signer() (*testbed.Issuer, error) {
	if t.PrivateKey != "" {
		return testbed.LoadPrivateIssuer(t.PrivateKey, t.Kid, t.Algorithm)
	}
	issuer, err := testbed.LoadIssuer(t.Keys)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no signing keys in %s: start `onsale dev` first, it saves them, or give --private-key", t.Keys)
	}
	return issuer, err
}

func (t *token) print(c *console, issuer *testbed.Issuer) error {
	w := bufio.NewWriterSize(c.out, 64<<10)
	for i := range t.Buyers {
		signed, err := issuer.TokenFor(t.buyer(i+1), t.Life, t.Audience, t.Issuer)
		if err != nil {
			return err
		}
		if _, err := w.WriteString(signed + "\n"); err != nil {
			return err
		}
	}
	return w.Flush()
}
