package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/sale"
)

// History is what the ledger has of how a sale went, at one instant. Times are Redis's.
type History struct {
	Sale      sale.Sale    // as it is now, with today's total
	Restocked bool         // the total was changed; when is not recorded
	Read      sale.Instant // when this was read, by PostgreSQL's clock
	First     sale.Instant // when the first order was taken; 0: none was
	Last      sale.Instant // when an order was taken or ended last
	States    map[sale.State]Tally
	Payments  []PaymentTally // by state and reason
	PaidAfter PaymentTimes
	Flow      []Moment // from First to Last, in steps of Step
	Step      time.Duration
	// SoldOut is when all tickets were first held or paid, and SoldOutAtLast when they came to be so for good; 0: never.
	SoldOut, SoldOutAtLast sale.Instant
	Unreadable             int // entries of the stream that were quarantined
	Changes                int // of the sale's terms
	Reconciliations        []Reconciliation
}

// Tally counts orders and their tickets.
type Tally struct{ Orders, Tickets int64 }

// PaymentTally counts payments of one state and reason, or parts of payments, and adds them up in the currency's minor unit.
type PaymentTally struct {
	State    sale.PaymentState
	Reason   sale.Reason
	Currency string
	Count    int64
	Amount   int64
}

// PaymentTimes are quantiles of the time from a hold to its payment.
type PaymentTimes struct {
	Count              int64
	P50, P90, P99, Max time.Duration
}

// Moment is one step of a sale: what happened within it, and what was held or paid at its end.
type Moment struct {
	At                                 sale.Instant // its begin
	Taken, Expired, Cancelled, Refunds int64        // orders
	Live                               int64        // tickets
}

// Reconciliation is one that is recorded: when, and the plan in words.
type Reconciliation struct {
	At   time.Time
	Plan string
}

// moments is how many steps a history has at most.
const moments = 400

// History reads how a sale went. Orders are counted as they come, so any number needs the memory of one. The errors are
// [sale.ErrNoSale] and [ledger.ErrAway].
func (s *Store) History(ctx context.Context, id sale.ID) (History, error) {
	h := History{States: map[sale.State]Tally{}}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		b := sale.Book{Records: sale.NewRecords()}
		for _, read := range []func(context.Context, pgx.Tx, sale.ID, *sale.Book) error{readSale, readRestocks} {
			if err := read(ctx, tx, id, &b); err != nil {
				return err
			}
		}
		h.Sale, h.Restocked = b.Sale, len(b.Restocks) > 0
		for _, delta := range b.Restocks {
			h.Sale.Total += delta
		}
		for _, read := range []func(context.Context, pgx.Tx, sale.ID) error{h.readStates, h.readPayments, h.readFlow, h.readFaults} {
			if err := read(ctx, tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return History{}, fmt.Errorf("history of sale %s: %w", id, classify(err))
	}
	return h, nil
}

func (h *History) readStates(ctx context.Context, tx pgx.Tx, id sale.ID) error {
	rows, err := tx.Query(ctx, `SELECT state, count(*), sum(quantity) FROM orders WHERE sale = $1 GROUP BY state`, id)
	if err != nil {
		return err
	}
	var state sale.State
	var t Tally
	_, err = pgx.ForEachRow(rows, []any{&state, &t.Orders, &t.Tickets}, func() error { h.States[state] = t; return nil })
	return err
}

func (h *History) readPayments(ctx context.Context, tx pgx.Tx, id sale.ID) error {
	rows, err := tx.Query(ctx, `SELECT state, reason, currency, count(*), sum(amount)::bigint FROM payments WHERE sale = $1 GROUP BY state, reason, currency ORDER BY state, reason, currency`, id)
	if err != nil {
		return err
	}
	var p PaymentTally
	if _, err = pgx.ForEachRow(rows, []any{&p.State, &p.Reason, &p.Currency, &p.Count, &p.Amount}, func() error {
		h.Payments = append(h.Payments, p)
		return nil
	}); err != nil {
		return err
	}
	var seconds []float64
	var most *float64
	err = tx.QueryRow(ctx, `
SELECT count(*), percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY took), max(took) FROM (
	SELECT extract(epoch FROM p.heard_at - o.created_at)::float8 AS took FROM payments p JOIN orders o ON o.id::text = p.order_id
	WHERE p.sale = $1 AND o.sale = $1 AND p.part_of = '' AND p.reason IN ('', 'refunded')) paid`, id).Scan(&h.PaidAfter.Count, &seconds, &most)
	if err != nil || most == nil || len(seconds) != 3 {
		return err
	}
	duration := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	h.PaidAfter.P50, h.PaidAfter.P90, h.PaidAfter.P99, h.PaidAfter.Max = duration(seconds[0]), duration(seconds[1]), duration(seconds[2]), duration(*most)
	return nil
}

// flowSQL brings what happened to orders by its time. Within a millisecond what gives tickets back comes first, as it did:
// otherwise more tickets would seem to be out than there are.
const flowSQL = `
SELECT at, kind, tickets FROM (
	SELECT created_at AS at, 'taken' AS kind, quantity AS tickets FROM orders WHERE sale = $1
	UNION ALL
	SELECT changed_at, state, -quantity FROM orders WHERE sale = $1 AND state IN ('expired', 'cancelled', 'refunded')
) happened ORDER BY at, tickets`

func (h *History) readFlow(ctx context.Context, tx pgx.Tx, id sale.ID) error {
	var now time.Time
	var first, last *time.Time
	if err := tx.QueryRow(ctx, `
SELECT now(), min(created_at), max(CASE WHEN state IN ('expired', 'cancelled', 'refunded') THEN changed_at ELSE created_at END)
FROM orders WHERE sale = $1`, id).Scan(&now, &first, &last); err != nil {
		return err
	}
	if h.Read = instant(now); first == nil || last == nil {
		return nil
	}
	h.First, h.Last = instant(*first), instant(*last)
	h.begin()
	rows, err := tx.Query(ctx, flowSQL, id)
	if err != nil {
		return err
	}
	var at time.Time
	var kind string
	var tickets, live int64
	_, err = pgx.ForEachRow(rows, []any{&at, &kind, &tickets}, func() error {
		live += tickets
		h.happened(instant(at), kind, live)
		return nil
	})
	for i := range h.Flow { // nothing happened within these
		if i > 0 && h.Flow[i].Live < 0 {
			h.Flow[i].Live = h.Flow[i-1].Live
		}
	}
	return err
}

// begin makes the steps: whole seconds, or the least number of them that so many steps cover.
func (h *History) begin() {
	seconds := max(1, int64((h.Last-h.First)/1000)/moments+1)
	h.Step = time.Duration(seconds) * time.Second
	h.Flow = make([]Moment, int64(h.Last-h.First)/h.Step.Milliseconds()+1)
	for i := range h.Flow {
		h.Flow[i] = Moment{At: h.First.Add(time.Duration(i) * h.Step), Live: -1}
	}
}

// happened takes in an order that was taken or has ended; live tickets are held or paid since.
func (h *History) happened(at sale.Instant, kind string, live int64) {
	m := &h.Flow[int64(at-h.First)/h.Step.Milliseconds()]
	m.Live = live
	switch sale.State(kind) {
	case sale.StateExpired:
		m.Expired++
	case sale.StateCancelled:
		m.Cancelled++
	case sale.StateRefunded:
		m.Refunds++
	default:
		m.Taken++
	}
	switch {
	case live < h.Sale.Total:
		h.SoldOutAtLast = 0
	case h.SoldOutAtLast == 0:
		h.SoldOutAtLast = at
		if h.SoldOut == 0 {
			h.SoldOut = at
		}
	}
}

func (h *History) readFaults(ctx context.Context, tx pgx.Tx, id sale.ID) error {
	err := tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM unreadable WHERE sale = $1), (SELECT count(*) FROM changes WHERE sale = $1)`, id).Scan(&h.Unreadable, &h.Changes)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT at, plan FROM reconciliations WHERE sale = $1 ORDER BY at`, id)
	if err != nil {
		return err
	}
	h.Reconciliations, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Reconciliation])
	return err
}
