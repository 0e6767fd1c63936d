// Package report turns the outcome of a comparison into what people read: tables in a
// terminal, JSON, Go's benchmark format, one HTML page, and pictures for the README.
//
// Three rules hold in each of them. A row with a fault is INVALID: it is shown with its
// fault, and never ranked, drawn or compared, because a wrong answer costs less than a
// right one. Closed loop is called capacity: its latencies are those of a server
// that chooses its own load. And the same report gives the same bytes.
package report
