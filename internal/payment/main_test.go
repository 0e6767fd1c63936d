package payment_test

import (
	"encoding/base64"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"onsale/internal/payment"
	"onsale/internal/sale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when the messages of the tests are signed, and when they arrive unless a test
// sets another time.
var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

const order = "0196f8a2-3b1c-7d4e-8f5a-6b7c8d9e0f1a"

// paid is a payment that is right in every way.
func paid() payment.Data {
	return payment.Data{Payment: "pay_1", Sale: "demo", Order: order, Amount: 4200, Currency: "EUR"}
}

// body is the message that reports it.
const body = `{"type":"payment.succeeded","timestamp":"2026-05-01T11:59:58Z","data":` +
	`{"payment":"pay_1","sale":"demo","order":"` + order + `","amount":4200,"currency":"EUR"}}`

func secret(t testing.TB, text string) payment.Secret {
	t.Helper()
	s, err := payment.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// secretOf is the secret with this key.
func secretOf(t interface{ Fatal(...any) }, key []byte) payment.Secret {
	s, err := payment.ParseSecret("whsec_" + base64.StdEncoding.EncodeToString(key))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instant is a wall clock's time in the form of Redis's.
func instant(t time.Time) sale.Instant { return sale.Instant(t.UnixMilli()) }

// signed are the headers of a message signed at a time.
func signed(s payment.Secret, id sale.MessageID, at time.Time, body string) payment.Headers {
	return payment.Headers{
		ID:        []byte(id),
		Timestamp: strconv.AppendInt(nil, at.Unix(), 10),
		Signature: []byte(payment.Sign(s, id, at, []byte(body))),
	}
}
