package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/web"
)

// site answers as the API does, without any of its logic: a test sets what it answers. Its clock is ahead of this
// machine's by a day, so that a page which asks its own clock shows something else.
type site struct {
	URL string

	mu      sync.Mutex
	skew    time.Duration
	sale    map[string]any // what GET answers with, beside the times
	buyer   string         // who is signed in; "": nobody
	place   map[string]any // nil: the buyer has none
	known   bool           // the buyer has been given the place
	order   map[string]any // nil: the buyer has none
	work    bool           // a proof of work is asked for
	down    bool           // every connection is cut
	answers map[string][]answer
	asked   []string // method, path, and the headers that matter
}

// answer is one that is given once in place of the usual one.
type answer struct {
	status  int
	code    string
	members map[string]any
	header  map[string]string
	lost    bool          // the connection is cut within the answer
	broken  bool          // it is cut before: a browser may send the request again by itself
	do      func(*site)   // what happens first
	wait    chan struct{} // what it waits for
}

const ahead = 24 * time.Hour

func start(t testing.TB) *site {
	s := &site{skew: ahead, answers: map[string][]answer{}, sale: map[string]any{
		"id": "demo", "title": "Tides · Live at the Lighthouse", "subtitle": "Saturday 12 June, doors at 19:00", "kind": "ticket", "price": 4200, "currency": "EUR",
		"limit": 4, "rules": "Tickets are personal. Bring the name that you buy with.", "opens_at": at(-time.Hour), "state": "on-sale", "remaining": 1200,
	}}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections() // which ends what an answer waits for
		server.Close()
	})
	s.URL = server.URL
	return s
}

// at is a time of the site's clock, so much from now.
func at(d time.Duration) string { return time.Now().Add(ahead + d).UTC().Format(time.RFC3339Nano) }

// set changes what the site answers.
func (s *site) set(change func(*site)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// merge sets members of the sale's document.
func (s *site) merge(members map[string]any) {
	s.set(func(s *site) {
		for name, v := range members {
			s.sale[name] = v
		}
	})
}

// then has calls answered otherwise, once each.
func (s *site) then(call string, answers ...answer) {
	s.set(func(s *site) { s.answers[call] = append(s.answers[call], answers...) })
}

// requests are those for a call so far.
func (s *site) requests(call string) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if strings.HasPrefix(a, call) {
			found = append(found, a)
		}
	}
	return found
}

const api = "/v1/sales/demo"

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f, ok := web.Find(r.URL.Path); ok {
		for _, h := range web.Headers {
			w.Header().Set(h.Name, h.Value)
		}
		w.Header().Set("Content-Type", f.Type)
		_, _ = w.Write(f.Body)
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/testdata/"); ok {
		http.ServeFile(w, r, "testdata/"+name)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/dev/") { // of another program
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!DOCTYPE html><link rel="icon" href="data:,"><p>Elsewhere.`)
		return
	}
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, api)
	s.mu.Lock()
	if s.down {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.asked = append(s.asked, strings.TrimSpace(fmt.Sprintf("%s %s%s", call, mark("key", r.Header.Get("Idempotency-Key")), mark("place", r.Header.Get("Onsale-Place")))))
	var scripted *answer
	if list := s.answers[call]; len(list) > 0 {
		scripted, s.answers[call] = &list[0], list[1:]
	}
	s.mu.Unlock()
	if scripted != nil && s.script(w, r, *scripted) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve(w, r, call)
}

func mark(name, value string) string {
	if value == "" {
		return ""
	}
	return name + "=" + value + " "
}

// script gives a scripted answer, or reports that the usual one is to follow.
func (s *site) script(w http.ResponseWriter, r *http.Request, a answer) bool {
	if a.wait != nil {
		_, _ = io.Copy(io.Discard, r.Body) // a server looks for the end of a connection only once it has the body
		select {
		case <-a.wait:
		case <-r.Context().Done():
			a.broken = true
		}
	}
	if a.do != nil {
		s.set(a.do)
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.lost {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
	}
	if a.lost || a.broken {
		panic(http.ErrAbortHandler)
	}
	if a.status == 0 {
		return false
	}
	refuse(w, a.status, a.code, a.members)
	return true
}

func refuse(w http.ResponseWriter, status int, code string, members map[string]any) {
	doc := map[string]any{"code": code, "status": status, "title": code, "type": "https://onsale.dev/problems/" + code}
	for name, v := range members {
		doc[name] = v
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}

func (s *site) serve(w http.ResponseWriter, r *http.Request, call string) {
	reply := func(status int, doc map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(doc)
	}
	if call == "GET " {
		doc := map[string]any{"server_time": s.now()}
		for name, v := range s.sale {
			doc[name] = v
		}
		reply(200, doc)
		return
	}
	if call == "POST /v1/session" {
		s.buyer = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		call = "GET /v1/session"
	}
	if s.buyer == "" {
		refuse(w, 401, "unauthorized", map[string]any{"sign_in": "/dev/sign-in"})
		return
	}
	switch {
	case call == "GET /v1/session":
		reply(200, map[string]any{"buyer": s.buyer, "expires_at": at(time.Hour), "server_time": s.now()})
	case strings.HasPrefix(call, "GET /orders/"):
		if s.order == nil || strings.HasSuffix(call, "/mine") && s.order["state"] != "held" && s.order["state"] != "paid" {
			refuse(w, 404, "order-unknown", nil)
			return
		}
		reply(200, s.order)
	case call == "POST /line":
		s.join(w, r, reply)
	case call == "GET /line/challenge":
		reply(200, challenge())
	case call == "POST /orders":
		var body struct{ Quantity int }
		_ = json.NewDecoder(r.Body).Decode(&body)
		status := 200
		if s.order == nil || s.order["state"] != "held" {
			status, s.order = 201, held(body.Quantity, 10*time.Minute)
		}
		reply(status, s.order)
	case strings.HasPrefix(call, "DELETE /orders/"):
		s.order["state"] = "cancelled"
		reply(200, s.order)
	default:
		refuse(w, 404, "not-found", nil)
	}
}

func (s *site) join(w http.ResponseWriter, r *http.Request, reply func(int, map[string]any)) {
	var body struct{ Proof string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	switch {
	case s.place != nil && s.known:
		reply(200, s.place)
	case s.work && body.Proof == "":
		refuse(w, 403, "proof-required", map[string]any{"challenge": api + "/line/challenge"})
	case s.work && !solves(body.Proof):
		refuse(w, 403, "proof-wrong", map[string]any{"challenge": api + "/line/challenge"})
	default:
		if s.place == nil {
			s.place = place("7", 57)
		}
		s.known = true
		reply(201, s.place)
	}
}

func (s *site) now() string { return time.Now().Add(s.skew).UTC().Format(time.RFC3339Nano) }

const orderID = "01a2b3c4-0000-7000-8000-000000000001"

func held(quantity int, left time.Duration) map[string]any {
	return map[string]any{"id": orderID, "sale": "demo", "state": "held", "quantity": quantity, "amount": 4200 * quantity, "currency": "EUR", "created_at": at(0), "expires_at": at(left), "pay_url": "/dev/pay/" + orderID}
}

// challenge is one of ALTCHA's, with a number that takes a while to find.
func challenge() map[string]any {
	salt := fmt.Sprintf("71dc09e55c03eda1e249500a?expires=%d&", time.Now().Add(ahead+5*time.Minute).Unix())
	sum := sha256.Sum256([]byte(salt + "17345"))
	return map[string]any{"algorithm": "SHA-256", "challenge": hex.EncodeToString(sum[:]), "maxnumber": 20000, "salt": salt, "signature": "5160"}
}

// solves reports whether a proof is the solution of a challenge that is unchanged.
func solves(text string) bool {
	var p struct {
		Algorithm, Challenge, Salt, Signature string
		Number                                int
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &p) != nil {
		return false
	}
	sum := sha256.Sum256([]byte(p.Salt + strconv.Itoa(p.Number)))
	return p.Algorithm == "SHA-256" && hex.EncodeToString(sum[:]) == p.Challenge && p.Number == 17345 && p.Signature == "5160"
}

func place(name string, position int) map[string]any {
	p := map[string]any{"sale": "demo", "place": name, "joined": 812, "front": 0, "token": "token-of-" + name}
	if position > 0 {
		p["position"] = position
	}
	return p
}
