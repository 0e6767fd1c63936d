package payment_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	peer "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"onsale/internal/payment"
	"onsale/internal/sale"
)

// The peer is the specification's own library: it has never seen our code.

func newPeer(t interface{ Fatal(...any) }, s payment.Secret) *peer.Webhook {
	w, err := peer.NewWebhook(s.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// peerVerify is the peer's verdict on a message, whatever its time.
func peerVerify(t testing.TB, s payment.Secret, id, timestamp, signature, body string) error {
	h := http.Header{}
	h.Set(peer.HeaderWebhookID, id)
	h.Set(peer.HeaderWebhookTimestamp, timestamp)
	h.Set(peer.HeaderWebhookSignature, signature)
	return newPeer(t, s).VerifyIgnoringTimestamp([]byte(body), h)
}

func TestThePeerSignsAndWeVerify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), payment.MinKeyLength, payment.MaxKeyLength).Draw(t, "key")
		s := secretOf(t, key)
		id := rapid.StringMatching(`[!-\-/-~]{1,128}`).Draw(t, "id")
		at := time.Unix(rapid.Int64Range(1, 999_999_999_999).Draw(t, "seconds"), 0)
		text := rapid.SliceOfN(rapid.Byte(), 0, 1000).Draw(t, "body")
		signature, err := newPeer(t, s).Sign(id, at, text)
		if err != nil {
			t.Fatal(err)
		}
		h := payment.Headers{ID: []byte(id), Timestamp: strconv.AppendInt(nil, at.Unix(), 10), Signature: []byte(signature)}
		if got, err := (payment.Secrets{payment.NewSecret(), s}).Verify(h, text, instant(at)); err != nil || got != sale.MessageID(id) {
			t.Fatalf("got %q, %v, want %q", got, err, id)
		}
		if got := payment.Sign(s, sale.MessageID(id), at, text); got != signature {
			t.Fatalf("got signature %q, want the peer's %q", got, signature)
		}
	})
}

func TestWeSignAndThePeerVerifies(t *testing.T) {
	s, now := payment.NewSecret(), time.Now() // the peer has no other clock
	header := func(signature string) http.Header {
		h := http.Header{}
		h.Set(payment.HeaderID, "msg_1")
		h.Set(payment.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		h.Set(payment.HeaderSignature, signature)
		return h
	}
	if err := newPeer(t, s).Verify([]byte(body), header(payment.Sign(s, "msg_1", now, []byte(body)))); err != nil {
		t.Errorf("got %v, want our signature to pass", err)
	}
	if err := newPeer(t, s).Verify([]byte(body), header(payment.Sign(s, "msg_2", now, []byte(body)))); err == nil {
		t.Error("got nil for another id, want the peer to check at all")
	}
}

func TestThePeersToleranceIsOurs(t *testing.T) {
	s := payment.NewSecret()
	for name, c := range map[string]struct {
		off  time.Duration
		want bool
	}{
		"a minute less than the tolerance, behind": {time.Minute - payment.Tolerance, true},
		"a minute more, behind":                    {-payment.Tolerance - time.Minute, false},
		"a minute less, ahead":                     {payment.Tolerance - time.Minute, true},
		"a minute more, ahead":                     {payment.Tolerance + time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			h := signed(s, "msg_1", now.Add(c.off), body)
			_, ours := payment.Secrets{s}.Verify(h, []byte(body), instant(now))
			header := http.Header{}
			header.Set(peer.HeaderWebhookID, string(h.ID))
			header.Set(peer.HeaderWebhookTimestamp, string(h.Timestamp))
			header.Set(peer.HeaderWebhookSignature, string(h.Signature))
			theirs := newPeer(t, s).Verify([]byte(body), header)
			if (ours == nil) != c.want || (theirs == nil) != c.want {
				t.Errorf("got %v here and %v from the peer, want both to pass it: %v", ours, theirs, c.want)
			}
		})
	}
}
