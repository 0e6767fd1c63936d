// Package tracing records spans of OpenTelemetry and exports them to a collector, as OTLP over HTTP. It fills hooks of
// the packages that it traces, and knows none of them.
//
// A node decides for each purchase whether it is recorded, and for nobody else: what follows from one that is
// recorded is recorded too. The spans of a purchase:
//
//	purchase   node: from the request to its answer; child of the request's traceparent
//	claim      node: from the queue of the group commit to Redis's decision; child of purchase
//	deduct     node: one call of Redis, for all claims of a batch
//	record     ledger: one transaction in PostgreSQL, for all orders of a batch
//
// An allocator's plans are traces of their own, because no purchase waits for one:
//
//	plan       allocator: from the survey of a sale that finds a plan due to the plan in Redis
//	survey     allocator: the call that reads the sale; child of plan
//	write      allocator: the call that writes the plan; child of plan
//
// A call or a transaction is for many purchases, so it has links to all that are recorded, and each claim has
// one to its call. It is a child of the first: in a site that records few purchases a batch seldom has more
// than one, so that all of a purchase is in one trace.
//
// Invariant: exporting never holds up what is traced. Spans wait in a queue of a fixed length, and those that
// find it full are dropped.
package tracing
