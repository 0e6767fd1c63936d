// Package localstock is a node's share of one sale: a slice and a buffer of
// tickets that it may claim from Redis, guarded by a one-slot channel.
//
// Local stock decides nothing. It keeps requests that can't win away from
// Redis, and lets no more claims through than the plan allows; a wrong, late
// or doubled plan costs a few refused calls, never a ticket.
//
// # Invariants
//
//   - The goroutine that received the state from the slot owns it, and sends it back before
//     any I/O and any wait. The slot is empty for nanoseconds only.
//   - Taking a quantity is atomic: all of it, slice before buffer, or nothing.
//   - Everything taken belongs to an epoch. A new plan, or news that the sale is
//     sold out, begins another; what is handed back into an older epoch is dropped.
//   - Waiters are served first come first served, outlive an epoch, and are
//     answered once. Nobody overtakes them.
//   - At most one refill is under way.
package localstock
