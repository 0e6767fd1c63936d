package generator

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

// answer is what is read of an answer.
type answer struct {
	status int
	class  Class
	order  string // of a sold ticket, or of another number of them; of a join the place
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
	errChunked   = "chunked" // an answer without its length in the headers
	errNoLength  = "no length"
	errMalformed = "malformed"
	errTooLong   = "too long"
	errUnasked   = "unasked" // bytes that no request asked for
	errNoOrder   = "no order"
	errNoPlace   = "no place"
	errQuantity  = WrongQuantity
)

// WrongQuantity is the kind of error of an order of another number of tickets than were asked for.
const WrongQuantity = "wrong quantity"

// Malformed is how many answers of a run no client could use: they named no order, or were no whole HTTP answer.
func (r Run) Malformed() (n int64) {
	for _, kind := range []string{errNoOrder, errNoPlace, errMalformed, errChunked, errNoLength, errTooLong, errUnasked} {
		n += r.Errors[kind]
	}
	return n
}

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
	codeMember       = []byte(`"code":"`)
	placeMember      = []byte(`"place":"`)
	tokenMember      = []byte(`"token":"`)
	retryAfter       = []byte("\r\nRetry-After: ")
	onsaleRetried    = []byte("\r\nOnsale-Retried: ")
)

// Answer is one answer, for clients that have connections of their own.
type Answer struct {
	Status int
	Class  Class
	Order  string // of a sold ticket, or of another number of them
	Fault  string // the kind of error, if that is the class
}

// ReadAnswer reads what has come of one answer to a purchase. whole is false if more has to come.
func ReadAnswer(b []byte) (_ Answer, whole bool, err error) {
	a, whole, fault := parse(b, false)
	if fault != "" {
		err = errors.New(fault)
	}
	return Answer{a.status, a.class, a.order, a.fault}, whole, err
}

// details are what a patient buyer reads of an answer besides.
type details struct {
	code    string        // of a problem, or codeNone
	retried bool          // Nginx needed a second try
	wait    time.Duration // before the request is sent again
}

const (
	codeUnknown = "outcome-unknown" // the request may have made an order
	codeNone    = "no-json"         // the answer is no document
)

// detailsOf reads a whole answer once more.
func detailsOf(b []byte) (d details) {
	head := bytes.Index(b, headerEnd)
	headers, body := b[:head+len(lineEnd)], b[head+len(headerEnd):]
	d.retried = bytes.Contains(headers, onsaleRetried)
	if _, after, ok := bytes.Cut(headers, retryAfter); ok {
		value, _, _ := bytes.Cut(after, lineEnd)
		if seconds, err := strconv.Atoi(string(value)); err == nil {
			d.wait = time.Duration(seconds) * time.Second
		}
	}
	if !bytes.HasPrefix(body, []byte("{")) {
		d.code = codeNone
	} else if _, after, ok := bytes.Cut(body, codeMember); ok {
		code, _, _ := bytes.Cut(after, []byte(`"`))
		d.code = string(code)
	}
	return d
}

// parse reads what has come of one answer. whole is false where more has to come. A
// fault makes the connection useless: where the next answer would begin is unknown.
//
// It searches bytes instead of reading headers and JSON, which would be most of the
// generator's own cost. Fasthttp, Nginx and net/http all spell these headers so; one
// that does not is reported as an answer without a length. joins: it answers a join.
func parse(b []byte, joins bool) (a answer, whole bool, fault string) {
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
	if joins && (status == 200 || status == 201) {
		a = placed(status, body)
	} else {
		a = classify(status, body)
	}
	a.closes = bytes.Contains(headers, connectionClose)
	return a, true, ""
}

// bodyLength reads the body's length from the headers.
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
			// Sold, but nobody knows what: no audit could find it again.
			a.class, a.fault = ClassError, errNoOrder
			return a
		}
		if !ofOneTicket(body) {
			a.class, a.fault, a.order = ClassError, errQuantity, string(id)
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

// placed reads the answer to a join: the place stands where a purchase's answer has the order.
func placed(status int, body []byte) answer {
	a := answer{status: status, class: ClassSold, order: member(body, placeMember)}
	if a.order == "" {
		a.class, a.fault = ClassError, errNoPlace
	}
	return a
}

// member is what stands between a member's name and the next quotation mark, or "".
func member(body, name []byte) string {
	_, after, _ := bytes.Cut(body, name)
	value, _, _ := bytes.Cut(after, []byte(`"`))
	return string(value)
}

// ofOneTicket reports whether an order is of one ticket, which is what every request of the
// generator asks for.
func ofOneTicket(body []byte) bool {
	_, after, _ := bytes.Cut(body, quantityMember)
	return len(after) > 1 && after[0] == '1' && (after[1] == ',' || after[1] == '}')
}
