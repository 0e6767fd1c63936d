package ledger

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"

	"onsale/internal/sale"
)

// latest is the last instant that PostgreSQL and everybody who reads from it can write as a
// date: the year 9999.
const latest sale.Instant = 253_402_300_799_999

// maxRestockKey bounds a restock's key in bytes: PostgreSQL indexes nothing above 2,704.
const maxRestockKey = 2_000

// validate takes out of an event whatever PostgreSQL would refuse to hold, and what the stream
// could not read in the first place, and quarantines it. Whatever is wrong with one order, it
// must not keep the others of its entry, or the entries behind it, from the record.
func validate(e sale.Event) (sale.Event, *Quarantined) {
	var faults, parts []string
	if e.Fault != "" {
		faults = append(faults, e.Fault)
	}
	check := func(err error, part any) (bad bool) {
		if err != nil {
			faults = append(faults, err.Error())
			// Go's own notation keeps every byte, which JSON would not.
			parts = append(parts, fmt.Sprintf("%#v", part))
		}
		return err != nil
	}
	if check(checkInstant(e.At), e.At) {
		e.At = 0
	}
	e.Orders = keep(e.Orders, func(o sale.Order) bool { return !check(checkOrder(o), o) })
	e.Payments = keep(e.Payments, func(p sale.Payment) bool { return !check(checkPayment(p), p) })
	if e.Opened != nil && check(checkSale(*e.Opened), *e.Opened) {
		e.Opened = nil
	}
	if e.Changed != nil && check(checkSale(*e.Changed), *e.Changed) {
		e.Changed = nil
	}
	if e.Restock != nil && check(checkRestock(*e.Restock), *e.Restock) {
		e.Restock = nil
	}
	if len(faults) == 0 {
		return e, nil
	}
	if e.Raw != "" {
		parts = slices.Insert(parts, 0, e.Raw)
	}
	return e, &Quarantined{Entry: e.ID, Content: strings.Join(parts, "\n"), Fault: strings.Join(faults, "; "), At: e.At}
}

// keep is the list itself where nothing has to go, which is always.
func keep[T any](list []T, good func(T) bool) []T {
	for i, v := range list {
		if good(v) {
			continue
		}
		kept := slices.Clone(list[:i])
		for _, w := range list[i+1:] {
			if good(w) {
				kept = append(kept, w)
			}
		}
		return kept
	}
	return list
}

// faulty is an error of its text where the fact does not hold.
func faulty(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

func checkInstant(at sale.Instant) error {
	return faulty(at >= 0 && at <= latest, "instant %d: want 0 to %d", at, latest)
}

// OrderUUID reads an order's id. Only the form that it is written back in will do.
func OrderUUID(id sale.OrderID) (uuid.UUID, error) {
	u, err := uuid.Parse(string(id))
	if err != nil || u.String() != string(id) {
		return u, fmt.Errorf("order %q: its id is no UUID in lower case", id)
	}
	return u, nil
}

func checkOrder(o sale.Order) error {
	_, err := OrderUUID(o.ID)
	state := o.State.Live() || o.State == sale.StateExpired || o.State == sale.StateCancelled || o.State == sale.StateRefunded
	if err == nil && state && len(o.Buyer) >= 1 && len(o.Buyer) <= sale.MaxBuyerLength &&
		o.Quantity >= 1 && o.Quantity <= math.MaxInt32 && checkInstant(o.Created) == nil && checkInstant(o.Expires) == nil {
		return nil // the usual case makes no errors
	}
	return errors.Join(err,
		faulty(state, "order %q: no state is called %q", o.ID, o.State),
		faulty(len(o.Buyer) >= 1 && len(o.Buyer) <= sale.MaxBuyerLength, "order %q: a buyer of %d bytes", o.ID, len(o.Buyer)),
		faulty(o.Quantity >= 1 && o.Quantity <= math.MaxInt32, "order %q: quantity %d", o.ID, o.Quantity),
		checkInstant(o.Created), checkInstant(o.Expires))
}

func checkPayment(p sale.Payment) error {
	_, err := sale.ParsePaymentID(string(p.ID))
	_, err2 := sale.ParseMessageID(string(p.Message))
	// The provider names the order: it need not be one of ours.
	_, err3 := sale.ParsePaymentID(string(p.Order))
	part := p.Reason == sale.ReasonPartial || p.Reason == sale.ReasonReturned || p.Reason == sale.ReasonDisputed
	known := part || p.Reason == sale.ReasonOrphan || p.Reason == sale.ReasonLate || p.Reason == sale.ReasonDoubled || p.Reason == sale.ReasonAmount || p.Reason == sale.ReasonRefunded
	var err4 error
	if p.Of != "" {
		_, err4 = sale.ParsePaymentID(string(p.Of))
	}
	return errors.Join(err, err2,
		faulty(err4 == nil, "payment %q: it is a part of the payment %q", p.ID, p.Of),
		faulty(part || p.Of == "", "payment %q: it is a part for reason %q", p.ID, p.Reason),
		faulty(err3 == nil, "payment %q: it names the order %q", p.ID, p.Order),
		faulty(slices.Contains(steps, p.State), "payment %q: no state is called %q", p.ID, p.State),
		faulty(known || p.Reason == sale.ReasonNone, "payment %q: no reason is called %q", p.ID, p.Reason),
		faulty((p.State == sale.PaymentApplied) == (p.Reason == sale.ReasonNone), "payment %q: %s for reason %q", p.ID, p.State, p.Reason),
		faulty(p.Amount >= 0, "payment %q: amount %d", p.ID, p.Amount),
		faulty(isCurrency(p.Currency), "payment %q: currency %q", p.ID, p.Currency),
		checkInstant(p.At))
}

// checkSale asks no more than PostgreSQL does. [sale.Sale.Validate] may grow stricter with a
// version, and a sale that was opened under an older one must still be recorded.
func checkSale(s sale.Sale) error {
	return errors.Join(
		faulty(s.Kind == sale.Ticket || s.Kind == sale.Voucher || s.Kind == sale.Product, "sale: no kind is called %q", s.Kind),
		faulty(isCurrency(s.Currency), "sale: currency %q", s.Currency),
		faulty(s.Price >= 0 && s.FaceValue >= 0 && s.Total >= 0, "sale: price %d, face value %d, total %d", s.Price, s.FaceValue, s.Total),
		faulty(s.Limit >= 1 && s.Limit <= math.MaxInt32, "sale: limit %d", s.Limit),
		faulty(s.HoldFor.Milliseconds() > 0, "sale: hold time of %.10g seconds", s.HoldFor.Seconds()),
		checkInstant(s.Opens), checkInstant(s.Closes))
}

func checkRestock(r sale.Restock) error {
	return errors.Join(faulty(r.Key != "" && len(r.Key) <= maxRestockKey, "restock: a key of %d bytes", len(r.Key)),
		faulty(r.Delta != 0, "restock %q: delta 0", r.Key))
}

func isCurrency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
