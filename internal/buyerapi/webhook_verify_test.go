package buyerapi_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"onsale/internal/buyerapi"
	"onsale/internal/payment"
	"onsale/internal/sale"
)

// The node has ours and former, as amid a rotation; nobody has foreign.
var ours, former, foreign = payment.NewSecret(), payment.NewSecret(), payment.NewSecret()

// paying is the message that pays for two tickets.
const paying = `{"type":"payment.succeeded","timestamp":"2042-05-01T11:59:58Z","data":` +
	`{"payment":"pay_1","sale":"s","order":"` + string(anOrder) + `","amount":9900,"currency":"EUR"}}`

// message is one as it is sent. An empty header is not sent at all.
type message struct{ id, timestamp, signature, body string }

// signed is a message with this body, signed at noon.
func signed(secret payment.Secret, body string) message { return signedAt(secret, noon, body) }

func signedAt(secret payment.Secret, at sale.Instant, body string) message {
	return signedBy("msg_1", secret, at, body)
}

// signedAs is a message under another id.
func signedAs(id sale.MessageID, secret payment.Secret, body string) message {
	return signedBy(id, secret, noon, body)
}

func signedBy(id sale.MessageID, secret payment.Secret, at sale.Instant, body string) message {
	return message{
		id: string(id), timestamp: strconv.FormatInt(at.Time().Unix(), 10),
		signature: payment.Sign(secret, id, at.Time(), []byte(body)), body: body,
	}
}

func (m message) header() (lines []string) {
	for _, h := range [][2]string{{"webhook-id", m.id}, {"webhook-timestamp", m.timestamp}, {"webhook-signature", m.signature}} {
		if h[1] != "" {
			lines = append(lines, h[0]+": "+h[1])
		}
	}
	return lines
}

// post sends a message as a provider does.
func (a address) post(t testing.TB, m message, header ...string) answer {
	t.Helper()
	return a.ask(t, http.MethodPost, buyerapi.WebhookPath, m.body, append(m.header(), header...)...)
}

// paidBy is a site that has secrets, and a store that takes payments like this.
func paidBy(p pays) *site {
	return &site{orders: orders{pay: p}, secrets: payment.Secrets{ours, former}}
}

// wantUnasked checks that no message has reached the store.
func (s *site) wantUnasked(t testing.TB) {
	t.Helper()
	if n := s.orders.calls.Load(); n != 0 {
		t.Errorf("got %d calls of Orders, want none", n)
	}
}

func TestAMessageThatIsNotBelievedNeverReachesTheStore(t *testing.T) {
	t.Parallel()
	cheap := strings.Replace(paying, "9900", "1", 1)
	valid := signed(ours, paying)
	for name, c := range map[string]struct {
		change func(*message)
		want   buyerapi.Answer
	}{
		"signed with another secret":         {func(m *message) { *m = signed(foreign, paying) }, buyerapi.WebhookSignature},
		"signed by nobody":                   {func(m *message) { m.signature = "v1," + strings.Repeat("A", 43) + "=" }, buyerapi.WebhookSignature},
		"with the signature of another body": {func(m *message) { m.signature = signed(ours, cheap).signature }, buyerapi.WebhookSignature},
		"with a body changed after signing":  {func(m *message) { m.body = cheap }, buyerapi.WebhookSignature},
		"with a line end more":               {func(m *message) { m.body += "\n" }, buyerapi.WebhookSignature},
		"with a truncated body":              {func(m *message) { m.body = m.body[:len(m.body)-1] }, buyerapi.WebhookSignature},
		"without its body":                   {func(m *message) { m.body = "" }, buyerapi.WebhookSignature},
		"replayed under another body": {func(m *message) {
			m.body = strings.Replace(paying, string(anOrder), "01890a5d-ac96-774b-bcce-b302099a8058", 1)
		}, buyerapi.WebhookSignature},
		"replayed under another id":     {func(m *message) { m.id = "msg_2" }, buyerapi.WebhookSignature},
		"replayed under another time":   {func(m *message) { m.timestamp = signedAt(ours, noon.Add(time.Second), paying).timestamp }, buyerapi.WebhookSignature},
		"of another version alone":      {func(m *message) { m.signature = "v2," + m.signature[3:] }, buyerapi.WebhookSignature},
		"too old":                       {func(m *message) { *m = signedAt(ours, noon.Add(-payment.Tolerance-time.Second), paying) }, buyerapi.WebhookExpired},
		"a day old":                     {func(m *message) { *m = signedAt(ours, noon.Add(-24*time.Hour), paying) }, buyerapi.WebhookExpired},
		"by the clock of this machine":  {func(m *message) { *m = signedAt(ours, sale.Instant(time.Now().UnixMilli()), paying) }, buyerapi.WebhookExpired},
		"of the future":                 {func(m *message) { *m = signedAt(ours, noon.Add(2*payment.Tolerance), paying) }, buyerapi.WebhookExpired},
		"without an id":                 {func(m *message) { m.id = "" }, buyerapi.WebhookMalformed},
		"without a time":                {func(m *message) { m.timestamp = "" }, buyerapi.WebhookMalformed},
		"without a signature":           {func(m *message) { m.signature = "" }, buyerapi.WebhookMalformed},
		"without any header":            {func(m *message) { *m = message{body: paying} }, buyerapi.WebhookMalformed},
		"with a truncated signature":    {func(m *message) { m.signature = m.signature[:len(m.signature)-1] }, buyerapi.WebhookMalformed},
		"with half a signature":         {func(m *message) { m.signature = m.signature[:len(m.signature)/2] }, buyerapi.WebhookMalformed},
		"with a version and no more":    {func(m *message) { m.signature = "v1," }, buyerapi.WebhookMalformed},
		"with a longer signature":       {func(m *message) { m.signature = strings.TrimSuffix(m.signature, "=") + "AAAA=" }, buyerapi.WebhookMalformed},
		"with an id in two":             {func(m *message) { m.id = "msg.1" }, buyerapi.WebhookMalformed},
		"with a time that is no number": {func(m *message) { m.timestamp = "noon" }, buyerapi.WebhookMalformed},
		"with endless signatures":       {func(m *message) { m.signature = strings.Repeat("v1,x ", 900) }, buyerapi.WebhookMalformed},
		"with more than a node reads":   {func(m *message) { *m = signed(ours, paying+strings.Repeat(" ", 8<<10)) }, buyerapi.BodyTooLarge},
		"with endless headers":          {func(m *message) { m.signature = strings.Repeat("v1,x ", 2000) }, buyerapi.HeaderTooLarge},
		"with two foreign signatures": {func(m *message) {
			m.signature = signed(foreign, paying).signature + " " + signed(foreign, cheap).signature
		}, buyerapi.WebhookSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := payable()
			m := valid
			c.change(&m)
			got := s.serve(t).post(t, m)
			d := wantProblem(t, got, c.want)
			if reason, ok := d["reason"].(string); (c.want != buyerapi.HeaderTooLarge && c.want != buyerapi.BodyTooLarge) && (!ok || reason == "") {
				t.Errorf("got %s, want a reason", got.body)
			}
			for _, secret := range []payment.Secret{ours, former} {
				if right := payment.Sign(secret, sale.MessageID(m.id), noon.Time(), []byte(m.body)); strings.Contains(got.raw, right) || strings.Contains(got.raw, secret.Reveal()) {
					t.Errorf("got %q, want neither the secret nor the right signature in it", got.raw)
				}
			}
			s.wantUnasked(t)
		})
	}
}

// deliver gives the handler a message without a server between them.
func (s *site) deliver(m message) (status int, code string) {
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.SetMethod(http.MethodPost)
	ctx.Request.SetRequestURI(buyerapi.WebhookPath)
	for _, line := range m.header() {
		name, value, _ := strings.Cut(line, ": ")
		ctx.Request.Header.Set(name, value)
	}
	ctx.Request.SetBodyString(m.body)
	s.handler.Serve(&ctx)
	_, code, _ = strings.Cut(string(ctx.Response.Body()), `"code":"`)
	code, _, _ = strings.Cut(code, `"`)
	return ctx.Response.StatusCode(), code
}

// Whatever is cut off or changed, wherever, nobody is paid.
func TestNoPartOfAMessageCanBeCutOrChanged(t *testing.T) {
	t.Parallel()
	s := payable().open(t)
	valid := signed(ours, paying)
	refused := func(what string, m message, codes ...string) {
		t.Helper()
		status, code := s.deliver(m)
		if status < 400 || status >= 500 || !strings.Contains(strings.Join(codes, " "), code) || code == "" {
			t.Errorf("%s: got %d %q, want a refusal of %q", what, status, code, codes)
		}
	}
	for i := range valid.signature {
		m := valid
		m.signature = valid.signature[:i]
		refused(fmt.Sprintf("a signature cut at %d", i), m, "webhook-malformed")
		m.signature = valid.signature[:i] + string(valid.signature[i]^1) + valid.signature[i+1:]
		refused(fmt.Sprintf("a signature changed at %d", i), m, "webhook-malformed", "webhook-signature")
	}
	for i := range valid.body {
		m := valid
		m.body = valid.body[:i]
		refused(fmt.Sprintf("a body cut at %d", i), m, "webhook-signature")
		m.body = valid.body[:i] + string(valid.body[i]^1) + valid.body[i+1:]
		refused(fmt.Sprintf("a body changed at %d", i), m, "webhook-signature")
	}
	m := signed(ours, strings.Repeat(" ", payment.MaxBody+1))
	refused("a body longer than a message may be", m, "body-too-large")
	s.wantUnasked(t)
	if status, code := s.deliver(valid); status != http.StatusOK {
		t.Errorf("got %d %q of the message as it was, want 200", status, code)
	}
}

func TestASignedMessageWithoutAPaymentIsRefused(t *testing.T) {
	t.Parallel()
	s := payable()
	a := s.serve(t)
	with := func(old, changed string) string { return strings.Replace(paying, old, changed, 1) }
	for name, body := range map[string]string{
		"no JSON":               "x",
		"a truncated object":    paying[:len(paying)-1],
		"a list":                "[" + paying + "]",
		"no type":               `{}`,
		"no data":               `{"type":"payment.succeeded"}`,
		"no payment":            with(`"payment":"pay_1",`, ""),
		"a payment of blanks":   with("pay_1", "pay 1"),
		"no sale":               with(`"sale":"s",`, ""),
		"a sale of odd form":    with(`"sale":"s"`, `"sale":"{s}"`),
		"no order":              with(`"order":"`+string(anOrder)+`",`, ""),
		"an order in capitals":  with(string(anOrder), strings.ToUpper(string(anOrder))),
		"no amount":             with(`"amount":9900,`, ""),
		"an amount below zero":  with("9900", "-9900"),
		"an amount in text":     with("9900", `"9900"`),
		"an amount with a part": with("9900", "9900.0"),
		"an endless amount":     with("9900", "99999999999999999999"),
		"two amounts":           with(`"amount":9900`, `"amount":1,"amount":9900`),
		"no currency":           with(`,"currency":"EUR"`, ""),
		"a small currency":      with("EUR", "eur"),
		"something behind it":   paying + "{}",
	} {
		t.Run(name, func(t *testing.T) {
			got := a.post(t, signed(ours, body))
			if reason, ok := wantProblem(t, got, buyerapi.InvalidPayment)["reason"].(string); !ok || reason == "" {
				t.Errorf("got %s, want a reason", got.body)
			}
		})
	}
	s.wantUnasked(t)
}

func TestBothSecretsOfARotationPay(t *testing.T) {
	t.Parallel()
	s := payable()
	a := s.serve(t)
	both := signed(foreign, paying)
	both.signature += " v1a,unknown " + signed(former, paying).signature
	for name, m := range map[string]message{
		"the first": signed(ours, paying), "the other": signed(former, paying), "one among signatures that we don't know": both,
		"one signed a while ago": signedAt(ours, noon.Add(-payment.Tolerance+time.Minute), paying),
		"one of a fast clock":    signedAt(ours, noon.Add(payment.Tolerance), paying),
	} {
		t.Run(name, func(t *testing.T) {
			if got := a.post(t, m); got.StatusCode != http.StatusOK {
				t.Errorf("got %s %s, want 200", got.Status, got.body)
			}
		})
	}
	t.Run("and a dropped one does not", func(t *testing.T) {
		t.Parallel()
		s := &site{secrets: payment.Secrets{ours}}
		wantProblem(t, s.serve(t).post(t, signed(former, paying)), buyerapi.WebhookSignature)
		s.wantUnasked(t)
	})
}
