package main

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

// sandbox is dev's payment provider and its identity provider. Anyone who posts an order to it, as the buyers'
// API shows it, has paid for it; anyone who signs in is whoever they like. It takes no money and asks no questions.
type sandbox struct {
	payer  *payment.Payer
	issuer *testbed.Issuer
	front  *url.URL // of the site, the only one that it leads back to
	server *http.Server
	url    string
}

// startSandbox serves until Close. front is where buyers of the site arrive.
func startSandbox(secret payment.Secret, issuer *testbed.Issuer, front string, c *console) (*sandbox, error) {
	payer, err := newPayer(secret, front, c)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(front)
	if err != nil {
		return nil, fmt.Errorf("front %q: %w", front, err)
	}
	l, err := net.Listen("tcp", process.Loopback(0))
	if err != nil {
		return nil, fmt.Errorf("sandbox payer: %w", err)
	}
	s := &sandbox{payer: payer, issuer: issuer, front: at, url: "http://" + l.Addr().String()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /pay", s.pay)
	mux.HandleFunc("GET /dev/pay", s.showPayment)
	mux.HandleFunc("POST /dev/pay", s.payInBrowser)
	mux.HandleFunc("GET /dev/sign-in", s.signIn)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.logLine("sandbox payer: " + err.Error())
		}
	}()
	return s, nil
}

// Close ends the sandbox at once.
func (s *sandbox) Close() error { return s.server.Close() }

// payURL is what a sale's pay_url has to be, so that its buyers pay here.
func (s *sandbox) payURL() string {
	return s.url + "/dev/pay?order={order}&sale={sale}&amount={amount}&currency={currency}&return={return}"
}

// payLimit bounds a payment, with all tries to report it.
const payLimit = 30 * time.Second

// pay sends a webhook for the order, and passes on what the site answered.
func (s *sandbox) pay(w http.ResponseWriter, r *http.Request) {
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
