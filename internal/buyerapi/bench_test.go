package buyerapi_test

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

// wire is a connection that asks n times and reads every answer, for nothing:
// what is measured is the server alone, without the kernel.
type wire struct {
	request []byte
	n       int
	answers io.Writer
}

func (w *wire) Read(b []byte) (int, error) {
	if w.n == 0 {
		return 0, io.EOF
	}
	w.n--
	return copy(b, w.request), nil
}

func (w *wire) Write(b []byte) (int, error)      { return w.answers.Write(b) }
func (w *wire) Close() error                     { return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (w *wire) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// purchaseRequest is a buyer's request as Nginx passes it on.
func purchaseRequest(t testing.TB) []byte {
	return []byte("POST /v1/sales/s/orders HTTP/1.1\r\nHost: onsale_nodes\r\nX-Request-Id: 5b0f4a7a0c6a4d0f9d5d1c4ddc8a4a44\r\n" +
		"Content-Length: 14\r\nContent-Type: application/json\r\nAuthorization: Bearer " + token(t, "alice") + "\r\n\r\n" + `{"quantity":1}`)
}

// ask has the server answer the same request n times.
func ask(t testing.TB, s *fasthttp.Server, request []byte, n int) {
	t.Helper()
	if err := s.ServeConn(&wire{request: request, n: n, answers: io.Discard}); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkSoldOut(b *testing.B) {
	server, request := buyerapi.NewServer(soldOut().open(b).handler, time.Minute), purchaseRequest(b)
	b.ReportAllocs()
	b.ResetTimer()
	ask(b, server, request, b.N)
}

// selling is a site that sells to everybody, with a Redis of functions.
func selling(t testing.TB) *site {
	s := &site{poll: time.Hour, remote: func(c sale.Claim) (sale.Decision, error) {
		return sale.Decision{Outcome: sale.Held, Order: orderOf(c)}, nil
	}}
	s.store.read = func(id sale.ID) (sale.Sale, sale.Reading, error) { return definition(id), planned(1 << 40), nil }
	s.orders.mine = func(buyer sale.Buyer) (sale.Order, error) {
		return orderOf(sale.Claim{Order: anOrder, Buyer: buyer, Quantity: 1}), nil
	}
	return s.open(t)
}

// BenchmarkPurchase is a purchase on a node, without the kernel, Redis and the signature.
func BenchmarkPurchase(b *testing.B) {
	server, request := buyerapi.NewServer(selling(b).handler, time.Minute), purchaseRequest(b)
	b.ReportAllocs()
	b.ResetTimer()
	ask(b, server, request, b.N)
}

// admitted takes every place token, and costs nothing.
type admitted struct{ proofs }

func (admitted) Verify(string, sale.ID, sale.Buyer) (sale.Proof, error) {
	return sale.Proof{Place: 1}, nil
}

// sellingInTurn is selling with a line of which all are admitted.
func sellingInTurn(t testing.TB) *site {
	s := selling(t)
	open := s.store.read
	s.store.read = func(id sale.ID) (sale.Sale, sale.Reading, error) {
		d, r, err := open(id)
		lined(&d, &r, 60)
		return d, r, err
	}
	s.places = admitted{}
	return s.open(t)
}

// placedRequest is a purchase with a place token of the usual length.
func placedRequest(t testing.TB) []byte {
	header := "\r\nOnsale-Place: " + strings.Repeat("x", 360) + "\r\n\r\n"
	return bytes.Replace(purchaseRequest(t), []byte("\r\n\r\n"), []byte(header), 1)
}

// BenchmarkPurchaseInTurn is BenchmarkPurchase of a sale with a line: what it takes more, with
// BenchmarkVerifyPlace of package token, is what a place costs a purchase.
func BenchmarkPurchaseInTurn(b *testing.B) {
	server, request := buyerapi.NewServer(sellingInTurn(b).handler, time.Minute), placedRequest(b)
	b.ReportAllocs()
	b.ResetTimer()
	ask(b, server, request, b.N)
}

func BenchmarkBare(b *testing.B) {
	server, request := bare(), purchaseRequest(b)
	b.ReportAllocs()
	b.ResetTimer()
	ask(b, server, request, b.N)
}

// BenchmarkSoldOutOverBare has both servers take turns, and gives the median of
// how much longer ours takes: what else this machine does, it does to both.
// ns/op is a turn of two hundred requests to each. "server" is the server alone, "loopback" has
// the kernel between it and a client, as buyers do.
func BenchmarkSoldOutOverBare(b *testing.B) {
	site := soldOut().open(b)
	request := purchaseRequest(b)
	server := func() (ours, theirs func(int)) {
		s, t := buyerapi.NewServer(site.handler, time.Minute), bare()
		return func(n int) { ask(b, s, request, n) }, func(n int) { ask(b, t, request, n) }
	}
	loopback := func() (ours, theirs func(int)) {
		s, t := listen(b, buyerapi.NewServer(site.handler, time.Minute)).dial(b), listen(b, bare()).dial(b)
		return func(n int) { s.repeat(b, request, n) }, func(n int) { t.repeat(b, request, n) }
	}
	for name, begin := range map[string]func() (ours, theirs func(int)){"server": server, "loopback": loopback} {
		b.Run(name, func(b *testing.B) {
			const requests = 200
			ours, theirs := begin()
			turn := func(serve func(int)) float64 {
				start := time.Now()
				serve(requests)
				return float64(time.Since(start))
			}
			var ratios []float64
			for b.Loop() {
				ratios = append(ratios, turn(ours)/turn(theirs))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "x-bare")
		})
	}
}

// bare is the least that a fasthttp server can do to send the bytes of a
// sold-out answer.
func bare() *fasthttp.Server {
	s := buyerapi.NewServer(&buyerapi.Handler{}, time.Minute)
	s.Handler = func(ctx *fasthttp.RequestCtx) {
		ctx.SetStatusCode(fasthttp.StatusConflict)
		h := &ctx.Response.Header
		h.SetContentType("application/problem+json")
		h.SetCanonical([]byte("X-Accel-Expires"), []byte("1"))
		h.SetCanonical([]byte("Cache-Control"), []byte("no-store"))
		ctx.Response.SetBodyRaw(soldOutBody)
	}
	return s
}

var soldOutBody = []byte(`{"type":"/problems/sold-out","title":"Sold out","status":409,"code":"sold-out",` +
	`"detail":"Every ticket is held or paid at this moment. If an earlier answer of yours was lost, ` +
	`or this one carries Onsale-Retried, ask for your order first.","mine":"/v1/sales/s/orders/mine"}`)
