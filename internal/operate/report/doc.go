// Package report writes one page about a sale that is over: what the ledger has recorded of it, and what Prometheus, if one is
// asked, has kept of the site meanwhile. What neither has is "not known" on the page, never 0. The page refers to nothing
// outside itself, and holds no script.
package report
