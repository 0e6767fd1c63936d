// Package capacity computes what a sale of a given size takes: how often each part is asked, the
// processors and the memory for that, and which part is the first that more machines don't help.
//
// It is arithmetic over two things: [Demand], which is what buyers do, and [Costs], which is what the
// commands of bench measured on some machine. It knows no latencies and no queues, so it says what is
// needed at the least, and [Demand.Headroom] is what one takes more.
package capacity
