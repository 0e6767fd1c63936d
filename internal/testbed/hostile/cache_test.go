package hostile_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"onsale/internal/testbed/await"
)

// soldOut has a sale's only ticket sold, and Nginx's cache with that answer, as an honest buyer gets it.
func (s *site) soldOut(t *testing.T) (id, front string) {
	t.Helper()
	id, front = s.open(t, 1), s.doors()[0].addr
	if a := ask(t, front, s.purchase(t, id, "first")); a.status != http.StatusCreated {
		t.Fatalf("got %v, want the ticket", a)
	}
	return id, front
}

// odd are headers and paths by which a cache's entry could come to differ from what a node answered, or one buyer's answer could be
// kept for others.
func odd(id string) map[string]string {
	path := "/v1/sales/" + id + "/orders"
	get := func(target string, header ...string) string { return request("POST", target, one, header...) }
	return map[string]string{
		"another host":             strings.Replace(get(path), "Host: onsale", "Host: evil.example", 1),
		"a host with a port":       strings.Replace(get(path), "Host: onsale", "Host: onsale:1", 1),
		"an absolute address":      strings.Replace(get("http://evil.example"+path), "Host: onsale", "Host: evil.example", 1),
		"X-Forwarded-Host":         get(path, "X-Forwarded-Host: evil.example", "X-Host: evil.example", "Forwarded: host=evil.example"),
		"X-Forwarded-For":          get(path, "X-Forwarded-For: 10.0.0.1", "X-Real-IP: 10.0.0.1", "True-Client-IP: 10.0.0.1"),
		"X-Forwarded-Proto":        get(path, "X-Forwarded-Proto: evil", "X-Forwarded-Scheme: evil", "X-Forwarded-Port: 1"),
		"X-Original-URL":           get(path, "X-Original-URL: /v1/sales/honest/orders", "X-Rewrite-URL: /admin/v1/sales"),
		"X-HTTP-Method-Override":   get(path, "X-HTTP-Method-Override: DELETE", "X-Method-Override: GET", "X-HTTP-Method: PUT"),
		"a query":                  get(path + "?utm=1&cb=2&X-Accel-Expires=9999"),
		"a fragment":               get(path + "#x"),
		"an escape":                get(strings.Replace(path, "orders", "%6frders", 1)),
		"a double escape":          get(strings.Replace(path, "orders", "%256frders", 1)),
		"slashes":                  get(strings.ReplaceAll(path, "/", "//")),
		"dots":                     get("/v1/./sales/x/../" + id + "/orders"),
		"a semicolon":              get(path + ";jsessionid=1"),
		"an extension":             get(path + "/x.css"),
		"Accept-Encoding":          get(path, "Accept-Encoding: gzip, br, identity;q=0"),
		"Accept-Language":          get(path, "Accept-Language: de"),
		"Accept":                   get(path, "Accept: text/html"),
		"Range":                    get(path, "Range: bytes=0-1"),
		"If-None-Match":            get(path, "If-None-Match: *"),
		"If-Modified-Since":        get(path, "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"),
		"Cache-Control":            get(path, "Cache-Control: max-age=99999, only-if-cached", "Pragma: no-cache"),
		"Vary":                     get(path, "Vary: *"),
		"Origin":                   get(path, "Origin: https://evil.example"),
		"Cookie":                   get(path, "Cookie: a=<script>"),
		"X-Request-Id":             get(path, "X-Request-Id: <script>evil</script>"),
		"Onsale-Retried":           get(path, "Onsale-Retried: 1"),
		"X-Accel-Expires":          get(path, "X-Accel-Expires: 9999", "X-Accel-Redirect: /problem", "X-Accel-Buffering: no"),
		"traceparent":              get(path, "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate: evil=1"),
		"a body that is no JSON":   request("POST", path, "<script>"),
		"HEAD":                     request("HEAD", path, ""),
		"GET":                      request("GET", path, ""),
		"PUT":                      request("PUT", path, one),
		"DELETE":                   request("DELETE", path, ""),
		"PURGE":                    request("PURGE", path, ""),
		"a header that is too big": get(path, "X: "+strings.Repeat("a", 9000)),
	}
}

// Attack: a stranger asks for a sold-out sale in an odd way, so that Nginx keeps an answer that he shaped, and repeats it to others. What
// honest buyers get is the same before and after, byte for byte but for the request's id.
func TestNothingThatAStrangerSendsIsInTheCache(t *testing.T) {
	id, front := target.soldOut(t)
	honestly := func() string {
		a := ask(t, front, target.purchase(t, id, "late"))
		if a.code != "sold-out" || a.header.Get("Onsale-Retried") != "" {
			t.Errorf("got %v, want sold-out", a)
		}
		for _, name := range []string{"Date", "X-Request-Id"} { // the hour, and the request's own id
			a.header.Del(name)
		}
		return fmt.Sprint(a.status, a.header, a.body)
	}
	want := honestly()
	for name, text := range odd(id) {
		t.Run(name, func(t *testing.T) {
			// Where nothing is kept, in the second after it, and while something is.
			for range 3 {
				got := send(t, front, text)
				for _, a := range got {
					if strings.Contains(fmt.Sprint(a.header, a.body), "evil") {
						t.Errorf("got %v %s, want nothing of what was sent", a.header, a.body)
					}
					if strings.Contains(fmt.Sprint(a.header), "Access-Control") {
						t.Errorf("got %v, want no page of another site to read it", a.header)
					}
				}
				if got := honestly(); got != want {
					t.Errorf("an honest buyer got\n%s, want\n%s", got, want)
				}
			}
		})
	}
}

// Attack: a stranger's request is what Nginx keeps "sold out" by, while the sale has tickets again, or for a sale that has some. Nobody
// is refused by what is kept for another sale, method or moment.
func TestSoldOutOfOneSaleIsNotAnothers(t *testing.T) {
	id, front := target.soldOut(t)
	for i := range 20 {
		// All that a stranger can vary, then a purchase of a sale with tickets, then one's own order.
		for _, text := range odd(id) {
			if i == 0 {
				send(t, front, text)
			}
		}
		if a := ask(t, front, target.purchase(t, id, fmt.Sprint("late-", i))); a.code != "sold-out" {
			t.Errorf("got %v, want sold-out", a)
		}
		served++
		if a := ask(t, front, target.purchase(t, honest, fmt.Sprint("beside-", served))); a.status != http.StatusCreated {
			t.Errorf("another sale: got %v, want an order", a)
		}
		if a := ask(t, front, request("GET", "/v1/sales/"+id+"/orders/mine", "", target.bearer(t, "first"))); a.status != http.StatusOK {
			t.Errorf("the buyer's own order: got %v, want it", a)
		}
		if a := ask(t, front, request("GET", "/v1/sales/"+id, "")); a.status != http.StatusOK {
			t.Errorf("the sale: got %v, want 200", a)
		}
	}
	order := ask(t, front, request("GET", "/v1/sales/"+id+"/orders/mine", "", target.bearer(t, "first"))).order
	if a := ask(t, front, request("DELETE", "/v1/sales/"+id+"/orders/"+order, "", target.bearer(t, "first"))); a.status != http.StatusOK {
		t.Fatalf("got %v, want the order cancelled", a)
	}
	await.Within(t, patience, "the ticket that came back is sold", func() bool {
		return ask(t, front, target.purchase(t, id, "second")).status == http.StatusCreated
	})
}
