// Package rebalance decides how much stock each node may claim, and writes
// another plan whenever the last one stops being right.
//
// [Plan] is the arithmetic: slices proportional to weight, and buffers so that
// any k nodes can vanish and the rest still hold enough to sell everything.
// [Loop] is the allocator's part: of several allocators the one with the fenced
// lease leads; while it does, each sale has a planner that surveys it, decides
// whether a new plan is due, writes it, and expires overdue holds.
//
//	gossip ── changed ──> leader ── wake ──> planner ── survey, decide, plan, expire ──> Stock
//	lease  ── token ────────^                 └── one per sale, so a stuck sale delays only itself
//
// # Invariant
//
// A plan is absolute and a hint. It is written whole under a new generation,
// by the holder of the newest fencing token, for the stock generation that it
// was computed from; the store refuses anything else. So a plan that is late,
// doubled or written by a paused allocator costs a few refused claims and
// never a ticket, and nothing here needs to be undone after a failure: every
// look starts from a fresh survey.
package rebalance
