package node

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"onsale/internal/buyerapi"
	"onsale/internal/ratelimit"
	"onsale/internal/sale"
	"onsale/internal/token"
)

// shop sells one sale without a store: what a purchase costs beyond that is not counted here.
type shop struct {
	buyerapi.Sales
	sale sale.Sale
	sold int
}

func (s *shop) Seller(sale.ID) (buyerapi.Seller, bool) { return counter{shop: s}, true }

type counter struct {
	buyerapi.Seller
	shop *shop
}

func (c counter) Sale() *sale.Sale              { return &c.shop.sale }
func (c counter) Now() (sale.Instant, bool)     { return sale.Instant(time.Now().UnixMilli()), true }
func (c counter) Precheck() (sale.Phase, error) { return sale.PhaseOnSale, nil }

func (c counter) Buy(_ context.Context, buyer sale.Buyer, quantity int, _ int64) (sale.Decision, error) {
	c.shop.sold++
	return sale.Decision{Outcome: sale.Held, Order: sale.Order{ID: sale.OrderID(uuid.Must(uuid.NewV7()).String()), Buyer: buyer, Quantity: quantity, State: sale.StateHeld}}, nil
}

// conversation is a connection on which each request is asked once.
type conversation struct {
	requests [][]byte
	answers  io.Writer
}

func (c *conversation) Read(b []byte) (int, error) {
	if len(c.requests) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.requests[0])
	c.requests = c.requests[1:]
	return n, nil
}

func (c *conversation) Write(b []byte) (int, error)      { return c.answers.Write(b) }
func (c *conversation) Close() error                     { return nil }
func (c *conversation) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *conversation) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *conversation) SetDeadline(time.Time) error      { return nil }
func (c *conversation) SetReadDeadline(time.Time) error  { return nil }
func (c *conversation) SetWriteDeadline(time.Time) error { return nil }

// provider signs with one key.
type provider struct {
	method jwt.SigningMethod
	key    any
}

// providers have a key of each algorithm, which can sign.
func providers(t testing.TB) []provider {
	t.Helper()
	rsaKey, err1 := rsa.GenerateKey(rand.Reader, 2048)
	ecKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, edKey, err3 := ed25519.GenerateKey(rand.Reader)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	return []provider{{jwt.SigningMethodHS256, secret}, {jwt.SigningMethodEdDSA, edKey}, {jwt.SigningMethodRS256, rsaKey}, {jwt.SigningMethodPS256, rsaKey}, {jwt.SigningMethodES256, ecKey}}
}

// jwks is the set that nodes get.
func (p provider) jwks(t testing.TB) []byte {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString
	k := map[string]string{"kid": "k", "alg": p.method.Alg()}
	if signer, ok := p.key.(crypto.Signer); ok {
		switch public := signer.Public().(type) {
		case *rsa.PublicKey:
			k["kty"], k["n"], k["e"] = "RSA", text(public.N.Bytes()), text(big.NewInt(int64(public.E)).Bytes())
		case *ecdsa.PublicKey:
			point, err := public.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			k["kty"], k["crv"], k["x"], k["y"] = "EC", "P-256", text(point[1:33]), text(point[33:])
		case ed25519.PublicKey:
			k["kty"], k["crv"], k["x"] = "OKP", "Ed25519", text(public)
		}
	} else {
		k["kty"], k["k"] = "oct", text(p.key.([]byte))
	}
	raw, err := json.Marshal(map[string]any{"keys": []any{k}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// purchases are requests with a token each, of buyers from this number on. If they are forged, all have a signature that was made
// of the first.
func (p provider) purchases(t testing.TB, from, count int, life time.Duration, forged bool) [][]byte {
	t.Helper()
	requests, signature := make([][]byte, count), ""
	for i := range requests {
		text := jwt.NewWithClaims(p.method, jwt.MapClaims{"iss": "https://login.example.com/", "sub": fmt.Sprint("buyer ", from+i), "aud": "onsale", "exp": time.Now().Add(life).Unix()})
		text.Header["kid"] = "k"
		signed, err := text.SigningString()
		if err != nil {
			t.Fatal(err)
		}
		if signature == "" || !forged {
			raw, err := p.method.Sign(signed, p.key)
			if err != nil {
				t.Fatal(err)
			}
			signature = text.EncodeSegment(raw)
		}
		signed += "." + signature
		requests[i] = []byte("POST /v1/sales/s/orders HTTP/1.1\r\nHost: onsale_nodes\r\nContent-Length: 14\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
			signed + "\r\n\r\n" + `{"quantity":1}`)
	}
	return requests
}

// cost is the processor's time of an answer with this status, however busy the machine is.
func cost(t testing.TB, server *fasthttp.Server, status string, requests [][]byte) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var answers bytes.Buffer
	answers.Grow(len(requests) << 10)
	before := threadTime(t)
	if err := server.ServeConn(&conversation{requests, &answers}); err != nil {
		t.Fatal(err)
	}
	took := threadTime(t) - before
	if got := bytes.Count(answers.Bytes(), []byte("HTTP/1.1 "+status)); got != len(requests) {
		t.Fatalf("got %d answers of %s, want %d; the first: %.300s", got, status, len(requests), answers.Bytes())
	}
	return took / time.Duration(len(requests))
}

func threadTime(t testing.TB) time.Duration {
	t.Helper()
	var used unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Nano())
}

// Strangers make tokens for nothing. What they cost a node is less than what buyers do, whether they are seen for the first
// time or again, and far less if the tokens don't look good.
func TestABuyerWithoutAValidTokenCostsTheNodeLess(t *testing.T) {
	const requests, tries = 100, 7
	for _, p := range providers(t) {
		v, err := token.NewVerifier(p.jwks(t), token.Config{Audiences: []string{"onsale"}, Remember: 1 << 15})
		if err != nil {
			t.Fatal(err)
		}
		s := &shop{sale: sale.Sale{ID: "s", Limit: 4, Price: 4200, Currency: "EUR"}}
		limiter, err := ratelimit.New(ratelimit.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		server := buyerapi.NewServer(buyerapi.New(s, v, nil, nil, limiter, buyerapi.Hooks{}, zap.NewNop()), time.Minute)
		seen, least := 0, map[string]time.Duration{}
		for range tries {
			for _, c := range []struct {
				name, status  string
				life          time.Duration
				forged, again bool
			}{
				{"first", "201", time.Hour, false, false}, {"forged", "401", time.Hour, true, false},
				{"again", "201", time.Hour, false, true}, {"forged again", "401", time.Hour, true, true},
				{"expired", "401", -time.Hour, true, false},
			} {
				count := requests
				if c.again {
					count = 1
				}
				batch := slices.Repeat(p.purchases(t, seen, count+1, c.life, c.forged)[1:], requests/count)
				seen += count + 1
				took := cost(t, server, c.status, batch)
				if before, is := least[c.name]; !is || took < before {
					least[c.name] = took
				}
			}
		}
		alg := p.method.Alg()
		t.Logf("%s: %v", alg, least)
		if s.sold != 2*requests*tries {
			t.Errorf("%s: got %d sold, want every good token's purchase", alg, s.sold)
		}
		if least["forged"] >= least["first"]+purchase || least["forged again"] >= least["again"]+purchase || least["expired"] >= least["first"] {
			t.Errorf("%s: got %v, want a token that is not valid to cost less than one that is", alg, least)
		}
		if alg != "HS256" && (least["again"] > least["first"]/2 || least["forged again"] > least["first"]/2 || least["expired"] > least["first"]/2) {
			t.Errorf("%s: got %v, want a signature of a public key verified once, and none of what has expired", alg, least)
		}
	}
}
