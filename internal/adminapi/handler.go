// Package adminapi is the operators' HTTP API, behind a bearer token: create,
// list, show, change, close, reopen and restock sales, see and refund orders, settle
// refunds that are due, also of payments for sales that nobody knows, see the nodes, allocators, ledgers and Nginxes, drain and weigh nodes. The allocator serves it on its admin port.
package adminapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"onsale/internal/draw"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// Stock is what the API does to Redis.
type Stock interface {
	Open(ctx context.Context, d sale.Sale) (created bool, err error)
	Restock(ctx context.Context, id sale.ID, delta int64, key string) (total int64, err error)
	SetClosed(ctx context.Context, id sale.ID, closed bool) error
	// Change has change alter the definition; it may be called again, and its error is returned.
	Change(ctx context.Context, id sale.ID, change func(*sale.Sale) error) error
	Sales(ctx context.Context) ([]sale.ID, error)
	Survey(ctx context.Context, id sale.ID) (sale.Survey, error)
	draw.Store
	// OrderPayments, Payments and Orphans read a page: what comes after a place, "" or what
	// the page before named, and at most so many.
	OrderPayments(ctx context.Context, id sale.ID, order sale.OrderID, after string, limit int) (sale.Order, sale.PaymentPage, error)
	Refund(ctx context.Context, id sale.ID, order sale.OrderID) (sale.Refund, error)
	RefundPart(ctx context.Context, id sale.ID, order sale.OrderID, part sale.PaymentID, amount int64) (sale.Refund, error)
	Payments(ctx context.Context, id sale.ID, state sale.PaymentState, after string, limit int) (sale.PaymentPage, error)
	Settle(ctx context.Context, id sale.ID, payment sale.PaymentID) (sale.Payment, error)
	Orphans(ctx context.Context, state sale.PaymentState, after string, limit int) (sale.OrphanPage, error)
	SettleOrphan(ctx context.Context, payment sale.PaymentID) (sale.Orphan, error)
	// NodeSettings is what is set for nodes, by name; DrainNode and WeighNode set it. Weight 0 is the node's own.
	NodeSettings(ctx context.Context) (map[string]sale.NodeSetting, error)
	DrainNode(ctx context.Context, name string, drained bool) error
	WeighNode(ctx context.Context, name string, weight int) error
}

// maxBody bounds a request: a definition has some hundred bytes.
const maxBody = 64 << 10

// Handler serves the API below /admin/v1/.
type Handler struct {
	stock  Stock
	view   func() sale.View
	parts  func(context.Context) (Parts, error)
	tokens [][sha256.Size]byte
	log    *zap.Logger
	wait   time.Duration // see recordWait
	heed   time.Duration // see nodeWait
	rest   rest          // of pages
	fails  *failures
}

// New makes a handler. parts lists the allocators and ledgers that run; tokens are the operators', each of at least 16 bytes.
func New(stock Stock, view func() sale.View, parts func(context.Context) (Parts, error), tokens Tokens, log *zap.Logger) (*Handler, error) {
	if err := tokens.check(); err != nil {
		return nil, err
	}
	return &Handler{stock: stock, view: view, parts: parts, tokens: tokens.sums(), log: log, wait: recordWait, heed: nodeWait, rest: newRest(), fails: newFailures(log)}, nil
}

// calls are the routes, as patterns of [http.ServeMux], and what serves them.
func (h *Handler) calls() map[string]call {
	return map[string]call{
		"POST /admin/v1/sales":                            h.create,
		"GET /admin/v1/sales":                             h.list,
		"GET /admin/v1/sales/{id}":                        h.show,
		"PATCH /admin/v1/sales/{id}":                      h.change,
		"POST /admin/v1/sales/{id}/close":                 h.setClosed(true),
		"POST /admin/v1/sales/{id}/reopen":                h.setClosed(false),
		"POST /admin/v1/sales/{id}/restock":               h.restock,
		"GET /admin/v1/sales/{id}/orders/{order}":         h.order,
		"POST /admin/v1/sales/{id}/orders/{order}/refund": h.refund,
		"GET /admin/v1/sales/{id}/line":                   h.line,
		"POST /admin/v1/sales/{id}/line/beacon":           h.beacon,
		"GET /admin/v1/sales/{id}/refunds":                h.refunds,
		"POST /admin/v1/sales/{id}/refunds/{payment}":     h.settle,
		"GET /admin/v1/orphans":                           h.orphans,
		"POST /admin/v1/orphans/{payment}":                h.settleOrphan,
		"GET /admin/v1/nodes":                             h.nodes,
		"POST /admin/v1/nodes/{node}/drain":               h.drain,
		"POST /admin/v1/nodes/{node}/undrain":             h.undrain,
		"POST /admin/v1/nodes/{node}/weight":              h.weigh,
	}
}

// Routes returns the patterns of all calls, sorted: those of allocators, what nodes serve, and what all programs do.
func Routes() []string {
	routes := append(slices.Collect(maps.Keys(new(Handler).calls())), slices.Concat(logRoutes, limitRoutes)...)
	return slices.Sorted(slices.Values(append(routes, "GET "+holdsPath)))
}

// Register adds the routes of allocators to a mux.
func (h *Handler) Register(mux *http.ServeMux) {
	methods := map[string][]string{}
	for pattern, serve := range h.calls() {
		method, path, _ := strings.Cut(pattern, " ")
		methods[path] = append(methods[path], method)
		mux.Handle(pattern, h.guard(serve))
	}
	// What is left would otherwise get the mux's own plain text.
	for path, allowed := range methods {
		slices.Sort(allowed)
		mux.Handle(path, h.guard(notAllowed(allowed)))
	}
	mux.Handle("/admin/v1/", h.guard(notFound))
}

// call serves one route, or returns what is wrong for guard to report.
type call func(http.ResponseWriter, *http.Request) error

// guard checks the token and turns errors into problem documents.
func (h *Handler) guard(serve call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.authorized(r) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="onsale-admin"`)
			h.problem(w, problem.Unauthorized, errors.New("send Authorization: Bearer with the admin token"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := serve(w, r); err != nil {
			p := classify(err)
			h.fails.note(p, err, zap.String("call", r.Method+" "+r.URL.Path))
			h.problem(w, p, err)
			return
		}
		h.fails.succeeded()
	})
}
