package ledgertest

import (
	"fmt"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// History is a sale with the events of its first epoch.
type History struct{ *model.Sale }

// NewHistory is a sale of a thousand tickets that has sold these holds, one event each.
func NewHistory(id sale.ID, holds ...sale.OrderID) History {
	d := NewSale(id, 1_000)
	h := History{model.New(d, "life", false)}
	h.Now = d.Opens
	return h.Hold(holds...)
}

// Hold sells more of them.
func (h History) Hold(holds ...sale.OrderID) History {
	for _, id := range holds {
		got, err := h.Decide([]sale.Claim{{Order: id, Buyer: sale.Buyer(id), Quantity: 2}}, false)
		if err != nil || got[0].Outcome != sale.Held {
			panic(fmt.Sprintf("hold %s: got %v, %v", id, got, err))
		}
	}
	return h
}

// NewOrderIDs are so many ids.
func NewOrderIDs(n int) []sale.OrderID {
	ids := make([]sale.OrderID, n)
	for i := range ids {
		ids[i] = NewOrderID()
	}
	return ids
}

// At is the chain as it was after the n-th event.
func (h History) At(n int) sale.Chain {
	c := h.Chain()
	if c.Mark = (sale.Mark{Epoch: 1, Link: c.Life}); n > 0 {
		c.Mark = h.Events()[n-1].Mark
	}
	return c
}
