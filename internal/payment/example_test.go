package payment_test

import (
	"fmt"
	"strconv"
	"time"

	"onsale/internal/payment"
	"onsale/internal/sale"
)

// A provider signs a message, and a node that has the same secret verifies it before it
// reads its content.
func Example() {
	secret := payment.NewSecret()

	// The provider.
	body := []byte(`{"type":"payment.succeeded","timestamp":"2026-05-01T11:59:58Z","data":{"payment":"pay_1","sale":"demo","order":"0196f8a2-3b1c-7d4e-8f5a-6b7c8d9e0f1a","amount":4200,"currency":"EUR"}}`)
	sent := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	headers := payment.Headers{
		ID:        []byte("msg_1"),
		Timestamp: strconv.AppendInt(nil, sent.Unix(), 10),
		Signature: []byte(payment.Sign(secret, "msg_1", sent, body)),
	}

	// The node, two seconds later by Redis time.
	now := sale.Instant(sent.UnixMilli()).Add(2 * time.Second)
	id, err := payment.Secrets{secret}.Verify(headers, body, now)
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := payment.Parse(body)
	if err != nil || !message.Read() {
		fmt.Println(message.Type, err)
		return
	}
	saleID, paid := message.Payment(id)
	fmt.Println(saleID, paid.Order, paid.Amount, paid.Currency, "by", paid.ID, "reported in", paid.Message)

	// The same message for another amount.
	forged := []byte(`{"type":"payment.succeeded","data":{"amount":1}}`)
	_, err = payment.Secrets{secret}.Verify(headers, forged, now)
	fmt.Println(err)
	// Output:
	// demo 0196f8a2-3b1c-7d4e-8f5a-6b7c8d9e0f1a 4200 EUR by pay_1 reported in msg_1
	// no signature matches
}
