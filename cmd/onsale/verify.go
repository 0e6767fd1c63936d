package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"onsale/internal/adminapi"
	"onsale/internal/line"
	"onsale/internal/output"
)

// lineVerify is for buyers and for whoever watches: all that it needs is public, and it trusts nobody.
type lineVerify struct {
	File       string `arg:"" help:"The draw as its operator publishes it: what onsale line show SALE --entries --json writes. - is standard input."`
	Commitment string `help:"The commitment that you noted when the sale was created."`
	List       string `help:"The list's hash that you noted before the seed was public."`
	Beacon     string `help:"What the beacon has published, from its own source."`
	Place      string `help:"A place token (Onsale-Place), to find its position."`
	JSON       bool   `help:"JSON in place of text."`
}

// verified is what onsale line verify prints.
type verified struct {
	Sale     string   `json:"sale"`
	Places   int      `json:"places"`
	Position int      `json:"position,omitempty"` // of the given place
	Trusted  []string `json:"trusted,omitempty"`  // what was taken from the file, as it was not given
}

// Run computes the draw again.
func (v *lineVerify) Run(_ context.Context, c *console) error {
	published, err := v.read()
	if err != nil {
		return fmt.Errorf("%s: %w", v.File, err)
	}
	r, err := published.Record()
	if err != nil {
		return fmt.Errorf("%s: %w; want what onsale line show SALE --entries --json writes once the seed is public", v.File, err)
	}
	out := verified{Sale: published.Sale}
	beacon, err := v.noted(&r, published.Beacon, &out)
	if err != nil {
		return err
	}
	draw, err := r.Verify(beacon)
	if err != nil {
		return fmt.Errorf("this draw is not the one that was announced: %w", err)
	}
	out.Places = draw.Len()
	position := ""
	if v.Place != "" {
		entry, err := entryOf(v.Place, published.Sale)
		if err != nil {
			return fmt.Errorf("--place: %w", err)
		}
		if out.Position = draw.Position(entry); out.Position == 0 {
			return errors.New("the place is not in the list: its buyer was left out of the draw, or joined after it")
		}
		position = strconv.Itoa(out.Position)
	}
	return output.New(c.out, v.JSON).Document(out, output.Fields(
		output.Field{Name: "sale", Value: out.Sale},
		output.Field{Name: "places drawn", Value: strconv.Itoa(out.Places)},
		output.Field{Name: "position", Value: position},
		output.Field{Name: "taken from the file, not compared", Value: strings.Join(out.Trusted, ", ")}))
}

func (v *lineVerify) read() (l adminapi.Line, err error) {
	in := io.Reader(os.Stdin)
	if v.File != "-" {
		f, err := os.Open(v.File)
		if err != nil {
			return l, errors.Unwrap(err)
		}
		defer f.Close()
		in = f
	}
	return l, json.NewDecoder(in).Decode(&l)
}

// noted puts what the caller noted in the place of what is published afterwards, and returns the beacon. What
// was not given is taken from the file, and proves nothing about the operator.
func (v *lineVerify) noted(r *line.Record, source string, out *verified) (beacon []byte, err error) {
	for _, one := range []struct {
		name, digits string
		to           *line.Hash
	}{{"commitment", v.Commitment, &r.Commitment}, {"list", v.List, &r.List}} {
		if one.digits == "" {
			out.Trusted = append(out.Trusted, "--"+one.name)
		} else if *one.to, err = line.ParseHash(one.digits); err != nil {
			return nil, usageError{fmt.Errorf("--%s: %w", one.name, err)}
		}
	}
	switch {
	case v.Beacon != "":
		return []byte(v.Beacon), nil
	case source != "":
		out.Trusted = append(out.Trusted, "--beacon ("+source+")")
	}
	return r.Beacon, nil
}

// entryOf is the entry of a place token's buyer. Its signature is the nodes' to verify: a forged token
// has no entry in the list.
func entryOf(token, saleID string) (e line.Entry, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return e, errors.New("want a place token, three parts with dots between")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return e, fmt.Errorf("want a place token: %w", err)
	}
	var claims struct{ Sale, Sub, Nonce string }
	if err := json.Unmarshal(payload, &claims); err != nil {
		return e, fmt.Errorf("want a place token: %w", err)
	}
	if claims.Sale != saleID {
		return e, fmt.Errorf("it is of sale %q, and the draw is of %q", claims.Sale, saleID)
	}
	nonce, err := line.ParseHash(claims.Nonce)
	if err != nil {
		return e, fmt.Errorf("its nonce: %w", err)
	}
	return line.NewEntry(claims.Sale, claims.Sub, nonce), nil
}
