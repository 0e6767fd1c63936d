package payment

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"onsale/internal/sale"
)

// The headers that carry a message's id, its time and its signatures.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Headers are the values of the three headers, as they came. Verify keeps none of them.
type Headers struct {
	ID, Timestamp, Signature []byte
}

// missing names every header that is absent or empty.
func (h Headers) missing() error {
	var names []string
	for _, header := range []struct {
		name  string
		value []byte
	}{{HeaderID, h.ID}, {HeaderTimestamp, h.Timestamp}, {HeaderSignature, h.Signature}} {
		if len(header.value) == 0 {
			names = append(names, header.name)
		}
	}
	if names == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrMissing, strings.Join(names, ", "))
}

func parseMessageID(value []byte) (sale.MessageID, error) {
	id, err := sale.ParseMessageID(string(value))
	switch {
	case err != nil:
		return "", malformed(HeaderID, "%w", err)
	case bytes.IndexByte(value, '.') >= 0:
		return "", malformed(HeaderID, "want no full stop")
	}
	return id, nil
}

// parseTimestamp reads whole seconds since 1970 in their one spelling: the digits are
// signed as they stand, and anyone who reads them must read the same number.
func parseTimestamp(value []byte) (sale.Instant, error) {
	seconds, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil || len(value) > maxTimestamp || value[0] == '0' {
		return 0, malformed(HeaderTimestamp, "want seconds since 1970 in 1 to %d digits", maxTimestamp)
	}
	return sale.Instant(seconds) * sale.Instant(time.Second.Milliseconds()), nil
}

// encodedSize is the length of a v1 signature in base64. It is checked beside what was
// decoded because Go's decoder passes over line ends, and other readers don't.
var encodedSize = base64.StdEncoding.EncodedLen(sha256.Size)

// parseSignatures returns the v1 signatures of a list separated by blanks. Those of
// another version have a form that we don't know, and are left out. So is a malformed
// one beside others: it matches nothing, and a provider that rotates secrets or signs by
// several means must not be refused for one of them. It is reported only if there is no
// other.
func parseSignatures(value []byte) ([][]byte, error) {
	if len(value) > maxSignature {
		return nil, malformed(HeaderSignature, "want at most %d bytes", maxSignature)
	}
	var signatures [][]byte
	var fault error
	looked := 0
	for entry := range bytes.SplitSeq(value, []byte{' '}) {
		if len(entry) == 0 {
			continue // two blanks in a row
		}
		if looked++; looked > MaxSignatures {
			return nil, malformed(HeaderSignature, "want at most %d signatures", MaxSignatures)
		}
		version, encoded, ok := bytes.Cut(entry, []byte{','})
		if !ok || len(version) == 0 {
			fault = malformed(HeaderSignature, "want a version, a comma and the signature")
			continue
		}
		if string(version) != "v1" {
			continue
		}
		signature, err := base64.StdEncoding.Strict().AppendDecode(nil, encoded)
		if err != nil || len(encoded) != encodedSize || len(signature) != sha256.Size {
			fault = malformed(HeaderSignature, "want %d letters of standard base64 after v1", encodedSize)
			continue
		}
		signatures = append(signatures, signature)
	}
	switch {
	case looked == 0:
		return nil, malformed(HeaderSignature, "want at least one signature")
	case len(signatures) == 0 && fault != nil:
		return nil, fault
	}
	return signatures, nil
}

// malformed is ErrMalformed with the header's name and what is wrong with it.
func malformed(header, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %w", ErrMalformed, header, fmt.Errorf(format, args...))
}
