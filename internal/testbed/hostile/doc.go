// Package hostile attacks one whole site, through Nginx and straight at a node: Redis, PostgreSQL, Nginx, an
// allocator, nodes and a ledger, with gossip under a key. It has only tests, one or more for each class of attack in the
// table of docs/security.md.
//
// Each test opens a sale of its own and attacks it, mostly by raw sockets, because a client library would repair what is sent. Its
// invariant: the answer is the right one, the sale has exactly the orders that were acknowledged, honest buyers are
// served afterwards, and the audit of Redis and ledger is clean, both of the test's own sale and, at the end, of all.
package hostile
