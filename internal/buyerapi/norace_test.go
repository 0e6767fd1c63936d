//go:build !race

package buyerapi_test

// allocationSlack is what a run may be off a budget by.
const allocationSlack = 0.5
