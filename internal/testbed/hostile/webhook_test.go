package hostile_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/payment"
	"onsale/internal/sale"
)

// message is one of a payment provider's, in its parts, so that each can be changed.
type message struct {
	id, timestamp, signature, body string
}

// signed is a message of the body.
func signed(secret payment.Secret, id, body string, at time.Time) message {
	return message{id, fmt.Sprint(at.Unix()), payment.Sign(secret, sale.MessageID(id), at, []byte(body)), body}
}

func (m message) text(header ...string) string {
	return request("POST", buyerapi.WebhookPath, m.body, append(header,
		payment.HeaderID+": "+m.id, payment.HeaderTimestamp+": "+m.timestamp, payment.HeaderSignature+": "+m.signature)...)
}

// about is the body of a message of the kind about an order of one ticket.
func about(kind, id, order, part string, amount int) string {
	return fmt.Sprintf(`{"type":"payment.%s","timestamp":"2030-01-01T00:00:00Z","data":{"payment":"pay-%s",%s"sale":%q,"order":%q,"amount":%d,"currency":"EUR"}}`, kind, order, part, id, order, amount)
}

// Attack: messages that no provider signed, or not like this, so that an order is paid for nothing. None of them changes anything.
func TestNoMessageButTheProvidersPays(t *testing.T) {
	id := target.open(t, 1000)
	order := ask(t, target.doors()[0].addr, target.purchase(t, id, "mallory")).order
	body := about("succeeded", id, order, "", 4200)
	now := time.Now()
	good := signed(target.Payments, "msg-"+order, body, now)
	forged := signed(payment.NewSecret(), "msg-"+order, body, now)
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"unsigned":                      {request("POST", buyerapi.WebhookPath, body), "webhook-malformed"},
		"with a buyer's token":          {request("POST", buyerapi.WebhookPath, body, target.bearer(t, "mallory")), "webhook-malformed"},
		"with the operators' token":     {request("POST", buyerapi.WebhookPath, body, "Authorization: Bearer "+target.AdminToken), "webhook-malformed"},
		"of another secret":             {forged.text(), "webhook-signature"},
		"with an empty signature":       {message{good.id, good.timestamp, "v1,", body}.text(), "webhook-malformed"},
		"with a signature of zeros":     {message{good.id, good.timestamp, "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32)), body}.text(), "webhook-signature"},
		"with half a signature":         {message{good.id, good.timestamp, good.signature[:24], body}.text(), "webhook-malformed"},
		"of another version":            {message{good.id, good.timestamp, strings.Replace(good.signature, "v1", "v2", 1), body}.text(), "webhook-signature"},
		"with a thousand signatures":    {message{good.id, good.timestamp, strings.Repeat(forged.signature+" ", 100), body}.text(), "webhook-malformed"},
		"for less money":                {message{good.id, good.timestamp, good.signature, strings.Replace(body, "4200", "0042", 1)}.text(), "webhook-signature"},
		"under another id":              {message{good.id + "x", good.timestamp, good.signature, body}.text(), "webhook-signature"},
		"with id and time run together": {message{good.id + "." + good.timestamp, good.timestamp, good.signature, body}.text(), "webhook-malformed"},
		"of another time":               {message{good.id, fmt.Sprint(now.Unix() + 1), good.signature, body}.text(), "webhook-signature"},
		"with a time that is none":      {message{good.id, "1e9", good.signature, body}.text(), "webhook-malformed"},
		"with a time of minus one":      {message{good.id, "-1", good.signature, body}.text(), "webhook-malformed"},
		"of ten minutes ago":            {signed(target.Payments, good.id, body, now.Add(-10*time.Minute)).text(), "webhook-expired"},
		"of in ten minutes":             {signed(target.Payments, good.id, body, now.Add(10*time.Minute)).text(), "webhook-expired"},
		"of 9 KB":                       {signed(target.Payments, good.id, strings.Replace(body, "{", "{"+strings.Repeat(" ", 9000), 1), now).text(), "body-too-large"},
		"cut off":                       {signed(target.Payments, good.id, body[:len(body)-3], now).text(), "invalid-payment"},
		"with two amounts":              {signed(target.Payments, good.id, strings.Replace(body, `"amount"`, `"amount":1,"amount"`, 1), now).text(), "invalid-payment"},
		"with a negative amount":        {signed(target.Payments, good.id, about("succeeded", id, order, "", -1), now).text(), "invalid-payment"},
		"nested deep":                   {signed(target.Payments, good.id, strings.Repeat("[", 4000)+strings.Repeat("]", 4000), now).text(), "invalid-payment"},
		"read by GET":                   {strings.Replace(good.text(), "POST", "GET", 1), "method-not-allowed"},
		"to another spelling":           {strings.Replace(good.text(), "/v1/payments/webhook", "/v1/payments/webhook/", 1), "not-found"},
		"to an escaped path":            {strings.Replace(good.text(), "/v1/payments/webhook", "/v1/payments/%77ebhook", 1), "not-found"},
		"signed in two headers":         {good.text(payment.HeaderSignature+": v1,x", payment.HeaderID+": other"), "webhook-malformed"},
	} {
		for _, d := range target.doors() {
			if a := ask(t, d.addr, c.text); a.code != c.want {
				t.Errorf("%s, a message %s: got %v, want %s", d.name, name, a, c.want)
			}
		}
	}
	if a := ask(t, target.doors()[0].addr, request("GET", "/v1/sales/"+id+"/orders/"+order, "", target.bearer(t, "mallory"))); !strings.Contains(a.body, `"held"`) {
		t.Errorf("got %s, want the order held", a.body)
	}
}

// Attack: good messages that are overheard and sent again, at once and later, with another content, to another order, and in another
// order than they were made. Money counts once.
func TestReplayedAndReorderedMessagesCountOnce(t *testing.T) {
	id := target.open(t, 1000)
	front := target.doors()[0].addr
	order := ask(t, front, target.purchase(t, id, "ann")).order
	other := ask(t, front, target.purchase(t, id, "mallory")).order
	paid := signed(target.Payments, "msg-"+order, about("succeeded", id, order, "", 4200), time.Now())
	back := signed(target.Payments, "msg-back-"+order, about("refunded", id, order, `"refund":"part-`+order+`",`, 100), time.Now())
	if a := ask(t, front, back.text()); a.status != http.StatusOK || !strings.Contains(a.body, `"recorded"`) {
		t.Errorf("a refund before its payment: got %v %s, want it recorded", a, a.body)
	}
	for i := range 6 {
		d := target.doors()[i%2]
		if a := ask(t, d.addr, paid.text()); a.status != http.StatusOK || !strings.Contains(a.body, `"paid"`) || (a.header.Get("Idempotent-Replayed") == "true") != (i > 0) {
			t.Errorf("%s: message %d: got %v %s, want paid, and a replay but for the first", d.name, i, a, a.body)
		}
	}
	for i := range 4 {
		if a := ask(t, target.doors()[i%2].addr, back.text()); a.status != http.StatusOK {
			t.Errorf("the refund, time %d: got %v %s, want 200", i, a, a.body)
		}
	}
	// The same payment for another order, and of another amount: providers have one meaning for an id.
	for _, body := range []string{
		strings.Replace(about("succeeded", id, other, "", 4200), "pay-"+other, "pay-"+order, 1),
		about("succeeded", id, order, "", 8400),
	} {
		if a := ask(t, front, signed(target.Payments, "msg-again", body, time.Now()).text()); a.code != "payment-conflict" {
			t.Errorf("got %v %s, want payment-conflict", a, a.body)
		}
	}
	if a := ask(t, front, request("GET", "/v1/sales/"+id+"/orders/mine", "", target.bearer(t, "mallory"))); !strings.Contains(a.body, `"held"`) {
		t.Errorf("got %s, want mallory's order held", a.body)
	}
	// Too little money, and money for a sale that there is not: recorded as due to go back, and nothing is sold by it.
	for i, body := range []string{about("succeeded", id, other, "", 1), strings.Replace(about("succeeded", "no-such-sale", other, "", 4200), "pay-", "pax-", 1)} {
		a := ask(t, front, signed(target.Payments, "msg-"+fmt.Sprint(i), body, time.Now()).text())
		if a.status != http.StatusOK || !strings.Contains(a.body, `"refund-due"`) {
			t.Errorf("got %v %s, want refund-due", a, a.body)
		}
	}
}
