// Package membership tells every process which nodes are alive.
//
// # Gossip
//
// Every node and every allocator runs a [Gossip], a member of one SWIM cluster
// (hashicorp/memberlist). Each member probes another every 200 ms; a probe that
// fails directly, through three others and over TCP makes its target a suspect,
// and a suspect that nobody hears from within about 600 ms more is declared
// failed to all. So a crash is known everywhere in about a second.
//
// A member describes itself in a small JSON document, its meta: role, weight,
// address of the buyer API, ready and draining. [Gossip.View] is the sorted
// list of the live nodes' metas; [Gossip.Changed] says that it differs from
// the last one. Allocators see the view and do not appear in it.
//
// memberlist does not tell a crash from a departure, so a member announces
// that it drains before it leaves: gone while draining is left, gone otherwise
// is failed.
//
// A split that heals stays split, because both sides have buried each other.
// Hence every member joins its seeds again every few seconds, for as long as
// it runs.
//
// # The invariant
//
// The view is a hint. It may be late, and the two sides of a split see
// different ones. What hangs on it (plans, buffers, Nginx's upstream) costs
// refused Redis calls and round trips when it is wrong, never a ticket.
package membership
