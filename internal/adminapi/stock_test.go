package adminapi_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// noon is the Redis time at which sales open.
var noon = sale.Instant(time.Date(2042, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli())

// stock is Redis: the model of each sale, and payments for sales that nobody knows. Its zero
// value has none.
type stock struct {
	sales   map[sale.ID]*model.Sale
	orphans []sale.Orphan
	// before, if set, runs ahead of each call that is made of a sale; nil is one that is not
	// there. Its error is the call's.
	before     func(call string, m *model.Sale) error
	unrecorded bool // no ledger records what is opened

	mu   sync.Mutex // of set: gossip is asked meanwhile
	set  map[string]sale.NodeSetting
	deaf bool // nodes heed nothing

	line *sale.Line // of every sale; nil: they have none

	calls []string      // that may have changed something
	wait  time.Duration // for the ledger; 0: as long as operators do

	others *adminapi.Parts // nil: Redis is away
}

func (s *stock) parts(context.Context) (adminapi.Parts, error) {
	if s.others == nil {
		return adminapi.Parts{}, sale.ErrUnavailable
	}
	return *s.others, nil
}

// with is a stock of sales.
func with(sales ...*model.Sale) *stock {
	s := &stock{sales: map[sale.ID]*model.Sale{}}
	for _, m := range sales {
		s.sales[m.Definition().ID] = m
	}
	return s
}

// failing has each call fail that begins with this.
func (s *stock) failing(begins string, err error) *stock {
	s.before = func(call string, _ *model.Sale) error {
		if strings.HasPrefix(call, begins) {
			return err
		}
		return nil
	}
	return s
}

// sale is the model of a sale, for one call of it.
func (s *stock) sale(id sale.ID, format string, args ...any) (*model.Sale, error) {
	m := s.sales[id]
	if s.before != nil {
		if err := s.before(fmt.Sprintf(format, args...), m); err != nil {
			return nil, err
		}
	}
	if m == nil {
		return nil, sale.NoSale(fmt.Sprintf(format, args...))
	}
	return m, nil
}

// changed is sale for a call that may change something.
func (s *stock) changed(id sale.ID, format string, args ...any) (*model.Sale, error) {
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
	return s.sale(id, format, args...)
}

func (s *stock) Open(_ context.Context, d sale.Sale) (created bool, err error) {
	call, m := "open "+string(d.ID), s.sales[d.ID]
	s.calls = append(s.calls, call)
	if s.before != nil {
		if err := s.before(call, m); err != nil {
			return false, err
		}
	}
	switch {
	case m == nil:
		m = model.New(d, "life", true)
		if s.sales == nil {
			s.sales = map[sale.ID]*model.Sale{}
		}
		s.sales[d.ID] = m
		if m.Now = noon; s.unrecorded {
			return true, nil
		}
		return true, m.Forget(m.Chain())
	case m.Lost() != "":
		return false, sale.Lost("open", errLost)
	}
	was := m.Definition() // as it was opened, whatever became of its total, and closed or not
	if was.Total, was.Closed = m.Records().Opened, d.Closed; was != d {
		return false, sale.Conflict("sale %s exists with another definition", d.ID)
	}
	return false, nil
}

func (s *stock) Restock(_ context.Context, id sale.ID, delta int64, key string) (int64, error) {
	m, err := s.changed(id, "restock %s", id)
	if err != nil {
		return 0, err
	}
	return m.Restock(delta, key)
}

func (s *stock) Draw(_ context.Context, id sale.ID, step sale.DrawStep, value string) (sale.Line, error) {
	if _, err := s.changed(id, "draw %s %s %s", id, step, value); err != nil {
		return sale.Line{}, err
	}
	if s.line.List != "" { // as lua/draw.lua, where the list comes first
		s.line.BeaconValue = value
	}
	return *s.line, nil
}

func (s *stock) DrawnPlaces(context.Context, sale.ID, func(sale.Buyer)) error { return nil }

func (s *stock) KeepEntries(context.Context, sale.ID, string, int, []byte) error { return nil }

// Entries are one, all zeros.
func (s *stock) Entries(_ context.Context, _ sale.ID, _ int, each func([]byte)) error {
	each(make([]byte, 32))
	return nil
}

func (s *stock) SetClosed(_ context.Context, id sale.ID, closed bool) error {
	m, err := s.changed(id, "%s %s", map[bool]string{true: "close", false: "reopen"}[closed], id)
	if err != nil {
		return err
	}
	return m.SetClosed(closed)
}

func (s *stock) Change(_ context.Context, id sale.ID, change func(*sale.Sale) error) error {
	m, err := s.changed(id, "change %s", id)
	if err != nil {
		return err
	}
	d := m.Definition()
	d.Total = m.Records().Opened
	if err := change(&d); err != nil {
		return err
	}
	return m.Change(d)
}

func (s *stock) Sales(context.Context) (ids []sale.ID, err error) {
	if s.before != nil {
		err = s.before("sales", nil)
	}
	for id := range s.sales {
		ids = append(ids, id)
	}
	return ids, err
}

// Survey shows a plan of two nodes, which the model does not have.
func (s *stock) Survey(_ context.Context, id sale.ID) (sale.Survey, error) {
	m, err := s.sale(id, "survey %s", id)
	if err != nil {
		return sale.Survey{}, err
	}
	v := sale.Survey{
		Sale: m.Definition(), Reading: m.Reading(), Counters: m.Counters(), Recorded: m.Read() > 0, Lost: m.Lost(),
		Shares: []sale.Share{{Node: "n2", Slice: 30, Buffer: 15, Claimed: 1}, {Node: "n1", Slice: 30, Buffer: 15, Claimed: 2}},
	}
	v.Reading.Plan, v.Reading.Line = 7, s.line
	return v, nil
}

func (s *stock) OrderPayments(_ context.Context, id sale.ID, o sale.OrderID, after string, limit int) (sale.Order, sale.PaymentPage, error) {
	m, err := s.sale(id, "order %s %s", id, o)
	if err != nil {
		return sale.Order{}, sale.PaymentPage{}, err
	}
	order, err := m.Order(o)
	page := sale.PaymentPage{Refunded: m.Records().Refunded()}
	page.Payments, page.Next = pageOf(m.PaymentsFor(o), after, limit)
	return order, page, err
}

func (s *stock) Refund(_ context.Context, id sale.ID, o sale.OrderID) (sale.Refund, error) {
	m, err := s.changed(id, "refund %s %s", id, o)
	if err != nil {
		return sale.Refund{}, err
	}
	return m.Refund(o)
}

func (s *stock) RefundPart(_ context.Context, id sale.ID, o sale.OrderID, part sale.PaymentID, amount int64) (sale.Refund, error) {
	m, err := s.changed(id, "refund %s %s %s %d", id, o, part, amount)
	if err != nil {
		return sale.Refund{}, err
	}
	return m.RefundPart(o, part, amount)
}

func (s *stock) Payments(_ context.Context, id sale.ID, state sale.PaymentState, after string, limit int) (page sale.PaymentPage, err error) {
	m, err := s.sale(id, "payments %s", id)
	if err != nil {
		return page, err
	}
	page.Payments, page.Next = pageOf(m.Payments(state), after, limit)
	return page, nil
}

func (s *stock) Settle(_ context.Context, id sale.ID, p sale.PaymentID) (sale.Payment, error) {
	m, err := s.changed(id, "settle %s %s", id, p)
	if err != nil {
		return sale.Payment{}, err
	}
	return m.Settle(p)
}

func (s *stock) Orphans(_ context.Context, state sale.PaymentState, after string, limit int) (page sale.OrphanPage, err error) {
	if s.before != nil {
		err = s.before("orphans", nil)
	}
	all := slices.DeleteFunc(slices.Clone(s.orphans), func(o sale.Orphan) bool { return o.State != state })
	page.Orphans, page.Next = pageOf(all, after, limit)
	return page, err
}

func (s *stock) SettleOrphan(_ context.Context, p sale.PaymentID) (sale.Orphan, error) {
	s.calls = append(s.calls, "settle orphan "+string(p))
	i := slices.IndexFunc(s.orphans, func(o sale.Orphan) bool { return o.ID == p })
	if i < 0 {
		return sale.Orphan{}, sale.ErrNoPayment
	}
	s.orphans[i].State = sale.PaymentSettled
	return s.orphans[i], nil
}

// pageOf is a part of a list. A place in it is how many came before.
func pageOf[T any](all []T, after string, limit int) (page []T, next string) {
	from, _ := strconv.Atoi(after)
	if from+limit < len(all) {
		next = strconv.Itoa(from + limit)
	}
	return all[min(from, len(all)):min(from+limit, len(all))], next
}
