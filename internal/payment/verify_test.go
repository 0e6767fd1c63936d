package payment_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"onsale/internal/payment"
	"onsale/internal/sale"
)

// arrival is a message as it reaches a node.
type arrival struct {
	payment.Headers
	body    string
	now     sale.Instant
	secrets payment.Secrets
}

// sentinels are all that Verify can return, so that a test sees that it returns one only.
var sentinels = []error{
	payment.ErrMissing, payment.ErrMalformed, payment.ErrTooLarge,
	payment.ErrSignature, payment.ErrTooOld, payment.ErrTooNew,
}

func wantVerdict(t *testing.T, err, want error) {
	t.Helper()
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) != (sentinel == want) {
			t.Errorf("got %v, want %v and no other", err, want)
			return
		}
	}
	if (err == nil) != (want == nil) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestVerify(t *testing.T) {
	ours, old, foreign := secret(t, whsec(32, 'o')), secret(t, whsec(24, 'r')), secret(t, whsec(32, 'f'))
	sign := func(s payment.Secret) string { return payment.Sign(s, "msg_1", noon, []byte(body)) }
	good := sign(ours)
	signature := func(s string) func(*arrival) { return func(a *arrival) { a.Signature = []byte(s) } }
	// The id is signed as it stands, so that only its form is wrong.
	id := func(s string) func(*arrival) {
		return func(a *arrival) { a.Headers = signed(ours, sale.MessageID(s), noon, body) }
	}
	timestamp := func(s string) func(*arrival) { return func(a *arrival) { a.Timestamp = []byte(s) } }
	after := func(d time.Duration) func(*arrival) { return func(a *arrival) { a.now = instant(noon).Add(d) } }
	other := "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))
	truncated := good[:len(good)-1]

	for name, c := range map[string]struct {
		change func(*arrival)
		want   error
	}{
		"a message as it should be passes":     {func(*arrival) {}, nil},
		"sent again it passes again":           {after(time.Minute), nil},
		"exactly five minutes late passes":     {after(payment.Tolerance), nil},
		"a millisecond more is too old":        {after(payment.Tolerance + time.Millisecond), payment.ErrTooOld},
		"a day late is too old":                {after(24 * time.Hour), payment.ErrTooOld},
		"exactly five minutes early passes":    {after(-payment.Tolerance), nil},
		"a millisecond more is the future":     {after(-payment.Tolerance - time.Millisecond), payment.ErrTooNew},
		"without Redis time all is the future": {func(a *arrival) { a.now = 0 }, payment.ErrTooNew},
		"the far future is no past": {func(a *arrival) {
			a.Headers = signed(ours, "msg_1", time.Unix(999_999_999_999, 0), body)
		}, payment.ErrTooNew},

		"no id is missing":          {func(a *arrival) { a.ID = nil }, payment.ErrMissing},
		"no timestamp is missing":   {func(a *arrival) { a.Timestamp = nil }, payment.ErrMissing},
		"no signature is missing":   {func(a *arrival) { a.Signature = nil }, payment.ErrMissing},
		"an empty value is missing": {signature(""), payment.ErrMissing},
		"missing comes before all else": {func(a *arrival) {
			*a = arrival{Headers: payment.Headers{ID: []byte("a.b"), Timestamp: []byte("x")}, body: strings.Repeat("x", payment.MaxBody+1)}
		}, payment.ErrMissing},

		"an id with a full stop":     {id("msg.1"), payment.ErrMalformed},
		"an id with a blank":         {id("msg 1"), payment.ErrMalformed},
		"an id of other bytes":       {id("m\xffg"), payment.ErrMalformed},
		"an id of 128 bytes passes":  {id(strings.Repeat("m", 128)), nil},
		"an id of 129 bytes":         {id(strings.Repeat("m", 129)), payment.ErrMalformed},
		"an id of a megabyte":        {id(strings.Repeat("m", 1<<20)), payment.ErrMalformed},
		"another id is not signed":   {func(a *arrival) { a.ID = []byte("msg_2") }, payment.ErrSignature},
		"an id in capitals neither":  {func(a *arrival) { a.ID = []byte("MSG_1") }, payment.ErrSignature},
		"a timestamp as a name":      {timestamp("noon"), payment.ErrMalformed},
		"a timestamp as a date":      {timestamp("2026-05-01T12:00:00Z"), payment.ErrMalformed},
		"a timestamp with fraction":  {timestamp("1777636800.5"), payment.ErrMalformed},
		"a timestamp below nothing":  {timestamp("-1777636800"), payment.ErrMalformed},
		"a timestamp with a plus":    {timestamp("+1777636800"), payment.ErrMalformed},
		"a timestamp with a blank":   {timestamp(" 1777636800"), payment.ErrMalformed},
		"a timestamp from nothing":   {timestamp("0"), payment.ErrMalformed},
		"a timestamp with a mark":    {timestamp("1777_636800"), payment.ErrMalformed},
		"a timestamp in hexadecimal": {timestamp("0x69f4a140"), payment.ErrMalformed},
		"a timestamp with a zero":    {timestamp("01777636800"), payment.ErrMalformed},
		"a timestamp past a digit":   {timestamp("1000000000000"), payment.ErrMalformed},
		"a timestamp of a megabyte":  {timestamp(strings.Repeat("1", 1<<20)), payment.ErrMalformed},
		"a second's difference":      {timestamp("1777636801"), payment.ErrSignature},
		// Nothing is believed before the signature matches: not that it is late either.
		"an old one that is not signed": {timestamp("1"), payment.ErrSignature},

		"a truncated signature":           {signature(truncated), payment.ErrMalformed},
		"one truncated by four":           {signature(good[:len(good)-4]), payment.ErrMalformed},
		"half a signature":                {signature(good[:len(good)/2]), payment.ErrMalformed},
		"a version alone":                 {signature("v1"), payment.ErrMalformed},
		"a version with a comma":          {signature("v1,"), payment.ErrMalformed},
		"a signature without its version": {signature(good[3:]), payment.ErrMalformed},
		"a signature with an empty one":   {signature(good[2:]), payment.ErrMalformed},
		"blanks alone":                    {signature("   "), payment.ErrMalformed},
		"a tab between signatures":        {signature(other + "\t" + good), payment.ErrMalformed},
		"a comma between signatures":      {signature(good + "," + other), payment.ErrMalformed},
		"a truncated one alone, twice":    {signature(truncated + " " + truncated), payment.ErrMalformed},
		"a truncated one with a version":  {signature("v1a,x " + truncated), payment.ErrMalformed},
		"a longer one":                    {signature("v1," + base64.StdEncoding.EncodeToString(make([]byte, 33))), payment.ErrMalformed},
		"one for addresses":               {signature("v1," + strings.Repeat("-", 43) + "="), payment.ErrMalformed},
		"one in hexadecimal":              {signature("v1," + strings.Repeat("ab", 32)), payment.ErrMalformed},
		"a line end inside it":            {signature(good[:20] + "\r" + good[20:]), payment.ErrMalformed},
		"a line end in place of a letter": {signature(good[:20] + "\n" + good[21:]), payment.ErrMalformed},
		"stray bits at its end":           {signature(good[:len(good)-2] + next(good[len(good)-2]) + "="), payment.ErrMalformed},

		"somebody else's signature":      {signature(sign(foreign)), payment.ErrSignature},
		"a signature of nothing":         {signature(other), payment.ErrSignature},
		"letters of the other case":      {signature("v1," + swapCase(good[3:45]) + good[45:]), payment.ErrSignature},
		"a version in capitals":          {signature("V1," + good[3:]), payment.ErrSignature},
		"only versions we don't know":    {signature("v1a," + good[3:] + " v2,%%% v," + good[3:]), payment.ErrSignature},
		"a truncated one beside another": {signature(truncated + " " + other), payment.ErrSignature},
		"a good one behind another":      {signature(other + " " + good), nil},
		// One secret's broken signature refused the message though another's was good.
		"a good one before a truncated one": {signature(good + " " + truncated), nil},
		"a good one behind a truncated one": {signature(truncated + " " + good), nil},
		"a good one behind no signature":    {signature("v1 v1, , x " + good), nil},
		"a good one before another":         {signature(good + " " + other), nil},
		"a good one behind other version":   {signature("v1a,hnO3f9T8 v2,%%% " + good), nil},
		"blanks around a good one":          {signature("  " + other + "  " + good + " "), nil},
		"a good one as the last of 16":      {signature(strings.Repeat(other+" ", 15) + good), nil},
		"a good one behind 16":              {signature(strings.Repeat(other+" ", 16) + good), payment.ErrMalformed},
		"a good one behind 16 of others":    {signature(strings.Repeat("v9,x ", 16) + good), payment.ErrMalformed},
		"4 KiB that end in a good one":      {signature("v9," + strings.Repeat("x", 4096-4-len(good)) + " " + good), nil},
		"a byte more":                       {signature("v9," + strings.Repeat("x", 4097-4-len(good)) + " " + good), payment.ErrMalformed},
		"a megabyte of blanks":              {signature(good + strings.Repeat(" ", 1<<20)), payment.ErrMalformed},

		"a message replayed with another body": {func(a *arrival) { a.body = strings.Replace(body, "4200", "1", 1) }, payment.ErrSignature},
		"a body with a line end more":          {func(a *arrival) { a.body += "\n" }, payment.ErrSignature},
		"no body":                              {func(a *arrival) { a.body = "" }, payment.ErrSignature},
		"a signed empty body passes":           {func(a *arrival) { a.body, a.Headers = "", signed(ours, "msg_1", noon, "") }, nil},
		"a body of 8 KiB passes": {func(a *arrival) {
			a.body = strings.Repeat("x", 8<<10)
			a.Headers = signed(ours, "msg_1", noon, a.body)
		}, nil},
		"a byte more is too large": {func(a *arrival) {
			a.body = strings.Repeat("x", 8<<10+1)
			a.Headers = signed(ours, "msg_1", noon, a.body)
		}, payment.ErrTooLarge},
		// The signed text is the same one, split elsewhere.
		"a full stop that moved": {func(a *arrival) {
			a.Headers = signed(ours, "msg_1", noon, "1777636800."+body)
			a.ID, a.body = []byte("msg_1.1777636800"), body
		}, payment.ErrMalformed},

		"the old secret of a rotation": {signature(sign(old)), nil},
		"both secrets of a rotation":   {signature(sign(old) + " " + sign(ours)), nil},
		"a secret that was dropped": {func(a *arrival) {
			a.Signature, a.secrets = []byte(sign(old)), payment.Secrets{ours}
		}, payment.ErrSignature},
		"no secret at all": {func(a *arrival) { a.secrets = nil }, payment.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			a := arrival{signed(ours, "msg_1", noon, body), body, instant(noon), payment.Secrets{ours, old}}
			c.change(&a)
			got, err := a.secrets.Verify(a.Headers, []byte(a.body), a.now)
			wantVerdict(t, err, c.want)
			if want := sale.MessageID(a.ID); err == nil && got != want || err != nil && got != "" {
				t.Errorf("got id %q with %v, want %q if there is no error", got, err, want)
			}
			if err != nil && len(err.Error()) > 512 {
				t.Errorf("got an error of %d bytes, want hostile input kept short", len(err.Error()))
			}
		})
	}
}

// next is the letter after one of base64: the bits that differ are not of the value.
func next(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return string(alphabet[strings.IndexByte(alphabet, c)+1])
}

// swapCase makes capitals of letters, and letters of capitals.
func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if up := strings.ToUpper(string(r)); up != string(r) {
			return rune(up[0])
		}
		return rune(strings.ToLower(string(r))[0])
	}, s)
}

func TestEveryMissingHeaderIsNamed(t *testing.T) {
	_, err := payment.Secrets{payment.NewSecret()}.Verify(payment.Headers{Timestamp: []byte("1")}, nil, 0)
	for _, want := range []string{payment.HeaderID, payment.HeaderSignature} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s named", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), payment.HeaderTimestamp) {
		t.Errorf("got %v, want the timestamp not named", err)
	}
}

// Headers share a request's memory, and the id outlives the request.
func TestTheIDIsACopy(t *testing.T) {
	s := payment.NewSecret()
	h := signed(s, "msg_1", noon, body)
	id, err := payment.Secrets{s}.Verify(h, []byte(body), instant(noon))
	copy(h.ID, "another")
	if err != nil || id != "msg_1" {
		t.Errorf("got %q, %v, want msg_1 whatever becomes of the headers", id, err)
	}
}

func FuzzVerify(f *testing.F) {
	s := secret(f, whsec(32, 'f'))
	h := signed(s, "msg_1", noon, body)
	good := string(h.Signature)
	for _, signature := range []string{good, good + " " + good, "v1a,x " + good, good[:20], "", " ", ",", "v1,", "v1,=", "v1,AAAA", good + ","} {
		f.Add("msg_1", string(h.Timestamp), signature, body)
	}
	f.Add("msg.1", "-1", good, body)
	f.Add("msg_1", "99999999999999999999", good, "{}")
	f.Fuzz(func(t *testing.T, id, timestamp, signature, text string) {
		got, err := payment.Secrets{s}.Verify(payment.Headers{ID: []byte(id), Timestamp: []byte(timestamp), Signature: []byte(signature)}, []byte(text), instant(noon))
		verdicts := 0
		for _, sentinel := range sentinels {
			if errors.Is(err, sentinel) {
				verdicts++
			}
		}
		switch {
		case err != nil && (verdicts != 1 || got != ""):
			t.Errorf("got %q, %v, want exactly one of the verdicts and no id", got, err)
		// Nobody here signs anything but the seed.
		case err == nil && (got != "msg_1" || timestamp != string(h.Timestamp) || text != body || !bytes.Contains([]byte(signature), []byte(good))):
			t.Errorf("got %q passed with timestamp %q, signature %q and body %q, want what nobody signed refused", got, timestamp, signature, text)
		case err == nil && peerVerify(t, s, id, timestamp, signature, text) != nil:
			t.Errorf("signature %q passed here and not with the peer, want the same", signature)
		}
	})
}
