// Package draw takes the draw of a sale's line step by step, and computes where it puts whom.
//
// [Take] is called by whoever looks after a sale: the allocator that leads, and nodes if no allocator
// does. One of them at a time reads the places and publishes the hash of their list; another takes over
// if it is silent for five seconds. Two at the same time do no harm: each step is taken once, and both
// compute the same list from the same places.
//
// [Compute] takes no list but the published one. The list is kept beside the places that it stands for,
// so that it outlasts them: see docs/adr/0027-places-are-in-the-ledger.md.
package draw
