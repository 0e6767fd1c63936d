package sandbox_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"onsale/internal/payment"
	"onsale/internal/testbed"
	"onsale/internal/testbed/sandbox"
)

// site answers webhooks, and has pages to come back to.
type site struct {
	*sandbox.Sandbox
	front  string
	paid   []payment.Message
	answer string // to a webhook
}

func start(t *testing.T) *site {
	t.Helper()
	s := &site{answer: `{"outcome":"paid"}`}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m payment.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		s.paid = append(s.paid, m)
		_, _ = io.WriteString(w, s.answer)
	}))
	t.Cleanup(front.Close)
	config := payment.DefaultConfig()
	config.URL = front.URL + "/webhook"
	payer, err := payment.NewPayer(payment.NewSecret(), front.Client(), config, payment.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	s.front = front.URL
	if s.Sandbox, err = sandbox.New(payer, testbed.NewIssuer(), front.URL+"/sales/demo", func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask sends a request, follows nothing, and returns the answer with its body.
func ask(t *testing.T, method, address string, form url.Values) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a, string(body)
}

func TestSigningInLeadsBackWithAToken(t *testing.T) {
	s := start(t)
	page := s.front + "/sales/demo?x=1"
	tokens := map[string]bool{}
	for range 2 {
		a, _ := ask(t, "GET", s.SignIn()+"?return="+url.QueryEscape(page), nil)
		back, token, _ := strings.Cut(a.Header.Get("Location"), "#token=")
		if a.StatusCode != http.StatusSeeOther || back != page || strings.Count(token, ".") != 2 {
			t.Errorf("got %s to %s, want %s with a token in the fragment", a.Status, a.Header.Get("Location"), page)
		}
		tokens[token] = true
	}
	if len(tokens) != 2 {
		t.Error("two who signed in are the same buyer, want another one each time")
	}
	a, _ := ask(t, "GET", s.SignIn()+"?buyer=alice", nil)
	if c := a.Cookies(); a.Header.Get("Location") != s.front+"/sales/demo" || len(c) != 1 || c[0].Name != "onsale-token" || !c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode {
		t.Errorf("got %s and cookies %v without a way back, want the page and its cookie", a.Header.Get("Location"), c)
	}
	if a, _ := ask(t, "GET", s.SignIn()+"?buyer=a%0Ab", nil); a.StatusCode != http.StatusBadRequest {
		t.Errorf("got %s for a name with a line end, want 400", a.Status)
	}
}

func TestNobodyIsLedToAnotherSite(t *testing.T) {
	s := start(t)
	port := s.front[strings.LastIndex(s.front, ":"):]
	for _, address := range []string{"https://evil.example/", "//evil.example/", "/sales/demo", "http://evil.example" + port, "http://x@127.0.0.1" + port, "http://127.0.0.1:1/", "javascript:alert(1)", ""} {
		back := url.QueryEscape(address)
		if a, _ := ask(t, "GET", s.SignIn()+"?return="+back, nil); a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" {
			t.Errorf("%q: got %s to %q, want 400", address, a.Status, a.Header.Get("Location"))
		}
		if a, _ := ask(t, "GET", s.URL+"/dev/pay?order=1&sale=demo&amount=1&currency=EUR&return="+back, nil); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: got %s of the payment page, want 400", address, a.Status)
		}
	}
}

func TestPayingInABrowser(t *testing.T) {
	s := start(t)
	page := s.front + "/sales/demo"
	bill := url.Values{"order": {"<o>"}, "sale": {"demo"}, "amount": {"8400"}, "currency": {"EUR"}, "return": {page}}
	a, body := ask(t, "GET", s.URL+"/dev/pay?"+bill.Encode(), nil)
	if a.StatusCode != http.StatusOK || !strings.Contains(body, `name="order" value="&lt;o&gt;"`) || !strings.Contains(body, "8400 EUR") {
		t.Errorf("got %s %s, want a form with the order", a.Status, body)
	}
	const order = "01890a5d-ac96-774b-bcce-b302099a8057"
	bill.Set("order", order)
	post := func(do string) *http.Response {
		form := url.Values{"do": {do}}
		for name, value := range bill {
			form[name] = value
		}
		a, body = ask(t, "POST", s.URL+"/dev/pay", form)
		return a
	}
	if a := post("decline"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != page || len(s.paid) != 0 {
		t.Errorf("got %s to %s and %d payments when declined, want none, and the page", a.Status, a.Header.Get("Location"), len(s.paid))
	}
	if a := post("pay"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != page || len(s.paid) != 1 || s.paid[0].Data.Amount != 8400 || s.paid[0].Data.Order != order {
		t.Errorf("got %s to %s and payments %+v, want one of 8400, and the page", a.Status, a.Header.Get("Location"), s.paid)
	}
	s.answer = `{"outcome":"refund-due"}`
	if a := post("pay"); a.StatusCode != http.StatusConflict || !strings.Contains(body, "did not pay this order") {
		t.Errorf("got %s %s for a payment that bought nothing, want that it is shown", a.Status, body)
	}
}
