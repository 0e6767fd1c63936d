package audit

import (
	"onsale/internal/sale"
)

// Ledger compares the ledger with Redis. The book must have been read after the
// snapshot. No fault means that every order and payment of either is in both,
// in the same state, or waits in the stream, but for those that the ledger saw
// change since the snapshot: they are for the next audit. The book has no such
// times of restocks and closings, so one of these between snapshot and book
// shows as a fault, and no longer shows in the next audit.
func Ledger(s sale.Snapshot, b sale.Book) []string {
	var f faults
	expected := Expected(s, b)
	if b.Unreadable > 0 {
		f.add("ledger: %d stream entries could not be read and were quarantined, see its table unreadable", b.Unreadable)
	}
	f.definition(s, expected)
	f.joined(s, expected, b.Mark)
	for id, o := range s.Orders {
		if since(s, b.Changed[id]) {
			continue
		}
		switch kept, known := expected.Orders[id]; {
		case !known:
			f.add("order %s is %s in Redis, not in the ledger, and not in flight", id, o.State)
		case kept != o:
			f.add("order %s is %s in Redis and %s in the ledger with what is in flight", id, o.State, kept.State)
		}
	}
	for id, o := range expected.Orders {
		// Redis keeps a buyer's last ended orders only.
		if _, known := s.Orders[id]; !known && o.State.Live() && !since(s, b.Changed[id]) {
			f.add("order %s is %s in the ledger alone", id, o.State)
		}
	}
	for id, p := range s.Payments {
		if since(s, b.PaymentsChanged[id]) {
			continue
		}
		switch kept, known := expected.Payments[id]; {
		case !known:
			f.add("payment %s is %s in Redis, not in the ledger, and not in flight", id, p.State)
		case kept != p:
			f.add("payment %s is %s in Redis and %s in the ledger with what is in flight", id, p.State, kept.State)
		}
	}
	for id, p := range expected.Payments {
		if _, known := s.Payments[id]; !known && !since(s, b.PaymentsChanged[id]) {
			f.add("payment %s is %s in the ledger alone", id, p.State)
		}
	}
	return f.sorted()
}

// since reports whether what changed at an instant may be younger than the
// snapshot. A change in the same millisecond may be: Redis goes on within it.
func since(s sale.Snapshot, changed sale.Instant) bool { return changed >= s.At }

// Expected is what the ledger will hold once it has committed what the stream
// held at the snapshot.
func Expected(s sale.Snapshot, b sale.Book) sale.Records {
	r := b.Records.Clone()
	for _, e := range s.Stream {
		r.Apply(e)
	}
	return r
}

// definition compares what was opened, and every change of the total.
func (f *faults) definition(s sale.Snapshot, ledger sale.Records) {
	if s.Sale != ledger.Sale || s.Opened != ledger.Opened {
		f.add("the sale is %+v in Redis, and %+v in the ledger", s.Sale, ledger.Sale)
	}
	for key, delta := range s.Restocks {
		if kept, known := ledger.Restocks[key]; !known || kept != delta {
			f.add("restock %q by %d is %d in the ledger", key, delta, kept)
		}
	}
	for key, delta := range ledger.Restocks {
		if _, known := s.Restocks[key]; !known {
			f.add("restock %q by %d is in the ledger alone", key, delta)
		}
	}
}
