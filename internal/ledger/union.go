package ledger

import "onsale/internal/sale"

// Union is what the ledger shall hold of a sale after a reconciliation.
type Union struct {
	sale.Records
	Before sale.Records // what it held when it was read
	Was    sale.Chain   // how far it went then
	Chain  sale.Chain   // the epoch that begins, upon the last event of any record
	Fence  string       // names the reconciliation
	Plan   string       // as text, for operators
	At     sale.Instant
}

// Changes is what the union has otherwise than the record. When a state came is kept where
// the record knows it; of other orders only the creation is known.
func (u Union) Changes() Batch {
	b := Batch{}
	for id, o := range u.Orders {
		if u.Before.Orders[id] == o {
			continue
		}
		c := Change{Order: o, At: u.At}
		if o.Taken() {
			c.At = o.Created
		}
		b.Orders = append(b.Orders, c)
	}
	for id, p := range u.Payments {
		if u.Before.Payments[id] != p {
			b.Payments = append(b.Payments, PaymentChange{p, u.At})
		}
	}
	for key, delta := range u.Restocks {
		if u.Before.Restocks[key] != delta {
			b.Restocks = append(b.Restocks, sale.Restock{Key: key, Delta: delta})
		}
	}
	b.Joins = Lacking(u.Records, u.Before)
	return b
}

// Lacking are the places of some records that others have not, or otherwise.
func Lacking(of, in sale.Records) (joins []sale.Placement) {
	for buyer, place := range of.Places {
		if in.Places[buyer] != place {
			joins = append(joins, sale.Placement{Buyer: buyer, Place: place})
		}
	}
	return joins
}
