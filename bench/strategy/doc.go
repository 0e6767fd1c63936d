// Package strategy holds the ways to sell that people argue about, for
// `bench compare` to put beside this project's node: a row lock, an advisory lock, a version
// column, a conditional decrement and SKIP LOCKED over ticket rows in PostgreSQL; a counter,
// a script, the same script in pipelines, and a stream with one seller in
// Redis; and a lock held across the Redis call.
//
// # What makes them comparable
//
// Each is a small file, or a few, behind [Strategy], and all are sold through the same
// front ([Serve]): the buyers' routes, tokens and answers of the node, as far as a
// load generator looks. Each does the same duty, one order per buyer and an order
// record that survives a crash once the buyer has been answered, or its [Entry] lists
// what it lacks.
//
// None is handicapped on purpose: connections are pooled and open before the first
// buyer comes, statements are prepared, commands that need no answer in between
// share a round trip, and what can be refused without a lock or a write is. Neither
// does the front help any: it keeps nothing between two requests, so that "sold
// out" costs whatever the strategy makes of it.
//
// What is sold is a hold without an end: nothing here expires, is paid or comes
// back. That is the part of the node's work which all of them can be asked to do.
package strategy
