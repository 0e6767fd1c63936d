package adminapi

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Parts are the programs of a site that are no nodes. Each registers itself in Redis, every second, and is listed until
// it has not done so for some seconds.
type Parts struct {
	Allocators []Allocator `json:"allocators"`
	Ledgers    []Ledger    `json:"ledgers"`
}

// Allocator is an allocator as it registered itself.
type Allocator struct {
	Name string `json:"name"`
	*AllocatorState
}

// AllocatorState is what an allocator registers.
type AllocatorState struct {
	Admin string `json:"admin"` // host:port of its admin port
	Ready bool   `json:"ready"`
	Leads bool   `json:"leads"` // it has the lease, and plans
	// Nginx is the one whose upstream it writes, if it writes one.
	Nginx *Nginx `json:"nginx,omitempty"`
}

// Nginx is the upstream of one Nginx, as the allocator that writes it knows it.
type Nginx struct {
	Current bool       `json:"current"` // it has what the allocator's view asks for
	Nodes   int        `json:"nodes"`
	Selling int        `json:"selling"`
	Since   *time.Time `json:"since,omitempty"` // of the last change; absent: there was none yet
}

// Ledger is a ledger as it registered itself. One of an older version has no state, and then its members are absent.
type Ledger struct {
	Name string `json:"name"`
	*LedgerState
}

// LedgerState is what a ledger registers.
type LedgerState struct {
	Ready   bool  `json:"ready"`
	Sales   int   `json:"sales"`   // whose streams it reads
	Waiting int64 `json:"waiting"` // events of these sales that are not in PostgreSQL yet
	// WaitedSeconds is how long the oldest of them has waited.
	WaitedSeconds float64    `json:"waited_seconds"`
	WrittenAt     *time.Time `json:"written_at,omitempty"` // its last transaction, by its own clock; absent: none yet
	// Behind are the sales whose events wait, whichever ledger reads them: those whose events have waited longest, the
	// longest first, and at most [MaxBehind].
	Behind []Behind `json:"behind,omitempty"`
}

// MaxBehind is how many sales a ledger registers as behind. Raised, every second each ledger writes more to Redis; lowered,
// fewer sales have a lag of their own in lists.
const MaxBehind = 20

// Behind is a sale whose events wait.
type Behind struct {
	Sale          string  `json:"sale"`
	Waiting       int64   `json:"waiting"`        // events that are not in PostgreSQL yet
	WaitedSeconds float64 `json:"waited_seconds"` // the oldest of them
}

// Nodes is the list of nodes, and of the other parts.
type Nodes struct {
	Nodes  []Node `json:"nodes"`
	*Parts        // nil: they are not known
	// Unknown is why the other parts are not known.
	Unknown string    `json:"unknown,omitempty"`
	Time    time.Time `json:"time"`
}

// nodes lists the nodes of the gossip view, those that are away for which something is set, and the other parts. Beside
// gossip, all is in Redis: where it does not answer, the nodes are listed alone, with the reason.
func (h *Handler) nodes(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), partsTimeout)
	defer cancel()
	set, err := h.stock.NodeSettings(ctx)
	if err != nil {
		h.fails.note(classify(err), fmt.Errorf("what is set for nodes: %w", err))
	}
	answer := Nodes{Nodes: listNodes(h.view(), set), Time: time.Now().UTC()}
	if parts, err := h.parts(ctx); err != nil {
		h.fails.note(classify(err), fmt.Errorf("allocators and ledgers: %w", err))
		answer.Unknown = "Redis did not answer which allocators and ledgers run"
	} else {
		answer.Parts = &parts
	}
	h.write(w, http.StatusOK, "application/json", answer)
	return nil
}

// partsTimeout is for how long a list of nodes waits for the other parts. Raised, an operator waits longer for the nodes
// while Redis is away; lowered, a slow Redis leaves out the rest.
const partsTimeout = time.Second
