package proof

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"onsale/internal/sale"
)

// Algorithm is the one that ALTCHA's clients are asked for.
const Algorithm = "SHA-256"

// Challenge is what a client has to solve, as ALTCHA has it.
type Challenge struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"` // hexadecimal, of SHA-256(salt ‖ number)
	MaxNumber int64  `json:"maxnumber"` // the number is from 0 to this
	Salt      string `json:"salt"`      // "<24 hexadecimal digits>?expires=<seconds since 1970>&"
	Signature string `json:"signature"` // hexadecimal
}

// AppendJSON appends the challenge as JSON. No text in it has a character that JSON escapes.
func (c Challenge) AppendJSON(b []byte) []byte {
	b = append(b, `{"algorithm":"`...)
	b = append(b, c.Algorithm...)
	b = append(b, `","challenge":"`...)
	b = append(b, c.Challenge...)
	b = append(b, `","maxnumber":`...)
	b = strconv.AppendInt(b, c.MaxNumber, 10)
	b = append(b, `,"salt":"`...)
	b = append(b, c.Salt...)
	b = append(b, `","signature":"`...)
	b = append(b, c.Signature...)
	return append(b, `"}`...)
}

const (
	saltDigits = 24          // 96 random bits
	expiresIs  = "?expires=" // where clients look for the expiry
	saltEnd    = "&"         // keeps digits of the number out of the expiry
)

// New makes a challenge that this buyer can join this sale with until it expires, in whole seconds of Redis time.
func (keys Keys) New(id sale.ID, buyer sale.Buyer, expires sale.Instant, maxNumber int64) Challenge {
	var random [saltDigits/2 + 8]byte
	_, _ = rand.Read(random[:]) // never fails, as its documentation promises
	// The upper half of a product with 64 random bits is even enough: it prefers no number by more than maxNumber in 2^64.
	number, _ := bits.Mul64(binary.NativeEndian.Uint64(random[saltDigits/2:]), uint64(maxNumber)+1)

	var space [96]byte
	text := append(hex.AppendEncode(space[:0], random[:saltDigits/2]), expiresIs...)
	text = append(strconv.AppendInt(text, int64(expires)/1000, 10), saltEnd...)
	salt := len(text)
	sum := sha256.Sum256(strconv.AppendUint(text, number, 10))
	var signature [sha256.Size]byte
	keys[0].sign(signature[:0], id, buyer, sum)
	return Challenge{
		Algorithm: Algorithm, Challenge: hex.EncodeToString(sum[:]), MaxNumber: maxNumber,
		Salt: string(text[:salt]), Signature: hex.EncodeToString(signature[:]),
	}
}

// expiry reads a salt's expiry, in Redis time. It accepts the one form that New makes.
func expiry(salt string) (sale.Instant, error) {
	const form = "salt: want the challenge's own, unchanged"
	digits, rest, found := strings.Cut(salt, expiresIs)
	if !found || len(digits) != saltDigits || strings.Trim(digits, "0123456789abcdef") != "" {
		return 0, errors.New(form)
	}
	seconds, found := strings.CutSuffix(rest, saltEnd)
	if !found || !decimal(seconds) {
		return 0, errors.New(form)
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n > int64(sale.MaxInstant)/1000 {
		return 0, errors.New(form)
	}
	return sale.Instant(n * 1000), nil
}

// maxDecimal bounds the digits of numbers that clients send.
const maxDecimal = 12

// decimal reports whether a text is a whole number as strconv writes it.
func decimal(s string) bool {
	return s != "" && len(s) <= maxDecimal && strings.Trim(s, "0123456789") == "" && (s[0] != '0' || s == "0")
}

// Validity is how long a challenge can be used. Raised, a solution can be sent again for longer and an easy
// challenge from before a rush helps longer in it; lowered, a slow phone or a buyer who reads the page first has to solve another.
const Validity = 5 * time.Minute
