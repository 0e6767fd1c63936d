package generator

import (
	"bytes"
	"strconv"
)

// answer is what is read of an answer.
type answer struct {
	status int
	class  Class
	order  string // of a sold ticket
	fault  string // why the class is error
	closes bool   // the server closes the connection after it
}

// Kinds of errors. A status that no buyer should get is "status 500".
const (
	errRefused   = "refused"   // no connection
	errReset     = "reset"     // the connection broke
	errClosed    = "closed"    // it was closed before any byte of the answer
	errCut       = "cut short" // it was closed within the answer
	errTimeout   = "timeout"
	errChunked   = "chunked" // an answer that does not say its length beforehand
	errNoLength  = "no length"
	errMalformed = "malformed"
	errTooLong   = "too long"
	errUnasked   = "unasked" // bytes that no request asked for
	errNoOrder   = "no order"
	errQuantity  = "wrong quantity" // an order of another number of tickets than were asked for
)

// maxAnswer bounds an answer with its headers. The longest real ones have one
// kilobyte.
const maxAnswer = 64 << 10

var (
	lineEnd          = []byte("\r\n")
	headerEnd        = []byte("\r\n\r\n")
	version          = []byte("HTTP/1.")
	contentLength    = []byte("\r\nContent-Length: ")
	transferEncoding = []byte("\r\nTransfer-Encoding: ")
	connectionClose  = []byte("\r\nConnection: close\r\n")
	orderMember      = []byte(`"id":"`)
	quantityMember   = []byte(`"quantity":`)
	soldOutMember    = []byte(`"code":"sold-out"`)
)

// parse reads what has come of one answer. whole is false where more has to come. A
// fault makes the connection useless: where the next answer would begin is unknown.
//
// It searches bytes instead of reading headers and JSON, which would be most of the
// generator's own cost. Fasthttp, Nginx and net/http all spell these headers so; one
// that does not is reported as an answer without a length.
func parse(b []byte) (a answer, whole bool, fault string) {
	head := bytes.Index(b, headerEnd)
	if head < 0 {
		if len(b) > maxAnswer {
			return a, false, errTooLong
		}
		return a, false, ""
	}
	headers, body := b[:head+len(lineEnd)], b[head+len(headerEnd):]
	length, fault := bodyLength(headers)
	if fault != "" {
		return a, false, fault
	}
	if len(body) < length {
		return a, false, ""
	}
	if len(body) > length || len(headers) < 12 || !bytes.HasPrefix(headers, version) {
		return a, false, errMalformed
	}
	status, err := strconv.Atoi(string(headers[9:12]))
	if err != nil {
		return a, false, errMalformed
	}
	a = classify(status, body)
	a.closes = bytes.Contains(headers, connectionClose)
	return a, true, ""
}

// bodyLength is what the headers say.
func bodyLength(headers []byte) (length int, fault string) {
	_, after, ok := bytes.Cut(headers, contentLength)
	if !ok {
		if bytes.Contains(headers, transferEncoding) {
			return 0, errChunked
		}
		return 0, errNoLength
	}
	digits, _, _ := bytes.Cut(after, lineEnd)
	n, err := strconv.ParseUint(string(digits), 10, 31)
	switch {
	case err != nil:
		return 0, errMalformed
	case n > maxAnswer:
		return 0, errTooLong
	}
	return int(n), ""
}

// classify sorts a whole answer.
func classify(status int, body []byte) answer {
	a := answer{status: status}
	switch status {
	case 200, 201:
		_, after, _ := bytes.Cut(body, orderMember)
		id, _, ok := bytes.Cut(after, []byte(`"`))
		if !ok || len(id) == 0 {
			// Sold, but nobody could tell what: no audit could find it again.
			a.class, a.fault = ClassError, errNoOrder
			return a
		}
		if !ofOneTicket(body) {
			a.class, a.fault = ClassError, errQuantity
			return a
		}
		a.class, a.order = ClassSold, string(id)
	case 409:
		a.class = ClassLimited
		if bytes.Contains(body, soldOutMember) {
			a.class = ClassSoldOut
		}
	case 401, 403, 422, 429:
		a.class = ClassLimited
	case 503, 504:
		a.class = ClassBusy
	default:
		a.class, a.fault = ClassError, "status "+strconv.Itoa(status)
	}
	return a
}

// ofOneTicket reports whether an order is of one ticket, which is what every request of the
// generator asks for.
func ofOneTicket(body []byte) bool {
	_, after, _ := bytes.Cut(body, quantityMember)
	return len(after) > 1 && after[0] == '1' && (after[1] == ',' || after[1] == '}')
}
