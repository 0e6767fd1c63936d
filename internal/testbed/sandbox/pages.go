package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"onsale/internal/payment"
	"onsale/internal/sale"
)

// signedInFor is how long a buyer is signed in.
const signedInFor = 24 * time.Hour

// signIn signs a token for ?buyer=, or for a buyer that nobody was before. The site's page is led back to with the
// token in the fragment, which no server sees. Who comes by themselves, without ?return=, gets the site's cookie, as a site
// that signs buyers in on its own host sets it: a cookie is the same for all ports.
func (s *Sandbox) signIn(w http.ResponseWriter, r *http.Request) {
	buyer := cmp.Or(r.URL.Query().Get("buyer"), "buyer-"+strings.ToLower(rand.Text()[:8]))
	if _, err := sale.ParseBuyer(buyer); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	token, err := s.issuer.Token(buyer, signedInFor)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if !r.URL.Query().Has("return") {
		http.SetCookie(w, &http.Cookie{Name: "onsale-token", Value: token, Path: "/", MaxAge: int(signedInFor.Seconds()), HttpOnly: true, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, s.home.String(), http.StatusSeeOther)
		return
	}
	back, ok := s.back(w, r.URL.Query().Get("return"))
	if !ok {
		return
	}
	back.Fragment = "token=" + token
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

// back is the address of the site that the buyer comes from, or an answer: no other site gets a token or a visitor.
func (s *Sandbox) back(w http.ResponseWriter, address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != s.home.Scheme || u.Port() != s.home.Port() || !sale.Loopback(u.Hostname()) || u.User != nil {
		http.Error(w, "return: want an address of the site, such as "+s.home.String(), http.StatusBadRequest)
		return nil, false
	}
	return u, true
}

// bill is what the sandbox asks a buyer to pay.
type bill struct {
	Order, Sale, Currency, Return string
	Amount                        int64 // in the minor unit
	Failed                        string
}

// readBill takes it from a request's parameters, or answers what is wrong with them.
func (s *Sandbox) readBill(w http.ResponseWriter, r *http.Request) (bill, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	b := bill{Order: r.FormValue("order"), Sale: r.FormValue("sale"), Currency: r.FormValue("currency"), Return: r.FormValue("return")}
	var err error
	if b.Amount, err = strconv.ParseInt(r.FormValue("amount"), 10, 64); err != nil || b.Order == "" || b.Sale == "" {
		http.Error(w, "want the parameters order, sale, amount, currency and return, as a sale's pay_url has them", http.StatusBadRequest)
		return b, false
	}
	_, ok := s.back(w, b.Return)
	return b, ok
}

// showPayment is the page on which a buyer pays or declines.
func (s *Sandbox) showPayment(w http.ResponseWriter, r *http.Request) {
	if b, ok := s.readBill(w, r); ok {
		b.write(w, http.StatusOK)
	}
}

// payInBrowser reports the payment to the site, and leads back to its page. A payment that did not pay the order is shown here.
func (s *Sandbox) payInBrowser(w http.ResponseWriter, r *http.Request) {
	b, ok := s.readBill(w, r)
	if !ok {
		return
	}
	if r.PostFormValue("do") == "pay" {
		ctx, cancel := context.WithTimeout(r.Context(), payLimit)
		defer cancel()
		a, err := s.payer.Pay(ctx, payment.Data{Sale: sale.ID(b.Sale), Order: sale.OrderID(b.Order), Amount: b.Amount, Currency: b.Currency})
		switch {
		case err != nil:
			b.Failed = err.Error()
		case !bytes.Contains(a.Body, []byte(`"outcome":"paid"`)):
			b.Failed = string(a.Body)
		}
		if b.Failed != "" {
			b.write(w, http.StatusConflict)
			return
		}
	}
	http.Redirect(w, r, b.Return, http.StatusSeeOther)
}

func (b bill) write(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = billPage.Execute(w, b) // a buyer who has gone away needs no page
}

var billPage = template.Must(template.New("bill").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox payment</title>
<link rel="icon" href="data:,">
<style>body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 2rem auto; padding: 0 1rem } button { font: inherit; padding: .6rem 1.2rem; margin-right: 1rem }</style>
<h1>Sandbox payment</h1>
<p>This page plays the payment provider. It takes no money.</p>
{{if .Failed}}<p role="alert">The payment did not pay this order: {{.Failed}}</p><p><a href="{{.Return}}">Back to the sale</a></p>
{{else}}<form method="post" action="/dev/pay">
<p>Order {{.Order}} of the sale {{.Sale}}: {{.Amount}} {{.Currency}} in the minor unit.</p>
<input type="hidden" name="order" value="{{.Order}}"><input type="hidden" name="sale" value="{{.Sale}}">
<input type="hidden" name="amount" value="{{.Amount}}"><input type="hidden" name="currency" value="{{.Currency}}">
<input type="hidden" name="return" value="{{.Return}}">
<button name="do" value="pay" autofocus>Pay</button><button name="do" value="decline">Decline</button>
</form>
{{end}}</html>
`))
