// Package generator sends purchases as cheaply as it can, so that on a machine
// shared with the servers most of the processor is theirs. It is a process of its
// own, with one thread and an epoll that serve all connections: a goroutine a
// connection would cost this machine as much as a bare server does, and make every
// server look alike.
//
// A closed loop sends on each connection once it is answered, which measures what a
// server can do. An open loop sends on schedule whatever the answers do, as buyers
// in a rush do. Every latency of an open loop counts from the time at which the request was
// due, not from when it was sent: requests that a slow server kept in line are
// exactly the ones that a buyer waits for.
//
// Invariant: every request that was due was either sent or dropped, and every one
// that was sent has an answer or an error. Only a run that was stopped leaves some
// that were still in line or under way. No request is ever sent twice, but by patient buyers.
//
// Patient buyers do what the product's documentation asks of clients: they send a purchase again
// until its answer is definite, and ask for their order before they believe "sold out" after an
// answer was lost. One keeps its connection meanwhile, so connections are the buyers at the same
// time. Invariant: every buyer who came has an order, was refused, or gave up; a run that was
// stopped names the others.
//
// The parent and the process exchange JSON, a line each: orders and stops one way,
// runs the other. The process ends with its standard input.
package generator
