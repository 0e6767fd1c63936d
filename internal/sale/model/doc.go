// Package model is what Redis does with one sale, in the most naive Go: one map of
// orders, and everything else counted anew each time. The scripts of package lua are
// checked against it, and fakes of package remotestock are made of it.
//
// It has no clock: [Sale.Now] is its Redis time, and the caller moves it. It has no
// network: a call either happens as a whole or is not made. Data loss is a
// [Sale.Clone] made earlier, put back with [Sale.GoBack].
//
// Its invariant: each change appends one event, whose mark follows upon that of the
// event before with [sale.Mark.Next], and whose payload is byte for byte that of
// lua/chain.lua. So a model and a Redis that agree on a mark agree on all events.
//
// One thing does not happen by itself: Redis removes most of a buyer's ended orders
// after a while, and the model only on a call of [Sale.Remove].
package model
