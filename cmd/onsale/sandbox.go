package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"onsale/internal/payment"
	"onsale/internal/sale"
	"onsale/internal/testbed/process"
)

// sandbox is dev's payment provider: anyone who posts an order to it, as the buyers'
// API shows it, has paid for it. It takes no money and asks no questions.
type sandbox struct {
	payer  *payment.Payer
	server *http.Server
	url    string
}

// startSandbox serves until Close.
func startSandbox(secret payment.Secret, front string, c *console) (*sandbox, error) {
	payer, err := newPayer(secret, front, c)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", process.Loopback(0))
	if err != nil {
		return nil, fmt.Errorf("sandbox payer: %w", err)
	}
	s := &sandbox{payer: payer, url: "http://" + l.Addr().String() + "/pay"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /pay", s.pay)
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
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
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
