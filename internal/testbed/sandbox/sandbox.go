// Package sandbox plays a site's payment provider and its identity provider, for development and tests. Anyone who pays has paid,
// and anyone who signs in is whoever they like.
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"onsale/internal/payment"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// Sandbox is both providers, at an address of its own.
type Sandbox struct {
	URL    string
	payer  *payment.Payer
	issuer *testbed.Issuer
	home   *url.URL // a page of the site, the only one that it leads back to
	server *http.Server
	failed func(error)
}

// New listens on a free port of loopback. home is the address of a page, to which whoever comes by themselves is
// led; failed is called if it stops serving by itself.
func New(payer *payment.Payer, issuer *testbed.Issuer, home string, failed func(error)) (*Sandbox, error) {
	at, err := url.Parse(home)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	l, err := net.Listen("tcp", process.Loopback(0))
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s := &Sandbox{URL: "http://" + l.Addr().String(), payer: payer, issuer: issuer, home: at, failed: failed}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /pay", s.pay)
	mux.HandleFunc("GET /dev/pay", s.showPayment)
	mux.HandleFunc("POST /dev/pay", s.payInBrowser)
	mux.HandleFunc("GET /dev/sign-in", s.signIn)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed(err)
		}
	}()
	return s, nil
}

// Close ends it at once.
func (s *Sandbox) Close() error { return s.server.Close() }

// SignIn is the address where buyers sign in: as ?buyer=, or as one that nobody was before. It leads back to ?return= with the token
// in the fragment.
func (s *Sandbox) SignIn() string { return s.URL + "/dev/sign-in" }

// PayURL is what a sale's pay_url has to be, so that its buyers pay here.
func (s *Sandbox) PayURL() string {
	return s.URL + "/dev/pay?order={order}&sale={sale}&amount={amount}&currency={currency}&return={return}"
}

// payLimit bounds a payment, with all tries to report it.
const payLimit = 30 * time.Second

// pay sends a webhook for the order, and passes on what the site answered.
func (s *Sandbox) pay(w http.ResponseWriter, r *http.Request) {
	var o struct {
		ID       sale.OrderID `json:"id"`
		Sale     sale.ID      `json:"sale"`
		Amount   int64        `json:"amount"`
		Currency string       `json:"currency"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&o); err != nil {
		http.Error(w, "post an order as the buyers' API shows it: "+err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), payLimit)
	defer cancel()
	a, err := s.payer.Pay(ctx, payment.Data{Sale: o.Sale, Order: o.ID, Amount: o.Amount, Currency: o.Currency})
	switch {
	case errors.Is(err, payment.ErrUndelivered):
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.Status)
	_, _ = w.Write(append(a.Body, '\n')) // a payer that hangs up needs no answer
}
