package sale_test

import (
	"net/url"
	"strings"
	"testing"

	"onsale/internal/sale"
)

func TestPayURLs(t *testing.T) {
	for address, want := range map[string]string{
		"": "",
		"https://pay.example/{order}?amount={amount}&currency={currency}&sale={sale}&back={return}": "",
		"https://pay.example:8443/?o={order}#x":                                                     "",
		"http://127.0.0.1:8090/pay?order={order}":                                                   "",
		"http://localhost/{order}":                                                                  "",
		"http://[::1]:80/{order}":                                                                   "",
		"http://pay.example/{order}":                                                                "by https, or by http on loopback",
		"http://127.0.0.1.example/{order}":                                                          "by https, or by http on loopback",
		"//pay.example/{order}":                                                                     "by https",
		"/pay/{order}":                                                                              "by https",
		"javascript:alert({order})":                                                                 "by https",
		"javascript://x/%0aalert({order})":                                                          "by https",
		"data:text/html,{order}":                                                                    "by https",
		"https://user:secret@pay.example/{order}":                                                   "without a user",
		"https://pay.example/":                                                                      "{order}",
		"https://pay.example/{order}{buyer}":                                                        "no braces but",
		"https://pay.example/{order}}":                                                              "no braces but",
		"https://{order}.example/":                                                                  "no value in the host's place",
		"https://pay.{sale}/{order}":                                                                "no value in the host's place",
		"https://pay.example/{order}?x=\n":                                                          "printable ASCII",
		"https://pay.example/{order}?x=a b":                                                         "printable ASCII",
		"https://pay.example/{order}?x=é":                                                           "printable ASCII",
		"https://pay.example/{order}?" + strings.Repeat("x", 500):                                   "at most 500 bytes",
		"https:///{order}":                                                                          "by https",
		"https://pay.example/{order}?amount={amount}&again={amount}":                                "",
		"HTTPS://pay.example/{order}":                                                               "host's place", // written in small letters everywhere else
		"https://pay.example{order}/":                                                               "no value in the host's place",
		"https://pay.example/%zz{order}":                                                            "by https",
		"https://pay.example/?q=%7Border%7D&order={order}&r={return}#{":                             "no braces",
	} {
		s := concert()
		s.PayURL = sale.PayURL(address)
		switch err := s.Validate(); {
		case want == "" && err != nil:
			t.Errorf("%q: got %v, want no error", address, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got %v, want %q", address, err, want)
		}
	}
}

func TestAPayURLHasTheOrdersValues(t *testing.T) {
	s := concert()
	s.ID, s.Price, s.Currency = "demo", 4200, "EUR"
	s.PayURL = "https://pay.example/{order}?a={amount}&c={currency}&s={sale}&b={return}&d=2"
	o := sale.Order{ID: "01890a5d-ac96-774b-bcce-b302099a8057", Quantity: 2, State: sale.StateHeld, Created: 1, Expires: 2}
	const back = "https://tickets.example/sales/demo?x=1&y=2#z"
	got, err := url.Parse(s.PayURL.For(&s, o, back))
	if err != nil {
		t.Fatal(err)
	}
	q := got.Query()
	if got.Path != "/"+string(o.ID) || q.Get("a") != "8400" || q.Get("c") != "EUR" || q.Get("s") != "demo" || q.Get("b") != back || q.Get("d") != "2" || got.Fragment != "" {
		t.Errorf("got %s, want each value whole, in its place", got)
	}
	for name, change := range map[string]func(*sale.Sale, *sale.Order){
		"paid":              func(_ *sale.Sale, o *sale.Order) { o.State = sale.StatePaid },
		"expired":           func(_ *sale.Sale, o *sale.Order) { o.State = sale.StateExpired },
		"free":              func(s *sale.Sale, _ *sale.Order) { s.Price = 0 },
		"of a sale without": func(s *sale.Sale, _ *sale.Order) { s.PayURL = "" },
	} {
		s, o := s, o
		change(&s, &o)
		if got := s.PayURL.For(&s, o, back); got != "" {
			t.Errorf("%s: got %q, want none: there is nothing to pay", name, got)
		}
	}
}
