package hostile_test

import (
	"fmt"
	"strings"
	"testing"
)

// framed is a message that two servers may cut in different places. COVER is the start of a purchase, TOKEN its buyer's
// header, HIDDEN a whole purchase of mallory's, which nobody asked for openly; LENGTH is HIDDEN's, as is HEX in hexadecimal.
type framed struct {
	name, text  string
	nginx, node string // the answers: statuses
}

// covered begins a purchase of the cover's; what follows are its other headers.
const covered = "POST /v1/sales/SALE/orders HTTP/1.1\r\nHost: onsale\r\nTOKEN\r\n"

var smuggled = []framed{
	{"CL.TE", covered + "Content-Length: LENGTH+5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHIDDEN", "400", "422"},
	{"TE.CL", covered + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nHEX\r\nHIDDEN\r\n0\r\n\r\n", "400", "422"},
	{"TE.TE, one of them unknown", covered + "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\nHIDDEN", "400", "400"},
	{"two codings", covered + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nHIDDEN", "501", "400"},
	{"a coding before chunked", covered + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\nHIDDEN", "501", "400"},
	{"an unknown coding", covered + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\nHIDDEN", "501", "400"},
	{"a coding with a tab", covered + "Transfer-Encoding:\tchunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\nHIDDEN", "501", "422"},
	{"a coding with a vertical tab", covered + "Transfer-Encoding: \x0bchunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\nHIDDEN", "501", "400"},
	{"a blank before the colon", covered + "Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\nHIDDEN", "400", "400"},
	{"two lengths", covered + "Content-Length: 0\r\nContent-Length: LENGTH\r\n\r\nHIDDEN", "400", "400"},
	{"two equal lengths", covered + "Content-Length: LENGTH\r\nContent-Length: LENGTH\r\n\r\nHIDDEN", "400", "400"},
	{"a list of lengths", covered + "Content-Length: 0, LENGTH\r\n\r\nHIDDEN", "400", "400"},
	{"a length with a sign", covered + "Content-Length: +0\r\n\r\nHIDDEN", "400", "400"},
	{"a negative length", covered + "Content-Length: -1\r\n\r\nHIDDEN", "400", "400"},
	{"a hexadecimal length", covered + "Content-Length: 0xHEX\r\n\r\nHIDDEN", "400", "400"},
	{"a length past 64 bits", covered + "Content-Length: 18446744073709551616\r\n\r\nHIDDEN", "400", "400"},
	{"a length in a folded line", covered + "X: a\r\n Content-Length: LENGTH\r\n\r\nHIDDEN", "400", "422 201"},
	{"a coding in a folded line", covered + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\nHIDDEN", "400", "422"},
	{"a chunk past 64 bits", covered + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nHIDDEN\r\n0\r\n\r\n", "400", "400"},
	{"a negative chunk", covered + "Transfer-Encoding: chunked\r\n\r\n-1\r\nHIDDEN\r\n0\r\n\r\n", "400", "400"},
	{"a chunk with 0x", covered + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\nHIDDEN", "400", "400"},
	{"a chunk longer than it is", covered + "Transfer-Encoding: chunked\r\n\r\n3\r\nHIDDEN\r\n0\r\n\r\n", "400", "400"},
	{"a chunked body of HTTP/1.0", "POST /v1/sales/SALE/orders HTTP/1.0\r\nHost: onsale\r\nTOKEN\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHIDDEN", "400", "400"},
	{"a body of GET", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\nContent-Length: LENGTH\r\n\r\nHIDDEN", "200", "200"},
	{"a header that ends with CR alone", covered + "X: a\rContent-Length: LENGTH\r\n\r\nHIDDEN", "400", "400"},
}

// Attack: a message that Nginx and a node cut in different places, so that a purchase that is hidden in its body is
// served as a request of its own, on a connection that others use after it.
func TestNoPurchaseIsSmuggled(t *testing.T) {
	id := target.open(t, 1000)
	for at, d := range target.doors() {
		for i, m := range smuggled {
			t.Run(d.name+"/"+m.name, func(t *testing.T) {
				mallory := fmt.Sprintf("mallory-%d-%d", at, i)
				hidden := target.purchase(t, id, mallory)
				text := strings.NewReplacer("SALE", id, "TOKEN", target.bearer(t, "cover"), "HIDDEN", hidden, "LENGTH+5", fmt.Sprint(len(hidden)+5),
					"LENGTH", fmt.Sprint(len(hidden)), "HEX", fmt.Sprintf("%x", len(hidden))).Replace(m.text)
				before := target.orders(t, id)
				got := send(t, d.addr, text)
				if want := [...]string{m.nginx, m.node}[at]; statuses(got) != want {
					t.Errorf("got %v, want %s", got, want)
				}
				if n := target.orders(t, id) - before; n != created(got) {
					t.Errorf("got %d orders and %v, want no other than those answered", n, got)
				}
				if created(got) == 0 {
					target.wantNoOrder(t, id, mallory)
				}
			})
		}
	}
}

// Attack: a chunk's extension that ends with LF alone. Nginx takes that for its end, so what follows is a request of the sender's own, which is
// answered as such; a node refuses it. Nginx sends nodes no chunks, so there is nothing to smuggle between the two.
func TestAChunkExtensionHidesNoPurchase(t *testing.T) {
	id := target.open(t, 1000)
	for at, d := range target.doors() {
		text := "POST /v1/sales/" + id + "/orders HTTP/1.1\r\nHost: onsale\r\n" + target.bearer(t, "cover") + "\r\nTransfer-Encoding: chunked\r\n\r\n"
		got := send(t, d.addr, text+"2;x\n{}\r\n0\r\n\r\n"+target.purchase(t, id, "mallory "+d.name))
		if want := [...]string{"422 201", "400"}[at]; statuses(got) != want {
			t.Errorf("%s: got %v, want %s", d.name, got, want)
		}
		a := send(t, d.addr, text+`e;a=b;c="d"`+"\r\n"+one+"\r\n0\r\n\r\n")
		if s := statuses(a); s != "201" && s != "200" {
			t.Errorf("%s: got %v for an honest chunk with an extension, want the order", d.name, a)
		}
	}
}

// malformed are requests that are wrong in themselves, and what each door answers: those that are served mean the same to both.
var malformed = []framed{
	{"a bare LF", "GET /v1/sales/SALE HTTP/1.1\nHost: onsale\n\n", "200", "400"},
	{"CR alone", "GET /v1/sales/SALE HTTP/1.1\rHost: onsale\r\r", "400", "400"},
	{"NUL in the path", "GET /v1/sales/SALE\x00 HTTP/1.1\r\nHost: onsale\r\n\r\n", "400", "400"},
	{"%00 in the path", "GET /v1/sales/SALE%00 HTTP/1.1\r\nHost: onsale\r\n\r\n", "400", "404"},
	{"NUL in a header", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\nX: a\x00b\r\n\r\n", "400", "400"},
	{"NUL in a header's name", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\nX\x00: a\r\n\r\n", "400", "400"},
	{"a header without a colon", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\nX\r\n\r\n", "200", "400"},
	{"a header without a name", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\n: a\r\n\r\n", "400", "400"},
	{"a blank in a header's name", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\nX Y: a\r\n\r\n", "400", "200"},
	{"a folded header", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\nX: a\r\n b\r\n\r\n", "400", "200"},
	{"a folded token", "POST /v1/sales/SALE/orders HTTP/1.1\r\nHost: onsale\r\nAuthorization: Bearer\r\n x.y.z\r\nContent-Length: 14\r\n\r\n{\"quantity\":1}", "400", "401"},
	{"no host", "GET /v1/sales/SALE HTTP/1.1\r\n\r\n", "400", "400"},
	{"two hosts", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\nHost: other\r\n\r\n", "400", "400"},
	{"a host with a path", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale/../x\r\n\r\n", "400", "400"},
	{"an absolute address of another host", "GET http://other/v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\n\r\n", "200", "200"},
	{"an address of another scheme", "GET file:///v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\n\r\n", "400", "200"},
	{"an address with a user", "GET http://a:b@onsale/v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\n\r\n", "400", "200"},
	{"an asterisk", "OPTIONS * HTTP/1.1\r\nHost: onsale\r\n\r\n", "400", "404"},
	{"a tunnel", "CONNECT 127.0.0.1:6379 HTTP/1.1\r\nHost: 127.0.0.1:6379\r\n\r\n", "400", "404"},
	{"a trace", "TRACE /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\nTOKEN\r\n\r\n", "405", "405"},
	{"an unknown method", "BREW /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\n\r\n", "405", "405"},
	{"a method in lower case", "post /v1/sales/SALE/orders HTTP/1.1\r\nHost: onsale\r\nTOKEN\r\nContent-Length: 14\r\n\r\n{\"quantity\":1}", "400", "405"},
	{"a method with NUL", "PO\x00ST /v1/sales/SALE/orders HTTP/1.1\r\nHost: onsale\r\nTOKEN\r\nContent-Length: 14\r\n\r\n{\"quantity\":1}", "400", "400"},
	{"no method", " /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\n\r\n", "400", "400"},
	{"a method of 5,000 letters", strings.Repeat("A", 5000) + " /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\n\r\n", "405", "405"},
	{"another method by a header", "GET /v1/sales/SALE/orders HTTP/1.1\r\nHost: onsale\r\nTOKEN\r\nX-HTTP-Method-Override: POST\r\n\r\n", "405", "405"},
	{"HTTP/0.9", "GET /v1/sales/SALE\r\n\r\n", "", "400"},
	{"HTTP/1.0", "GET /v1/sales/SALE HTTP/1.0\r\nHost: onsale\r\n\r\n", "200", "200"},
	{"HTTP/2.0", "GET /v1/sales/SALE HTTP/2.0\r\nHost: onsale\r\n\r\n", "505", "200"},
	{"HTTP/1.1x", "GET /v1/sales/SALE HTTP/1.1x\r\nHost: onsale\r\n\r\n", "400", "400"},
	{"an upgrade to h2c", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "200", "200"},
	{"HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", "400"},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\xa5", 32), "400", "400"},
	{"a line of Redis", "*1\r\n$8\r\nFLUSHALL\r\n", "400", "400"},
	{"a header of 64 KB", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "431", "431"},
	{"2,000 headers", "GET /v1/sales/SALE HTTP/1.1\r\nHost: onsale\r\n" + strings.Repeat("X: aaaaaaaaaaaaaaaa\r\n", 2000) + "\r\n", "431", "431"},
	{"an address of 9 KB", "GET /v1/sales/SALE?" + strings.Repeat("a", 9<<10) + " HTTP/1.1\r\nHost: onsale\r\n\r\n", "414", "431"},
	{"a body of 64 KB", "POST /v1/sales/SALE/orders HTTP/1.1\r\nHost: onsale\r\nTOKEN\r\nContent-Length: 65536\r\n\r\n" + strings.Repeat("b", 64<<10), "413", "413"},
	{"chunks of 64 KB", "POST /v1/sales/SALE/orders HTTP/1.1\r\nHost: onsale\r\nTOKEN\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n" + strings.Repeat("b", 64<<10) + "\r\n0\r\n\r\n", "413", "413"},
	{"a length of 2^62", "POST /v1/sales/SALE/orders HTTP/1.1\r\nHost: onsale\r\nTOKEN\r\nContent-Length: 4611686018427387904\r\n\r\n{", "413", "413"},
	{"a trailer with a token", "POST /v1/sales/SALE/orders HTTP/1.1\r\nHost: onsale\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\ne\r\n{\"quantity\":1}\r\n0\r\nTOKEN\r\n\r\n", "400", "400"},
	{"an expectation", "POST /v1/sales/SALE/orders HTTP/1.1\r\nHost: onsale\r\nTOKEN\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", "100 422", "100 422"},
}

// Attack: requests that are none, or that are larger than any, so that a parser fails, waits or answers something else.
func TestMalformedRequestsAreRefused(t *testing.T) {
	id := target.open(t, 1000)
	for at, d := range target.doors() {
		for _, m := range malformed {
			if at == 0 && m.nginx == "" { // HTTP/0.9 has answers without a status
				continue
			}
			t.Run(d.name+"/"+m.name, func(t *testing.T) {
				got := send(t, d.addr, strings.NewReplacer("SALE", id, "TOKEN", target.bearer(t, "mallory")).Replace(m.text))
				if want := [...]string{m.nginx, m.node}[at]; statuses(got) != want {
					t.Errorf("got %v, want %s", got, want)
				}
			})
		}
	}
	if n := target.orders(t, id); n != 0 {
		t.Errorf("got %d orders, want none", n)
	}
}

// Attack: many requests in one packet, so that answers are mixed up. Each is answered, in its turn.
func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	id := target.open(t, 1000)
	for at, d := range target.doors() {
		var text strings.Builder
		const many = 50
		for i := range many {
			text.WriteString(target.purchase(t, id, fmt.Sprintf("pipelined-%d-%d", at, i)))
			text.WriteString(request("GET", "/v1/sales/"+id+"/orders/mine", "", target.bearer(t, fmt.Sprintf("pipelined-%d-%d", at, i))))
		}
		got := send(t, d.addr, text.String())
		if len(got) != 2*many {
			t.Fatalf("%s: got %d answers, want %d", d.name, len(got), 2*many)
		}
		for i := 0; i < len(got); i += 2 {
			if got[i].status != 201 || got[i+1].status != 200 || got[i].order != got[i+1].order {
				t.Errorf("%s: got %v and %v, want a purchase and the same order", d.name, got[i], got[i+1])
			}
		}
	}
}

// statuses are those of the answers.
func statuses(all []answer) string {
	var list []string
	for _, a := range all {
		list = append(list, fmt.Sprint(a.status))
	}
	return strings.Join(list, " ")
}
