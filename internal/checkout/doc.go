// Package checkout is the purchase path on a node: what is on sale here, what
// time it is in Redis, and a claim's whole life from a local hit to Redis's
// decision.
//
// A [Shop] knows every sale exactly, from polling, so that an unknown sale
// never reaches Redis. A [Desk] sells one of them. The order of checks is the
// design's: window and sold-out lease without a token ([Desk.Precheck]), then
// local stock, and only after a local hit Redis ([Desk.Buy]).
package checkout
