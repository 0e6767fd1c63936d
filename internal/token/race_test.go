//go:build race

package token_test

// allocationSlack is what a run may be off a budget by: under the race detector sync.Pool
// forgets some of what it is given, at random.
const allocationSlack = 10
