package payment

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"onsale/internal/sale"
)

// Tolerance is how far a message's timestamp may be from Redis time, either way. It is
// what the specification's own libraries allow, so providers keep their clocks to it.
// Longer lets a message that was intercepted be sent again for longer; shorter refuses
// providers whose clock is off or whose messages wait in a queue.
const Tolerance = 5 * time.Minute

// Bounds of what a stranger can make us look at before we know that he is one.
const (
	MaxBody       = 8 << 10 // bytes: what Nginx and the nodes let through, forty times what a message needs
	MaxSignatures = 16      // of all versions; a rotation needs two
	maxSignature  = 4 << 10 // bytes of the signature header
	maxTimestamp  = 12      // digits: seconds until the year 33658
)

// What is wrong with a message, each with an answer of its own. Verify returns them
// wrapped, with a detail that is safe to show.
var (
	// ErrMissing: at least one of the three headers is absent or empty. Returned by
	// Verify.
	ErrMissing = errors.New("a webhook header is missing")
	// ErrMalformed: a header does not have its form, so that no secret could make it
	// match: a cut-off signature, a timestamp that is no number, more or longer values
	// than there is reason for. Returned by Verify.
	ErrMalformed = errors.New("a webhook header is malformed")
	// ErrTooLarge: the body is larger than MaxBody. Returned by Verify and Parse.
	ErrTooLarge = errors.New("the message is too large")
	// ErrSignature: none of our secrets made any of the signatures over this id,
	// timestamp and body. Returned by Verify.
	ErrSignature = errors.New("no signature matches")
	// ErrTooOld: signed by one of our secrets, but longer ago than Tolerance. Returned
	// by Verify.
	ErrTooOld = errors.New("the message is too old")
	// ErrTooNew: signed by one of our secrets, but with a time further ahead of Redis
	// time than Tolerance: the provider's clock is wrong, or that of Redis. Returned by
	// Verify.
	ErrTooNew = errors.New("the message is from the future")
)

// Sign makes the webhook-signature of a message that is sent at a time, of which whole
// seconds count: the webhook-timestamp must be at.Unix(). The id must not have a full
// stop, see [Secrets.Verify].
func Sign(secret Secret, id sale.MessageID, at time.Time, body []byte) string {
	mac := secret.mac([]byte(id), strconv.AppendInt(nil, at.Unix(), 10), body)
	return "v1," + base64.StdEncoding.EncodeToString(mac)
}

// mac is HMAC-SHA256 over id.timestamp.body.
func (s Secret) mac(id, timestamp, body []byte) []byte {
	h := hmac.New(sha256.New, *s.key)
	for _, part := range [][]byte{id, {'.'}, timestamp, {'.'}, body} {
		h.Write(part)
	}
	return h.Sum(nil)
}

// Verify returns the id of a message that one of the secrets signed within Tolerance of
// now, which is Redis time. Its errors wrap ErrMissing, ErrMalformed, ErrTooLarge,
// ErrSignature, ErrTooOld or ErrTooNew.
//
// They come in this order for a reason. Headers that are missing or malformed are reported
// first: that needs no secret and gives none away. An operator who sets up a provider needs
// to see it in place of "no signature matches". It also bounds the work that
// a stranger can cause. Then the signature is checked, before anything in the message
// is believed. The timestamp is part of the message, so a sender who gets "too old"
// has proved to know a secret, or has intercepted a message.
//
// An id with a full stop is malformed. The signature covers id, timestamp and body as
// one text, and so another split at the full stops must not be another message.
func (s Secrets) Verify(h Headers, body []byte, now sale.Instant) (sale.MessageID, error) {
	if err := h.missing(); err != nil {
		return "", err
	}
	id, err := parseMessageID(h.ID)
	if err != nil {
		return "", err
	}
	sent, err := parseTimestamp(h.Timestamp)
	if err != nil {
		return "", err
	}
	signatures, err := parseSignatures(h.Signature)
	if err != nil {
		return "", err
	}
	if err := bounded(body); err != nil {
		return "", err
	}
	if !s.signed(h, body, signatures) {
		return "", ErrSignature
	}
	switch {
	case sent < now.Add(-Tolerance):
		return "", fmt.Errorf("%w: sent at %v, received at %v", ErrTooOld, sent.Time(), now.Time())
	case sent > now.Add(Tolerance):
		return "", fmt.Errorf("%w: sent at %v, received at %v", ErrTooNew, sent.Time(), now.Time())
	}
	return id, nil
}

// signed reports whether any of the secrets made any of the signatures. The comparison
// takes the same time wherever they differ, so that nobody can guess one byte by byte.
func (s Secrets) signed(h Headers, body []byte, signatures [][]byte) bool {
	for _, secret := range s {
		mac := secret.mac(h.ID, h.Timestamp, body)
		for _, signature := range signatures {
			if hmac.Equal(mac, signature) {
				return true
			}
		}
	}
	return false
}

// bounded refuses a body that is too large.
func bounded(body []byte) error {
	if len(body) > MaxBody {
		return fmt.Errorf("%w: want at most %d bytes, got %d", ErrTooLarge, MaxBody, len(body))
	}
	return nil
}
