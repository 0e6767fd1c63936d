package sale

import "time"

// Audited is that a sale was audited, and what came out.
type Audited struct {
	At     time.Time `json:"at"`
	Faults int       `json:"faults"`
	Ledger bool      `json:"ledger"` // the ledger was compared, too
	Sold   int64     `json:"sold"`   // tickets that were held or paid then
}
