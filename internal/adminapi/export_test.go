package adminapi

import "time"

// WaitForLedger changes for how long a creation waits for the ledger.
func (h *Handler) WaitForLedger(d time.Duration) { h.wait = d }
