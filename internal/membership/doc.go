// Package membership gives every process a list of the nodes that are alive.
//
// # Gossip
//
// Every node and every allocator runs a [Gossip], a member of one SWIM cluster
// (hashicorp/memberlist). Each member probes another every 200 ms; a probe that
// fails directly, through three others and over TCP makes its target a suspect,
// and a suspect that does not answer within about 600 ms more is declared
// failed to all. So every member knows of a crash in 1 to 1.5 s, and some
// 1.8 s where there are a hundred.
//
// A member describes itself in a small JSON document, its meta: role, weight,
// address of the buyer API, ready and draining. [Gossip.View] is the sorted
// list of the live nodes' metas; [Gossip.Changed] signals that it differs from
// the last one. Allocators see the view and do not appear in it.
//
// memberlist does not distinguish a crash from a departure, so a member announces
// that it drains before it leaves. A member that goes while it drains has left;
// any other has failed.
//
// A cluster that was split does not join again by itself, because each side has
// declared the other dead. So every member joins its seeds again every few
// seconds, for as long as it runs.
//
// # The invariant
//
// The view is a hint. It may be late, and the two sides of a split see
// different ones. If it is wrong, what depends on it (plans, buffers, Nginx's
// upstream) costs refused Redis calls and round trips, never a ticket.
package membership
