package sale

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// PayURL is the address where a buyer pays for an order; empty: the sale knows none. It has the order's values in place of
// {order}, {sale}, {amount} in the currency's minor unit, {currency}, and {return}: the address that the buyer comes back to.
type PayURL string

// MaxPayURLLength bounds the address, in bytes; every node reads it with every poll.
const MaxPayURLLength = 500

// placeholders are what an address may have, in the order of the values of [PayURL.For].
var placeholders = []string{"{order}", "{sale}", "{amount}", "{currency}", "{return}"}

// check returns no error for an address that leads a browser somewhere, to one order.
func (u PayURL) check() error {
	if u == "" {
		return nil
	}
	for i := range len(u) {
		if u[i] <= ' ' || u[i] >= 0x7f {
			return errors.New("want printable ASCII characters without blanks: encode others with %")
		}
	}
	filled := u.fill("x", "x", "x", "x", "x")
	at, err := url.Parse(filled)
	switch {
	case len(u) > MaxPayURLLength:
		return errors.New("want at most " + strconv.Itoa(MaxPayURLLength) + " bytes")
	case strings.ContainsAny(filled, "{}"):
		return errors.New("want no braces but {order}, {sale}, {amount}, {currency} and {return}")
	case !strings.Contains(string(u), "{order}"):
		return errors.New("want {order} in it, which names what is paid")
	case err != nil || at.Host == "" || at.User != nil || at.Scheme != "https" && (at.Scheme != "http" || !Loopback(at.Hostname())):
		return errors.New("want an address by https, or by http on loopback, without a user")
	case !strings.HasPrefix(string(u), at.Scheme+"://"+at.Host):
		return errors.New("want no value in the host's place")
	}
	return nil
}

// For is the address for an order, or empty if there is nothing to pay: the order is free, or not held. back is where the
// buyer comes back to.
func (u PayURL) For(s *Sale, o Order, back string) string {
	if u == "" || o.State != StateHeld || s.Amount(o.Quantity) == 0 {
		return ""
	}
	return u.fill(string(o.ID), string(s.ID), strconv.FormatInt(s.Amount(o.Quantity), 10), s.Currency, back)
}

// fill puts the values into the places, encoded so that none ends its place.
func (u PayURL) fill(values ...string) string {
	pairs := make([]string, 0, 2*len(values))
	for i, value := range values {
		pairs = append(pairs, placeholders[i], url.QueryEscape(value))
	}
	return strings.NewReplacer(pairs...).Replace(string(u))
}

// Loopback reports whether a host, without a port, is this machine.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
