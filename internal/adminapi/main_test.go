package adminapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "sixteen bytes of secret"

// noon is the Redis time of every survey.
var noon = sale.Instant(time.Date(2042, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli())

// stock is a Redis of functions. Those left nil answer that all is well, and
// know one sale "s". calls are those that changed something.
type stock struct {
	open      func(sale.Sale) (bool, error)
	restock   func(id sale.ID, delta int64, key string) (int64, error)
	setClosed func(sale.ID, bool) error
	change    func(sale.ID, func(*sale.Sale) error) error
	sales     func() ([]sale.ID, error)
	survey    func(sale.ID) (sale.Survey, error)
	order     func(sale.ID, sale.OrderID) (sale.Order, error)
	refund    func(sale.ID, sale.OrderID) (sale.Refund, error)
	payments  func(sale.ID) ([]sale.Payment, error)
	settle    func(sale.ID, sale.PaymentID) (sale.Payment, error)
	calls     []string

	orphans      func() ([]sale.Orphan, error)
	settleOrphan func(sale.PaymentID) (sale.Orphan, error)
	wait         time.Duration // for the ledger; 0: as long as operators do
}

func (s *stock) Open(_ context.Context, d sale.Sale) (bool, error) {
	s.calls = append(s.calls, "open "+string(d.ID))
	if s.open == nil {
		return true, nil
	}
	return s.open(d)
}

func (s *stock) Restock(_ context.Context, id sale.ID, delta int64, key string) (int64, error) {
	s.calls = append(s.calls, "restock "+string(id))
	if s.restock == nil {
		return 1000, nil
	}
	return s.restock(id, delta, key)
}

func (s *stock) SetClosed(_ context.Context, id sale.ID, closed bool) error {
	s.calls = append(s.calls, map[bool]string{true: "close ", false: "reopen "}[closed]+string(id))
	if s.setClosed == nil {
		return nil
	}
	return s.setClosed(id, closed)
}

func (s *stock) Change(_ context.Context, id sale.ID, change func(*sale.Sale) error) error {
	s.calls = append(s.calls, "change "+string(id))
	if s.change == nil {
		d := survey(id).Sale
		return change(&d)
	}
	return s.change(id, change)
}

func (s *stock) Sales(context.Context) ([]sale.ID, error) {
	if s.sales == nil {
		return []sale.ID{"s"}, nil
	}
	return s.sales()
}

func (s *stock) Survey(_ context.Context, id sale.ID) (sale.Survey, error) {
	if s.survey == nil {
		return survey(id), nil
	}
	return s.survey(id)
}

func (s *stock) OrderPayments(_ context.Context, id sale.ID, o sale.OrderID, after string, limit int) (sale.Order, sale.PaymentPage, error) {
	order, err := paidOrder(o), error(nil)
	if s.order != nil {
		order, err = s.order(id, o)
	}
	if err != nil {
		return order, sale.PaymentPage{}, err
	}
	page, err := s.page(id, after, limit, func(p sale.Payment) bool { return p.Order == o })
	return order, page, err
}

func (s *stock) Refund(_ context.Context, id sale.ID, o sale.OrderID) (sale.Refund, error) {
	s.calls = append(s.calls, "refund "+string(id)+" "+string(o))
	if s.refund == nil {
		refunded := paidOrder(o)
		refunded.State = sale.StateRefunded
		page, err := s.page(id, "", sale.MaxPage, func(p sale.Payment) bool { return p.Order == o })
		return sale.Refund{Receipt: sale.Receipt{Order: refunded}, Payments: page}, err
	}
	return s.refund(id, o)
}

func (s *stock) Payments(_ context.Context, id sale.ID, state sale.PaymentState, after string, limit int) (sale.PaymentPage, error) {
	return s.page(id, after, limit, func(p sale.Payment) bool { return p.State == state })
}

// page is a part of the payments that are wanted. A place is how many came before.
func (s *stock) page(id sale.ID, after string, limit int, wanted func(sale.Payment) bool) (sale.PaymentPage, error) {
	all, err := payments(), error(nil)
	if s.payments != nil {
		all, err = s.payments(id)
	}
	all = slices.DeleteFunc(all, func(p sale.Payment) bool { return !wanted(p) })
	from, _ := strconv.Atoi(after)
	page := sale.PaymentPage{Payments: all[min(from, len(all)):min(from+limit, len(all))]}
	if from+limit < len(all) {
		page.Next = strconv.Itoa(from + limit)
	}
	return page, err
}

func (s *stock) Settle(_ context.Context, id sale.ID, p sale.PaymentID) (sale.Payment, error) {
	s.calls = append(s.calls, "settle "+string(id)+" "+string(p))
	if s.settle == nil {
		settled := payments()[2]
		settled.ID, settled.State = p, sale.PaymentSettled
		return settled, nil
	}
	return s.settle(id, p)
}

func (s *stock) Orphans(_ context.Context, state sale.PaymentState, after string, limit int) (page sale.OrphanPage, err error) {
	if s.orphans == nil {
		return page, nil
	}
	all, err := s.orphans()
	all = slices.DeleteFunc(all, func(o sale.Orphan) bool { return o.State != state })
	from, _ := strconv.Atoi(after)
	page.Orphans = all[min(from, len(all)):min(from+limit, len(all))]
	if from+limit < len(all) {
		page.Next = strconv.Itoa(from + limit)
	}
	return page, err
}

func (s *stock) SettleOrphan(_ context.Context, p sale.PaymentID) (sale.Orphan, error) {
	s.calls = append(s.calls, "settle orphan "+string(p))
	if s.settleOrphan == nil {
		return sale.Orphan{}, sale.ErrNoPayment
	}
	return s.settleOrphan(p)
}

// anOrder is the order that the operators of the tests speak of.
const anOrder = sale.OrderID("01890a5d-ac96-774b-bcce-b302099a8057")

func paidOrder(id sale.OrderID) sale.Order {
	return sale.Order{ID: id, Buyer: "alice <a b>", Quantity: 2, State: sale.StatePaid, Created: noon, Expires: noon.Add(10 * time.Minute)}
}

// payments are one in each state, all but the last for anOrder.
func payments() []sale.Payment {
	const another = sale.OrderID("01890a5d-ac96-774b-bcce-b302099a8058")
	of := func(id sale.PaymentID, order sale.OrderID, state sale.PaymentState, reason sale.Reason) sale.Payment {
		return sale.Payment{
			ID: id, Message: "msg_" + sale.MessageID(id), Order: order, Amount: 9900, Currency: "EUR",
			State: state, Reason: reason, At: noon.Add(time.Minute),
		}
	}
	return []sale.Payment{
		of("pay/1", anOrder, sale.PaymentApplied, ""), of("pay/2", anOrder, sale.PaymentSettled, sale.ReasonDoubled),
		of("pay/3", anOrder, sale.PaymentDue, sale.ReasonAmount), of("pay/4", another, sale.PaymentDue, sale.ReasonLate),
	}
}

// survey is of a sale in the middle of its rush.
func survey(id sale.ID) sale.Survey {
	return sale.Survey{
		Sale: sale.Sale{
			ID: id, Title: "Concert", Kind: sale.Ticket, Price: 4950, Currency: "EUR", Total: 100,
			Opens: noon, Closes: noon.Add(time.Hour), Limit: 4, HoldFor: 1500 * time.Millisecond,
		},
		Reading:  sale.Reading{At: noon.Add(time.Second), Remaining: 60, Stock: 3, Plan: 7},
		Counters: sale.Counters{Total: 100, Remaining: 60, Held: 30, Paid: 10},
		Recorded: true,
		Shares:   []sale.Share{{Node: "n2", Slice: 30, Buffer: 15, Claimed: 1}, {Node: "n1", Slice: 30, Buffer: 15, Claimed: 2}},
	}
}

// serve serves the API until the test ends.
func serve(t *testing.T, s *stock, view sale.View) *httptest.Server {
	t.Helper()
	return serveWith(t, s, view, zap.NewNop())
}

// serveLogged serves the API too, and keeps what it logs.
func serveLogged(t *testing.T, s *stock) (*httptest.Server, *observer.ObservedLogs) {
	t.Helper()
	core, logged := observer.New(zap.InfoLevel)
	return serveWith(t, s, nil, zap.New(core)), logged
}

func serveWith(t *testing.T, s *stock, view sale.View, log *zap.Logger) *httptest.Server {
	t.Helper()
	h, err := adminapi.New(s, func() sale.View { return view }, token, log)
	if err != nil {
		t.Fatal(err)
	}
	if s.wait != 0 {
		h.WaitForLedger(s.wait)
	}
	mux := http.NewServeMux()
	h.Register(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Client().CloseIdleConnections()
		server.Close()
	})
	return server
}

// answer is what came back, its body read.
type answer struct {
	*http.Response
	text     string
	document map[string]any
}

// ask sends a request with the operators' token, and headers as pairs of name
// and value; an empty value takes the header away.
func ask(t *testing.T, server *httptest.Server, method, path, body string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	got, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Response: got, text: string(text)}
	d := json.NewDecoder(strings.NewReader(a.text))
	d.UseNumber()
	if err := d.Decode(&a.document); err != nil && method != http.MethodHead {
		t.Fatalf("%s %s: got %s %q: %v", method, path, got.Status, text, err)
	}
	return a
}

// wantProblem checks the standard members of a problem document, RFC 9457.
func wantProblem(t *testing.T, a answer, status int, code string) {
	t.Helper()
	if a.StatusCode != status || a.document["code"] != code {
		t.Fatalf("got %s %s, want %d %s", a.Status, a.text, status, code)
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s: got Content-Type %q, want application/problem+json", code, got)
	}
	if got, want := a.document["type"], "https://onsale.dev/problems/"+code; got != want {
		t.Errorf("got type %v, want %s", got, want)
	}
	for _, member := range []string{"title", "detail"} {
		if text, ok := a.document[member].(string); !ok || text == "" {
			t.Errorf("%s: got %s %v, want a text", code, member, a.document[member])
		}
	}
	if retry := a.Header.Get("Retry-After"); (retry != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("%s: got Retry-After %q, want one with every 503 and nothing else", code, retry)
	}
}
