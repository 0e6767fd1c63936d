package node

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/lease"
)

const (
	// reportEvery is how often a node that answers purchases registers how many, for the allocators' board. Raised, the board
	// shows older numbers; lowered, each busy node costs Redis more.
	reportEvery = time.Second
	// reportAgain is the same where nothing has changed, and reported is for how long the numbers are kept.
	reportAgain = time.Minute
	reported    = 5 * time.Minute
)

// answers counts the answers to purchases by code, for the board. It reads what is counted for the metrics, so a purchase costs
// nothing more.
type answers struct {
	read func(buyerapi.Endpoint, buyerapi.Answer) int64

	// The rest belongs to followOperators.

	member *lease.Member
	at     time.Time // of the last registration
	last   map[string]int64
}

// counts are those that are not 0, since the process began.
func (a *answers) counts() map[string]int64 {
	counts := map[string]int64{}
	for code := range buyerapi.Answers {
		if n := a.read(buyerapi.PlaceOrder, buyerapi.Answer(code)); n > 0 {
			counts[buyerapi.Answer(code).String()] = n
		}
	}
	return counts
}

// report registers the counts if they have changed, or were registered long ago. A call that fails is made again at the next
// turn: that Redis does not answer is reported by the call beside it.
func (a *answers) report(ctx context.Context, now time.Time) {
	wait := now.Sub(a.at)
	if wait < reportEvery {
		return
	}
	counts := a.counts()
	if wait < reportAgain && maps.Equal(counts, a.last) {
		return
	}
	text, err := json.Marshal(counts)
	if err != nil {
		panic(err) // texts and numbers can be encoded
	}
	ctx, cancel := context.WithTimeout(ctx, reportEvery)
	defer cancel()
	a.member.Update(string(text))
	if _, err := a.member.Register(ctx); err == nil {
		a.at, a.last = now, counts
	}
}
