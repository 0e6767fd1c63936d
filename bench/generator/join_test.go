package generator

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// line is a server that gives each buyer a place, and sells to those who show the token that it gave them.
func line(t *testing.T) (addr string, counts func() map[string]int) {
	t.Helper()
	var mu sync.Mutex
	seen := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buyer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		mu.Lock()
		defer mu.Unlock()
		seen[r.URL.Path]++
		number := strings.TrimPrefix(buyer, "buyer-")
		status, body := http.StatusNotFound, "{}"
		switch {
		case r.URL.Path == "/v1/sales/s/line":
			status = http.StatusOK
			if seen[buyer]++; seen[buyer] == 1 {
				status = http.StatusCreated
			}
			body = `{"sale":"s","place":"` + number + `","joined":1,"front":0,"token":"token-` + number + `"}`
		case r.Header.Get("Onsale-Place") == "token-"+number:
			status, body = http.StatusCreated, `{"id":"o-`+number+`","quantity":1}`
		default:
			status, body = http.StatusForbidden, `{"code":"place-required"}`
		}
		w.WriteHeader(status)
		if _, err := w.Write([]byte(body)); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(seen)
	}
}

func TestBuyersJoinAndBuyWithTheirPlaces(t *testing.T) {
	addr, _ := line(t)
	const n = 50
	places := make([]string, n)
	o := Order{Addr: addr, Sale: "s", Requests: n, Connections: 4, Timeout: 10 * time.Second, Joins: true, Keep: true, Patience: 10 * time.Second}
	joined, err := send(o, tokens(n), places, never, nil)
	if err != nil || joined.Statuses[201] != n || joined.Latencies[ClassSold].Count() != n {
		t.Fatalf("got %v, %v, want %d new places", joined.Statuses, err, n)
	}
	for _, k := range joined.Acks {
		if want := strings.TrimPrefix(k.Buyer, "buyer-"); k.Order != want {
			t.Errorf("%s: got place %q, want %q", k.Buyer, k.Order, want)
		}
	}
	o.Joins, o.Keep, o.Patience = false, false, 0
	without, err := send(o, tokens(n), places, never, nil)
	if err != nil || without.Statuses[403] != n {
		t.Errorf("got %v, %v without places, want %d refused", without.Statuses, err, n)
	}
	o.Places = true
	bought, err := send(o, tokens(n), places, never, nil)
	if err != nil || bought.Statuses[201] != n || len(bought.Acks) != n {
		t.Errorf("got %v, %v with places, want %d orders", bought.Statuses, err, n)
	}
}

func TestFewBuyersSendManyRequests(t *testing.T) {
	addr, seen := line(t)
	o := Order{Addr: addr, Sale: "s", First: 1, Requests: 90, Buyers: 3, Connections: 4, Timeout: 10 * time.Second, Joins: true}
	r, err := send(o, tokens(4), make([]string, 4), never, nil)
	if err != nil || r.Statuses[201] != 3 || r.Statuses[200] != 87 {
		t.Errorf("got %v, %v, want 3 new places and 87 known ones", r.Statuses, err)
	}
	want := map[string]int{"/v1/sales/s/line": 90, "buyer-1": 30, "buyer-2": 30, "buyer-3": 30}
	if diff := cmp.Diff(want, seen()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAPlaceThatCannotBeReadIsAnError(t *testing.T) {
	if a, whole, fault := parse(render(201, `{"sale":"s"}`), true); !whole || fault != "" || a.class != ClassError || a.fault != errNoPlace {
		t.Errorf("got %+v, %v, %q, want %s", a, whole, fault, errNoPlace)
	}
	if a, _, _ := parse(render(201, `{"place":"7","token":"x"}`), false); a.class != ClassError {
		t.Errorf("got %+v of a place as the answer to a purchase, want an error", a)
	}
	for _, o := range []Order{
		{Buyers: 2, Again: 2}, {Keep: true}, {Joins: true, Places: true},
	} {
		o.Addr, o.Sale, o.Requests, o.Connections, o.Timeout = "127.0.0.1:1", "s", 4, 1, time.Second
		if o.Validate() == nil {
			t.Errorf("%+v: got no error", o)
		}
	}
}
