//go:build !race

package node

import "time"

// purchase is less than what a purchase costs a node beside what the test counts: it takes from the local
// stock and waits for a call of Redis, some 9 µs in all (bench/README.md).
const purchase = 5 * time.Microsecond
