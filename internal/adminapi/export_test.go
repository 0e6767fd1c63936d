package adminapi

import "time"

// WaitForLedger changes for how long a creation waits for the ledger.
func (h *Handler) WaitForLedger(d time.Duration) { h.wait = d }

// WaitForNodes changes for how long a call waits until a node has heeded it.
func (h *Handler) WaitForNodes(d time.Duration) { h.heed = d }
