package audit_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"onsale/internal/audit"
	"onsale/internal/sale"
)

// audited is what the audit reads of a sale: a snapshot, and a book that stands where the
// snapshot does or before it.
type audited struct {
	t *rapid.T
	sale.Snapshot
	book     sale.Book
	inFlight sale.Records // what the stream comes to: the book need not have it
}

// audited draws where the ledger stands, and how much of that is still in the stream.
func (h history) audited(t *rapid.T) *audited {
	stands := rapid.IntRange(0, len(h)).Draw(t, "committed")
	a := &audited{t: t, Snapshot: h.snapshot(rapid.IntRange(0, stands).Draw(t, "forgotten")), book: bookOf(h.events()[:stands])}
	a.inFlight = folded(a.Stream)
	return a
}

// deviations by what they are called. Each makes one record deviate, and returns false if the sale has nothing that can.
type deviations map[string]func(a *audited) bool

// inRedis are deviations of Redis from itself.
var inRedis = deviations{
	"remaining is counted wrong":   func(a *audited) bool { a.Counters.Remaining += a.one(); return true },
	"held is counted wrong":        func(a *audited) bool { a.Counters.Held += a.one(); return true },
	"paid is counted wrong":        func(a *audited) bool { a.Counters.Paid += a.one(); return true },
	"the total is counted wrong":   func(a *audited) bool { a.Counters.Total += a.one(); return true },
	"a ticket too many is on sale": func(a *audited) bool { a.Counters.Total++; a.Counters.Remaining++; return true },
	"a hold is counted as paid":    func(a *audited) bool { a.Counters.Held--; a.Counters.Paid++; return a.Counters.Held >= 0 },
	"more is sold than there is": func(a *audited) bool {
		less := a.Counters.Remaining + 1
		a.Opened, a.Counters.Total, a.Counters.Remaining = a.Opened-less, a.Counters.Total-less, -1
		return true
	},
	"a buyer has no entry":                 func(a *audited) bool { return loseOne(a.t, a.Buyers, a.Buyers) },
	"a buyer's entry names no order":       func(a *audited) bool { a.Buyers["zoe"] = "invented"; return true },
	"a buyer's entry names another order":  func(a *audited) bool { return changeOne(a.t, a.Buyers, a.Buyers, another) },
	"a buyer has two live orders":          func(a *audited) bool { return one(a.t, a.Buyers, func(b sale.Buyer) { put(&a.Snapshot, invented(b)) }) },
	"a live order is not kept as such":     func(a *audited) bool { return loseOne(a.t, a.Live, a.Live) },
	"a live order is kept as another's":    func(a *audited) bool { return changeOne(a.t, a.Live, a.Live, another) },
	"an ended order is kept as live":       func(a *audited) bool { return one(a.t, a.ended(), func(id sale.OrderID) { a.Live[id] = "zoe" }) },
	"a hold has no deadline":               func(a *audited) bool { return loseOne(a.t, a.in(sale.StateHeld), a.Deadlines) },
	"a payment is in no list":              func(a *audited) bool { return loseOne(a.t, a.Payments, a.Listed) },
	"a payment is in another list":         func(a *audited) bool { return changeOne(a.t, a.Listed, a.Listed, another) },
	"a payment is listed that is not":      func(a *audited) bool { a.Listed["invented"] = sale.PaymentDue; return true },
	"parts of a payment are counted wrong": func(a *audited) bool { return changeOne(a.t, a.Parts, a.Parts, a.miscount) },
	"parts of a payment are not counted":   func(a *audited) bool { return loseOne(a.t, a.Parts, a.Parts) },
	"parts are counted of no payment":      func(a *audited) bool { a.Parts["invented"] = 1; return true },

	// The payments.
	"an applied payment is for no order": func(a *audited) bool {
		record(&a.Snapshot, paid("invented", "nobody's", 1, sale.PaymentApplied, ""))
		return true
	},
	"a hold has been paid": func(a *audited) bool {
		return one(a.t, a.in(sale.StateHeld), func(id sale.OrderID) {
			record(&a.Snapshot, paid("invented", id, a.Orders[id].Quantity, sale.PaymentApplied, ""))
		})
	},
	"an order has been paid twice": func(a *audited) bool {
		return one(a.t, a.applied(), func(id sale.PaymentID) {
			p := a.Payments[id]
			p.ID = "invented"
			record(&a.Snapshot, p)
		})
	},
	"a paid order has no payment": func(a *audited) bool {
		return one(a.t, a.applied(), func(id sale.PaymentID) { lose(&a.Snapshot, id) })
	},
	"a paid order has another price": func(a *audited) bool {
		return changeOne(a.t, a.applied(), a.Payments, anotherSum)
	},
	"a free order has been paid": func(a *audited) bool {
		return one(a.t, a.free(), func(id sale.OrderID) {
			record(&a.Snapshot, paid("invented", id, 0, sale.PaymentApplied, ""))
		})
	},
	"a part is applied": func(a *audited) bool {
		return one(a.t, a.parts(), func(id sale.PaymentID) {
			edit(a.Payments, id, func(p *sale.Payment) { p.State = sale.PaymentApplied })
			a.Listed[id] = sale.PaymentApplied
		})
	},
	"a payment is due that goes back in parts": func(a *audited) bool {
		due := only(a.Payments, func(_ sale.PaymentID, p sale.Payment) bool { return p.State == sale.PaymentDue && p.Of == "" })
		return one(a.t, due, func(id sale.PaymentID) {
			p := inventedPayment()
			p.Of, p.Amount, p.Reason = id, a.Payments[id].Amount+1, sale.ReasonPartial
			record(&a.Snapshot, p)
			a.Parts = a.Refunded()
		})
	},

	// The stream.
	"an entry of the stream can't be read": func(a *audited) bool {
		if len(a.Stream) == 0 {
			return false
		}
		a.Stream[0].Fault = "unknown"
		return true
	},
	"an order comes back in the stream": func(a *audited) bool {
		i := slices.IndexFunc(a.Stream, func(e sale.Event) bool {
			return slices.ContainsFunc(e.Orders, func(o sale.Order) bool { return o.State != sale.StatePaid })
		})
		if i >= 0 {
			a.Stream = slices.Insert(a.Stream, i, a.Stream[i])
		}
		return i >= 0
	},
	"the stream has a hold that Redis has not": func(a *audited) bool {
		a.Stream = append(a.Stream, orders(invented("zoe")))
		return true
	},
	"the stream has a payment that Redis has not": func(a *audited) bool {
		a.Stream = append(a.Stream, payments(inventedPayment()))
		return true
	},
}

// fromLedger are deviations of Redis and the ledger from each other.
var fromLedger = deviations{
	"Redis has lost a live order": func(a *audited) bool {
		return one(a.t, a.Live, func(id sale.OrderID) {
			delete(a.Buyers, a.Live[id])
			delete(a.Live, id)
			delete(a.Orders, id)
			a.Counters = a.Records.Counters()
		})
	},
	"Redis has an order that nobody was granted": func(a *audited) bool {
		a.Buyers["zoe"] = "invented"
		put(&a.Snapshot, invented("zoe"))
		return true
	},
	"Redis has an order in another state": func(a *audited) bool {
		found := changeOne(a.t, a.Orders, a.Orders, anotherState)
		a.Counters = a.Records.Counters()
		return found
	},
	"Redis has an order of another size": func(a *audited) bool {
		found := changeOne(a.t, a.Orders, a.Orders, func(o *sale.Order) { o.Quantity++ })
		a.Counters = a.Records.Counters()
		return found
	},
	"Redis has an order of another time": func(a *audited) bool {
		return changeOne(a.t, a.Orders, a.Orders, func(o *sale.Order) { o.Created-- })
	},
	"Redis has lost a payment": func(a *audited) bool {
		return one(a.t, a.Payments, func(id sale.PaymentID) { lose(&a.Snapshot, id) })
	},
	"Redis has a payment that nobody made": func(a *audited) bool { record(&a.Snapshot, inventedPayment()); return true },
	"Redis has a payment of another message": func(a *audited) bool {
		return changeOne(a.t, a.Payments, a.Payments, func(p *sale.Payment) { another(&p.Message) })
	},
	"Redis has other terms":     func(a *audited) bool { another(&a.Sale.Title); return true },
	"Redis has lost a restock":  func(a *audited) bool { return loseOne(a.t, a.Restocks, a.Restocks) },
	"Redis has a restock more":  func(a *audited) bool { a.Restocks["invented"] = 0; return true },
	"Redis has another restock": func(a *audited) bool { return changeOne(a.t, a.Restocks, a.Restocks, a.miscount) },

	"the ledger could not read an entry": func(a *audited) bool { a.book.Unreadable++; return true },
	"the ledger has lost an order": func(a *audited) bool {
		return loseOne(a.t, without(a.book.Orders, a.inFlight.Orders), a.book.Orders)
	},
	"the ledger has an order in another state": func(a *audited) bool {
		return changeOne(a.t, without(a.book.Orders, a.inFlight.Orders), a.book.Orders, anotherState)
	},
	"the ledger has an order of another buyer": func(a *audited) bool {
		return changeOne(a.t, without(a.book.Orders, a.inFlight.Orders), a.book.Orders, func(o *sale.Order) { another(&o.Buyer) })
	},
	"the ledger has an order that nobody was granted": func(a *audited) bool {
		a.book.Orders["invented"] = invented("zoe")
		return true
	},
	"the ledger has lost a payment": func(a *audited) bool {
		return loseOne(a.t, without(a.book.Payments, a.inFlight.Payments), a.book.Payments)
	},
	"the ledger has a payment of another sum": func(a *audited) bool {
		return changeOne(a.t, without(a.book.Payments, a.inFlight.Payments), a.book.Payments, anotherSum)
	},
	"the ledger has a payment that nobody made": func(a *audited) bool {
		a.book.Payments["invented"] = inventedPayment()
		return true
	},
	"the ledger has other terms": func(a *audited) bool {
		another(&a.book.Sale.Title)
		return !slices.ContainsFunc(a.Stream, func(e sale.Event) bool { return e.Opened != nil || e.Changed != nil })
	},
	"the ledger has another opening": func(a *audited) bool {
		a.book.Opened++
		return !slices.ContainsFunc(a.Stream, func(e sale.Event) bool { return e.Opened != nil })
	},
	"the ledger has lost a restock": func(a *audited) bool {
		return loseOne(a.t, without(a.book.Restocks, a.inFlight.Restocks), a.book.Restocks)
	},
	"the ledger has another restock": func(a *audited) bool {
		return changeOne(a.t, without(a.book.Restocks, a.inFlight.Restocks), a.book.Restocks, a.miscount)
	},
	"the ledger has a restock more": func(a *audited) bool { a.book.Restocks["invented"] = 0; return true },
}

// A sale of which one record deviates is never audited clean, whatever happened to it before.
func TestADeviationOfARandomSaleIsAFault(t *testing.T) {
	t.Run("in Redis", func(t *testing.T) {
		inRedis.areFaults(t, func(a *audited) []string { return audit.Stock(a.Snapshot) })
	})
	t.Run("from the ledger", func(t *testing.T) {
		fromLedger.areFaults(t, func(a *audited) []string { return audit.Ledger(a.Snapshot, a.book) })
	})
}

func (d deviations) areFaults(t *testing.T, faults func(*audited) []string) {
	untried := maps.Clone(d)
	// Few sales can deviate in some of these ways: a hundred may have none of them.
	for range 20 {
		rapid.Check(t, func(t *rapid.T) {
			h := random(t)
			for _, name := range slices.Sorted(maps.Keys(d)) {
				a := h.audited(t)
				if !d[name](a) {
					continue
				}
				delete(untried, name)
				if got := faults(a); len(got) == 0 {
					t.Errorf("%s: got no fault, want one", name)
				}
			}
		})
		if len(untried) == 0 {
			return
		}
	}
	for name := range untried {
		t.Errorf("%s: got no sale that could deviate so, want some", name)
	}
}
