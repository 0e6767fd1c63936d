//go:build !race

package token_test

// allocationSlack is what a run may be off a budget by.
const allocationSlack = 0.5
