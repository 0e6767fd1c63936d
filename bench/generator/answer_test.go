package generator

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnswersAreSorted(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   answer
	}{
		"sold":                   {201, `{"id":"o-1","quantity":1,"sale":"s"}`, answer{class: ClassSold, order: "o-1"}},
		"replayed":               {200, `{"sale":"s","id":"o-1","quantity":1}`, answer{class: ClassSold, order: "o-1"}},
		"sold two of one":        {201, `{"id":"o-1","quantity":2}`, answer{class: ClassError, fault: errQuantity, order: "o-1"}},
		"sold eleven of one":     {201, `{"id":"o-1","quantity":11}`, answer{class: ClassError, fault: errQuantity, order: "o-1"}},
		"sold without quantity":  {201, `{"id":"o-1"}`, answer{class: ClassError, fault: errQuantity, order: "o-1"}},
		"quantity cut off":       {201, `{"id":"o-1","quantity":1`, answer{class: ClassError, fault: errQuantity, order: "o-1"}},
		"sold without an order":  {201, `{"sale_id":"s"}`, answer{class: ClassError, fault: errNoOrder}},
		"sold with an empty one": {201, `{"id":""}`, answer{class: ClassError, fault: errNoOrder}},
		"sold, the id cut off":   {201, `{"id":"o-`, answer{class: ClassError, fault: errNoOrder}},
		"sold out":               {409, `{"status":409,"code":"sold-out"}`, answer{class: ClassSoldOut}},
		"ordered already":        {409, `{"code":"already-ordered","detail":"not sold-out"}`, answer{class: ClassLimited}},
		"code of another status": {403, `{"code":"sold-out"}`, answer{class: ClassLimited}},
		"without a token":        {401, ``, answer{class: ClassLimited}},
		"unreadable":             {422, ``, answer{class: ClassLimited}},
		"too many":               {429, ``, answer{class: ClassLimited}},
		"busy":                   {503, `{"code":"busy"}`, answer{class: ClassBusy}},
		"gateway timeout":        {504, ``, answer{class: ClassBusy}},
		"failure":                {500, ``, answer{class: ClassError, fault: "status 500"}},
		"unknown sale":           {404, ``, answer{class: ClassError, fault: "status 404"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.status = c.status
			for _, closes := range []bool{false, true} {
				var header string
				if c.want.closes = closes; closes {
					header = "Connection: close\r\n"
				}
				got, whole, fault := parse(render(c.status, c.body, header), false)
				if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(answer{})); diff != "" || !whole || fault != "" {
					t.Errorf("whole %v, fault %q (-want +got):\n%s", whole, fault, diff)
				}
			}
		})
	}
}

func TestPartOfAnAnswerWaitsForTheRest(t *testing.T) {
	all := replySold
	for n := range all {
		if a, whole, fault := parse(all[:n], false); whole || fault != "" {
			t.Errorf("%q: got %+v, %v, %q, want not whole", all[:n], a, whole, fault)
		}
	}
}

func TestFaultyAnswersAreNamed(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"chunked":             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", errChunked},
		"no length":           {"HTTP/1.1 200 OK\r\n\r\n", errNoLength},
		"length of nonsense":  {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", errMalformed},
		"negative length":     {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", errMalformed},
		"body without end":    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", errTooLong},
		"headers without end": {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", maxAnswer/6), errTooLong},
		"more than one":       {string(replySold) + "H", errMalformed},
		"another protocol":    {"RTSP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", errMalformed},
		"no status":           {"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n", errMalformed},
		"too short":           {"HTTP/1.\r\nContent-Length: 0\r\n\r\n", errMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if a, whole, fault := parse([]byte(c.answer), false); whole || fault != c.want {
				t.Errorf("got %+v, %v, %q, want %q", a, whole, fault, c.want)
			}
		})
	}
}
