package proof

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/valyala/fastjson"

	"onsale/internal/sale"
)

// maxSolution bounds a solution's JSON, in bytes. ALTCHA's clients send about 280. It also bounds how deep a hostile one nests.
const maxSolution = 512

// solution is what a client sends: the challenge's members, and the number that it found.
type solution struct {
	challenge, signature [sha256.Size]byte
	salt                 []byte
	number               []byte // decimal digits
	expires              sale.Instant
}

// reader reads solutions. What it returns is valid until it reads again.
type reader struct {
	json   fastjson.Parser
	raw    []byte
	number []byte
	salted []byte
}

var readers = sync.Pool{New: func() any { return &reader{raw: make([]byte, 0, maxSolution)} }}

// read is strict, so that there is one text for one solution: standard base64 of a JSON object with each of ALTCHA's members
// once. Members that only some clients send, such as took, are ignored.
func (r *reader) read(payload string) (s solution, err error) {
	if base64.StdEncoding.DecodedLen(len(payload)) > maxSolution+2 { // with its padding
		return s, fmt.Errorf("want at most %d bytes", maxSolution)
	}
	r.raw, err = base64.StdEncoding.Strict().AppendDecode(r.raw[:0], []byte(payload))
	if err != nil || base64.StdEncoding.EncodedLen(len(r.raw)) != len(payload) { // Go's decoder passes over line ends
		return s, errors.New("want standard base64")
	}
	// fastjson is quick and lax.
	if !json.Valid(r.raw) {
		return s, errors.New("want JSON in base64")
	}
	v, err := r.json.ParseBytes(r.raw)
	if err != nil {
		return s, errors.New("want JSON in base64")
	}
	o, err := v.Object()
	if err != nil {
		return s, errors.New("want a JSON object in base64")
	}
	return s, r.members(o, &s)
}

// members reads each member, and demands that all of them are there.
func (r *reader) members(o *fastjson.Object, s *solution) error {
	var seen [5]bool
	var fault error
	o.Visit(func(name []byte, v *fastjson.Value) {
		at, err := r.member(string(name), v, s)
		switch {
		case err != nil && fault == nil:
			fault = err
		case err != nil || at < 0:
		case seen[at] && fault == nil:
			fault = fmt.Errorf("the member %s is there twice", name)
		default:
			seen[at] = true
		}
	})
	if fault == nil && seen != [...]bool{true, true, true, true, true} {
		fault = errors.New("want algorithm, challenge, number, salt and signature")
	}
	return fault
}

// member reads one, and returns its place among those that must be there; -1 for others.
func (r *reader) member(name string, v *fastjson.Value, s *solution) (at int, err error) {
	switch name {
	case "algorithm":
		if string(v.GetStringBytes()) != Algorithm {
			err = errors.New("algorithm: want " + Algorithm)
		}
		return 0, err
	case "challenge":
		return 1, digest(v, &s.challenge, name)
	case "signature":
		return 2, digest(v, &s.signature, name)
	case "salt":
		s.salt = v.GetStringBytes()
		s.expires, err = expiry(string(s.salt))
		return 3, err
	case "number":
		if v.Type() == fastjson.TypeNumber {
			s.number = v.MarshalTo(r.number[:0])
			r.number = s.number
		}
		if !decimal(string(s.number)) {
			err = errors.New("number: want a whole number, without fraction or exponent")
		}
		return 4, err
	}
	return -1, nil
}

// digest reads a hash in the lower-case hexadecimal digits that ours have.
func digest(v *fastjson.Value, into *[sha256.Size]byte, name string) error {
	text := v.GetStringBytes()
	if len(text) != hex.EncodedLen(len(into)) {
		return fmt.Errorf("%s: want %d hexadecimal digits", name, hex.EncodedLen(len(into)))
	}
	for _, c := range text {
		if c >= 'A' && c <= 'F' {
			return fmt.Errorf("%s: want lower-case digits", name)
		}
	}
	if _, err := hex.Decode(into[:], text); err != nil {
		return fmt.Errorf("%s: want %d hexadecimal digits", name, hex.EncodedLen(len(into)))
	}
	return nil
}

// Verify returns nil if the payload solves a challenge that one of the keys made for this sale and buyer, and that has
// not expired. The error wraps ErrRequired if there is no payload, and otherwise ErrWrong.
func (keys Keys) Verify(id sale.ID, buyer sale.Buyer, payload string, now sale.Instant) error {
	if payload == "" {
		return ErrRequired
	}
	r := readers.Get().(*reader)
	defer readers.Put(r)
	s, err := r.read(payload)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrWrong, err)
	case now >= s.expires:
		return fmt.Errorf("%w: the challenge has expired", ErrWrong)
	}
	r.salted = append(append(r.salted[:0], s.salt...), s.number...)
	sum := sha256.Sum256(r.salted)
	solved := subtle.ConstantTimeCompare(sum[:], s.challenge[:]) == 1
	if !keys.made(s.signature[:], id, buyer, sum) || !solved {
		return fmt.Errorf("%w: the number does not solve a challenge that this buyer was given for this sale", ErrWrong)
	}
	return nil
}

// Payload is a solution as clients send it.
func (c Challenge) Payload(number int64) string {
	return base64.StdEncoding.EncodeToString([]byte(`{"algorithm":"` + c.Algorithm + `","challenge":"` + c.Challenge +
		`","number":` + strconv.FormatInt(number, 10) + `,"salt":"` + c.Salt + `","signature":"` + c.Signature + `"}`))
}
