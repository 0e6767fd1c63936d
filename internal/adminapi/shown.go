package adminapi

import (
	"slices"

	"onsale/internal/sale"
)

// What the board shows is the API's documents, made of what the allocator knows already.

// NewStatus is a survey as the API shows it.
func NewStatus(v sale.Survey) Status { return newStatus(v) }

// NewNodes is the list of nodes as the API shows it, by name: the view with what is set.
func NewNodes(view sale.View, set map[string]sale.NodeSetting) []Node { return listNodes(view, set) }

// Lag is what the ledgers have not recorded yet of a sale. known is false if no ledger knows it: one of an older version, or
// one with more sales that have waited longer.
func (n Nodes) Lag(sale string) (lag Behind, known bool) {
	if n.Parts == nil {
		return lag, false
	}
	for _, l := range n.Ledgers {
		if l.LedgerState == nil {
			continue
		}
		i := slices.IndexFunc(l.Behind, func(b Behind) bool { return b.Sale == sale })
		switch {
		case i >= 0 && l.Behind[i].WaitedSeconds >= lag.WaitedSeconds:
			lag, known = l.Behind[i], true
		case i < 0 && len(l.Behind) < MaxBehind && (l.Waiting == 0 || len(l.Behind) > 0):
			known = true
		}
	}
	return lag, known
}
