// Package lease picks one holder at a time of whatever may have only one: the
// leading allocator, the reader of a sale's stream, a node's name. It also keeps
// the registries of the processes that run.
//
//	Lease     one holder's view of a lease in Redis, with a fencing token
//	Holder    keeps a lease renewed while a function runs, and releases it afterwards
//	Name      a lease that guards a node's name, for as long as the node runs
//	Registry  who runs, each with one short value, such as an address
//
// # Invariant
//
// Two holders never have the same token, and the later holder's is higher, also
// after data loss: a token is max(old + 1, Redis milliseconds). A lease alone
// guarantees nothing about a holder that was paused: for a moment it believes
// that it still holds. So whatever is written under a lease shows the token to
// the store, which refuses a lower token than the highest it has seen.
//
// # Names
//
// Plans give stock to names, so a second node under a live name would draw from
// the first one's slice, and gossip notices it only as noise. A [Name] guards
// against mistakes and is no lock that selling relies on: an instance that was
// paused for longer than its lease notices within a second of waking.
package lease
