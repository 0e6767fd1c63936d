package buyerapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

const session = "/v1/session"

// at is a request as it is sent to another host than "onsale".
func (a address) at(t testing.TB, host, method, target, body string, header ...string) answer {
	t.Helper()
	return a.dial(t).send(t, method, strings.Replace(raw(method, target, body, header...), "Host: onsale", "Host: "+host, 1))
}

func TestASessionIsACookieThatOnlyThisSiteSends(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	const secure, bare = "; Path=/; Max-Age=86400; Secure; HttpOnly; SameSite=Strict", "; Path=/; Max-Age=86400; HttpOnly; SameSite=Strict"
	for name, c := range map[string]struct{ host, proto, want string }{
		"on the web":                      {"tickets.example", "https", "__Host-onsale-token=token-of-alice" + secure},
		"behind a balancer that ends TLS": {"tickets.example", "http", "__Host-onsale-token=token-of-alice" + secure},
		"on loopback":                     {"127.0.0.1:8080", "http", "onsale-token=token-of-alice" + bare},
		"on loopback, straight at a node": {"localhost:8080", "", "onsale-token=token-of-alice" + bare},
		"on loopback by IPv6":             {"[::1]:8080", "http", "onsale-token=token-of-alice" + bare},
		"on loopback with TLS":            {"localhost", "https", "__Host-onsale-token=token-of-alice" + secure},
		"at a name that looks like one":   {"127.0.0.1.example", "http", "__Host-onsale-token=token-of-alice" + secure},
	} {
		t.Run(name, func(t *testing.T) {
			got := a.at(t, c.host, "POST", session, "", bearer(token(t, "alice")), "X-Forwarded-Proto: "+c.proto)
			if got.StatusCode != http.StatusNoContent {
				t.Fatalf("got %s %s, want 204", got.Status, got.body)
			}
			// A day by the site's clock: a day for the browser, whatever its own shows.
			if diff := cmp.Diff(strings.Replace(c.want, "86400", "", 1), withoutAge(t, got, 24*time.Hour)); diff != "" {
				t.Errorf("cookie (-want +got):\n%s", diff)
			}
			wantHeader(t, got, "Cache-Control", "no-store")
		})
	}
}

// withoutAge is the cookie that an answer sets, without its age, which has to be about what is wanted.
func withoutAge(t *testing.T, a answer, want time.Duration) string {
	t.Helper()
	set := a.Header.Get("Set-Cookie")
	age, err := http.ParseSetCookie(set)
	if err != nil {
		t.Fatalf("got Set-Cookie %q: %v", set, err)
	}
	if got := time.Duration(age.MaxAge) * time.Second; got > want || got < want-time.Minute {
		t.Errorf("got a cookie for %v, want one for %v", got, want)
	}
	before, after, _ := strings.Cut(set, "Max-Age=")
	return before + "Max-Age=" + strings.TrimLeft(after, "0123456789")
}

func TestASessionShowsWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	for name, header := range map[string]string{
		"by a cookie":             "Cookie: other=1; __Host-onsale-token=" + token(t, "<al>&ice"),
		"by a header":             bearer(token(t, "<al>&ice")),
		"by a cookie, cross-site": "Cookie: __Host-onsale-token=" + token(t, "<al>&ice") + "\r\nSec-Fetch-Site: cross-site",
	} {
		got := a.ask(t, "GET", session, "", header)
		d := got.document(t)
		if got.StatusCode != http.StatusOK || d["buyer"] != "<al>&ice" || d["expires_at"] != "2042-05-02T12:00:00Z" || !strings.HasPrefix(d["server_time"].(string), "2042-05-01T12:00:0") {
			t.Errorf("%s: got %s %v, want buyer, end of the token and server time", name, got.Status, d)
		}
		wantPrivate(t, got, buyerapi.OK)
	}
	for name, header := range map[string]string{"nobody": "X: y", "by a token that has expired": "Cookie: __Host-onsale-token=old", "by another header": "Authorization: Basic x"} {
		if d := wantProblem(t, a.ask(t, "GET", session, "", header), buyerapi.Unauthorized); d["sign_in"] != nil {
			t.Errorf("%s: got sign_in %v, want none where none is set", name, d["sign_in"])
		}
	}
}

func TestASessionsRefusalLinksToTheSignIn(t *testing.T) {
	t.Parallel()
	s := (&site{}).open(t)
	s.handler.SignIn("https://id.example/?a=1&b=\"2\"")
	a := listen(t, buyerapi.NewServer(s.handler, time.Minute))
	for _, method := range []string{"GET", "POST"} {
		for name, header := range map[string]string{"no token": "X: y", "a bad token": bearer("bad")} {
			if d := wantProblem(t, a.ask(t, method, session, "", header), buyerapi.Unauthorized); d["sign_in"] != "https://id.example/?a=1&b=\"2\"" {
				t.Errorf("%s with %s: got sign_in %v, want the address", method, name, d["sign_in"])
			}
		}
	}
}

func TestSigningInAndOut(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	mine := "Cookie: __Host-onsale-token=" + token(t, "alice")
	// A cookie begins no session: only the header shows that who asks has the token.
	wantProblem(t, a.ask(t, "POST", session, "", mine, "Sec-Fetch-Site: same-origin"), buyerapi.Unauthorized)
	wantProblem(t, a.ask(t, "POST", session, `{"token":"x"}`, bearer(token(t, "alice"))), buyerapi.InvalidRequest)
	wantProblem(t, a.ask(t, "POST", session, "", bearer(token(t, strings.Repeat("a", 4096)))), buyerapi.HeaderTooLarge)
	wantProblem(t, a.ask(t, "PUT", session, "", mine), buyerapi.MethodNotAllowed)

	wantProblem(t, a.ask(t, "DELETE", session, "", mine, "Sec-Fetch-Site: same-site"), buyerapi.CrossSite)
	for name, header := range map[string]string{"its own page": "Sec-Fetch-Site: same-origin", "who has the token": bearer(token(t, "alice"))} {
		got := a.ask(t, "DELETE", session, "", mine, header)
		if want := "__Host-onsale-token=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"; got.StatusCode != http.StatusNoContent || got.Header.Get("Set-Cookie") != want {
			t.Errorf("%s: got %s and %q, want 204 and %q", name, got.Status, got.Header.Get("Set-Cookie"), want)
		}
	}
}

// Whatever page has a browser send a request: the cookie buys, cancels and joins for its buyer only on the site's own.
func TestNoOtherSiteActsForABuyer(t *testing.T) {
	t.Parallel()
	s := keeping(sale.StateHeld)
	a := s.serve(t)
	calls := [][3]string{{"POST", "/v1/sales/s/orders", `{"quantity":1}`}, {"DELETE", theOrder, ""}, {"DELETE", session, ""}}
	const here, bare = "tickets.example", "127.0.0.1:8080"
	for name, c := range map[string]struct {
		host   string
		header []string
		own    bool
	}{
		"its own page":                                {here, []string{"Sec-Fetch-Site: same-origin"}, true},
		"its own page, in an older browser":           {here, []string{"Origin: https://tickets.example"}, true},
		"its own page, at a port":                     {here + ":8443", []string{"Origin: https://tickets.example:8443"}, true},
		"its own page without TLS, on loopback":       {bare, []string{"Origin: http://127.0.0.1:8080"}, true},
		"another site":                                {here, []string{"Sec-Fetch-Site: cross-site"}, false},
		"another site, whatever origin it claims":     {here, []string{"Sec-Fetch-Site: cross-site", "Origin: https://tickets.example"}, false},
		"a sibling under the same domain":             {here, []string{"Sec-Fetch-Site: same-site", "Origin: https://blog.example"}, false},
		"a subdomain":                                 {here, []string{"Sec-Fetch-Site: same-site", "Origin: https://a.tickets.example"}, false},
		"a subdomain, in an older browser":            {here, []string{"Origin: https://a.tickets.example"}, false},
		"the domain above, in an older browser":       {"a.tickets.example", []string{"Origin: https://tickets.example"}, false},
		"another port, in an older browser":           {here, []string{"Origin: https://tickets.example:8443"}, false},
		"another port of loopback":                    {bare, []string{"Origin: http://127.0.0.1:9090"}, false},
		"the same name without TLS":                   {here, []string{"Origin: http://tickets.example"}, false},
		"a page without an origin":                    {here, []string{"Origin: null"}, false},
		"a page without an origin, in a frame":        {here, []string{"Sec-Fetch-Site: cross-site", "Origin: null"}, false},
		"nobody, as it seems":                         {here, nil, false},
		"a link that was typed":                       {here, []string{"Sec-Fetch-Site: none"}, false},
		"a name that ends alike":                      {here, []string{"Origin: https://eviltickets.example"}, false},
		"an origin that is none":                      {here, []string{"Origin: tickets.example"}, false},
		"another site that was there before the page": {here, []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, call := range calls {
				name := "__Host-onsale-token="
				if c.host == bare {
					name = "onsale-token="
				}
				got := a.at(t, c.host, call[0], call[1], call[2], append(c.header, "Cookie: "+name+token(t, "alice"))...)
				if c.own == (got.StatusCode == http.StatusForbidden) {
					t.Errorf("%s %s: got %s %s, want it done: %v", call[0], call[1], got.Status, got.body, c.own)
				}
				if !c.own {
					wantProblem(t, got, buyerapi.CrossSite)
				}
				// Who has the token itself is no page of another site.
				if got := a.at(t, c.host, call[0], call[1], call[2], append(c.header, bearer(token(t, "alice")))...); got.StatusCode == http.StatusForbidden || got.StatusCode == http.StatusUnauthorized {
					t.Errorf("%s %s with a header: got %s, want it done", call[0], call[1], got.Status)
				}
			}
		})
	}
}

func TestWhichCookieIdentifies(t *testing.T) {
	t.Parallel()
	a := keeping(sale.StateHeld).serve(t)
	for name, c := range map[string]struct {
		host, header string
		want         int
	}{
		"the site's":                              {"tickets.example", "Cookie: a=b; __Host-onsale-token=" + token(t, "alice"), 200},
		"one that a neighbour can set, nobody":    {"tickets.example", "Cookie: onsale-token=" + token(t, "alice"), 401},
		"on loopback the one without TLS":         {"127.0.0.1", "Cookie: onsale-token=" + token(t, "alice"), 200},
		"not that of another name":                {"tickets.example", "Cookie: __host-onsale-token=" + token(t, "alice"), 401},
		"not if there is a header":                {"tickets.example", "Cookie: __Host-onsale-token=" + token(t, "alice") + "\r\nAuthorization: Basic x", 401},
		"not if the header names somebody else":   {"tickets.example", "Cookie: __Host-onsale-token=" + token(t, "alice") + "\r\n" + bearer(token(t, "mallory")), 404},
		"not an empty one":                        {"tickets.example", "Cookie: __Host-onsale-token=", 401},
		"not the token of somebody without order": {"tickets.example", "Cookie: __Host-onsale-token=" + token(t, "bob"), 404},
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.at(t, c.host, "GET", theOrder, "", c.header); got.StatusCode != c.want {
				t.Errorf("got %s %s, want %d", got.Status, got.body, c.want)
			}
		})
	}
}

func TestNoSessionWithoutRedisTime(t *testing.T) {
	t.Parallel()
	a := (&site{away: true}).serve(t)
	wantProblem(t, a.ask(t, "GET", session, "", bearer(token(t, "alice"))), buyerapi.StoreUnavailable)
	wantProblem(t, a.ask(t, "POST", session, "", bearer(token(t, "alice"))), buyerapi.StoreUnavailable)
}

// No other site gives a buyer a place either: the buyer's one place would be taken at a time of its choice.
func TestNoOtherSiteJoinsForABuyer(t *testing.T) {
	t.Parallel()
	a := line(0).serve(t)
	got := a.ask(t, "POST", "/v1/sales/s/line", "", "Cookie: __Host-onsale-token="+token(t, "alice"), "Sec-Fetch-Site: cross-site")
	wantProblem(t, got, buyerapi.CrossSite)
}
