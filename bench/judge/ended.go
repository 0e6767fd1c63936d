package judge

import (
	"fmt"

	"onsale/internal/operate"
	"onsale/internal/sale"
)

// Unsure is the state of an order whose client asked for something and got no answer.
const Unsure = sale.State("unsure")

// Ends are the last states that clients were answered of their orders.
type Ends struct {
	States     map[sale.OrderID]sale.State
	Unanswered int // purchases without an answer: each may have made an order
	// Interrupted: an order that was left to expire may be held yet.
	Interrupted bool
}

// EndsVerdict is what came of comparing them.
type EndsVerdict struct {
	Lost         int // orders that the ledger does not have, or live ones that Redis does not
	Contradicted int // orders whose state is not what their client was answered
	Faults       []string
}

// JudgeEnds puts the ends beside Redis and the ledger. Of a buyer's ended orders Redis keeps the
// last ones; the ledger keeps all.
func JudgeEnds(e Ends, a operate.Audited) (v EndsVerdict) {
	for id, state := range e.States {
		same := func(o sale.Order) bool {
			return o.State == state || state == Unsure || e.Interrupted && state == sale.StateExpired && o.State == sale.StateHeld
		}
		inRedis, ok := a.Orders[id]
		kept, ok2 := a.Book.Orders[id]
		switch {
		case !ok2, !ok && kept.State.Live():
			v.Lost++
		case !same(kept), ok && !same(inRedis):
			v.Contradicted++
		}
	}
	if n := len(a.Book.Orders); n < len(e.States) || n > len(e.States)+e.Unanswered {
		v.Faults = append(v.Faults, fmt.Sprintf("the ledger has %d orders, the clients were answered about %d", n, len(e.States)))
	}
	return v
}
