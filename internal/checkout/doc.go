// Package checkout is the purchase path on a node: what is on sale here, what
// time it is in Redis, and a claim's whole life from a local hit to Redis's
// decision.
//
// A [Catalog] knows from polling which sales there are, so that an unknown one
// never reaches Redis. A cold sale is read before any answer about it. A [Seller] sells one
// of them. The order of checks:
// window and sold-out lease without a token ([Seller.Precheck]), then
// local stock, and only after a local hit Redis ([Seller.Buy]).
package checkout
