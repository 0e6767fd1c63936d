package postgres

import (
	"onsale/internal/ledger"
	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
)

// history is a sale with all of its events, and the batches that record them.
type history struct{ ledgertest.History }

// newHistory is a sale that was opened, and sold so many holds, one event each.
func newHistory(id sale.ID, holds int) history {
	return history{ledgertest.NewHistory(id, ledgertest.NewOrderIDs(holds)...)}
}

// batchOf is the batch that takes a record from one event to another.
func (h history) batchOf(from, to int) ledger.Batch {
	b := ledger.Fold(h.Events()[from:to])
	b.From, b.To = h.At(from), h.At(to)
	return b
}
