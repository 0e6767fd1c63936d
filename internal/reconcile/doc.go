// Package reconcile merges what Redis, the ledger and the nodes' memory hold of
// one sale after a loss, and names what an operator has to decide. It does no
// I/O: [Make] returns a [Plan], and others carry it out.
//
//	Redis ───┐
//	ledger ──┼── Make ──> Plan: the union, the new epoch, cases, gaps
//	holds ───┘     ^
//	               └── Decisions of the operator
//
// # Invariant
//
// Nothing that was acknowledged disappears: every order and payment of either
// record and every hold of a node is in the union. Its state there is that of one
// of the records, or a case names it. Once no case needs a decision, no ticket is
// sold twice: the live orders fit into the total, and no buyer has two. Every
// payment is applied to a paid order, or due to go back, or settled.
//
// The union of two forks does not depend on which of them is in Redis. Making a
// plan again, of two records that both hold the union, changes only the epoch.
//
// # Why states alone don't decide
//
// If one record's chain of events is a prefix of the other's, the longer one is
// right. If they forked, an order may have been paid in one and have expired in
// the other. A rule that takes whichever comes first then undoes acknowledged
// payments, or oversells. So states that can't follow each other are a case of
// their own, decided by stock and buyer.
package reconcile
