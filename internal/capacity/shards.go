package capacity

import (
	"math/rand/v2"
	"time"
)

// Escrow is how shards of one sale pass stock to each other.
type Escrow string

// The rules that were simulated.
const (
	// Apart: no stock moves.
	Apart Escrow = "none moves"
	// Borrow: a shard that has none left asks the one that has the most for a half of it.
	Borrow Escrow = "half of the fullest's, when empty"
	// Level: every 100 ms all shards are given the same.
	Level Escrow = "levelled every 100 ms"
)

// Sharded is a sale whose stock lies on several masters of Redis, as a simulation: each buyer is hashed to one
// of them, which has the buyer's order. Nothing of it is built.
type Sharded struct {
	Shards  int
	Escrow  Escrow
	Tickets int
	Buyers  int
	Rate    float64 // buyers a second
	Core    float64 // claims a second that one core decides
	Returns int     // tickets that return once the crowd has its answers, one each 10 ms, and as many buyers who come then
	Seed    uint64
}

// ShardedResult is what came of it.
type ShardedResult struct {
	Seconds   float64 // until as many were sold as would be at most
	Refused   int     // buyers whom an empty shard refused while another had stock
	Unsold    int     // tickets, though so many buyers were refused
	Transfers int     // of stock; each is a call on both masters, and an event in both chains
}

const (
	shardStep    = time.Millisecond // which a transfer is under way
	shardPatient = 250              // steps that a purchase waits for stock, as in localstock
	levelEvery   = 100              // steps
	returnEvery  = 10               // steps
	transferCost = 1                // claims' worth of a core's time, on both masters
)

// shard is one master.
type shard struct {
	stock   int
	queue   []int // the steps at which claims came
	taken   float64
	arrives int // stock that is under way to it
}

// Run plays the sale until every buyer has an answer.
func (s Sharded) Run() ShardedResult {
	g := shardGame{Sharded: s, rand: rand.New(rand.NewPCG(s.Seed, 1)), shards: make([]shard, s.Shards)}
	for i := range g.shards {
		g.shards[i].stock = s.Tickets / s.Shards
		if i < s.Tickets%s.Shards {
			g.shards[i].stock++
		}
	}
	came, sold, waiting := 0, 0, 0
	for ; came < s.Buyers || waiting > 0; g.step++ {
		for due := s.Rate * shardStep.Seconds() * float64(g.step+1); came < s.Buyers && float64(came) < due; came++ {
			g.comes()
		}
		sold, waiting = g.serve(sold)
		if g.out.Seconds == 0 && sold >= min(s.Tickets, s.Buyers)*99/100 {
			g.out.Seconds = float64(g.step+1) * shardStep.Seconds()
		}
	}
	for returned := 0; returned < s.Returns || waiting > 0; g.step++ {
		if returned < s.Returns && g.step%returnEvery == 0 {
			g.shards[g.rand.IntN(s.Shards)].stock++
			g.comes()
			returned++
		}
		sold, waiting = g.serve(sold)
	}
	for _, at := range g.shards {
		g.out.Unsold += at.stock + at.arrives
	}
	g.out.Unsold = min(g.out.Unsold, g.refused)
	return g.out
}

// shardGame is a simulation that runs.
type shardGame struct {
	Sharded
	rand    *rand.Rand
	shards  []shard
	step    int
	refused int
	out     ShardedResult
}

// comes has one buyer ask the shard that the buyer is hashed to.
func (g *shardGame) comes() {
	at := &g.shards[g.rand.IntN(g.Shards)]
	at.queue = append(at.queue, g.step)
}

// serve is one step of all shards. It returns how many are sold by then, and how many buyers wait.
func (g *shardGame) serve(sold int) (now, waiting int) {
	g.move(g.shards, g.step, &g.out)
	for i := range g.shards {
		at := &g.shards[i]
		at.taken = min(at.taken, 1) + g.Core*shardStep.Seconds() // time that a core has not used is not saved up
		n := 0
		for ; n < len(at.queue); n++ {
			elsewhere := g.elsewhere(g.shards)
			if at.stock == 0 {
				if elsewhere && g.Escrow != Apart && g.step-at.queue[n] < shardPatient {
					break // it waits for stock
				}
				if elsewhere {
					g.out.Refused++
				}
				g.refused++
				continue // from memory
			}
			if at.taken < 1 {
				break
			}
			at.stock--
			at.taken--
			sold++
		}
		at.queue = at.queue[n:]
		waiting += len(at.queue)
	}
	return sold, waiting
}

// elsewhere reports whether any shard has stock, or some is under way: only without is the sale sold out.
func (s Sharded) elsewhere(shards []shard) bool {
	for _, at := range shards {
		if at.stock > 0 || at.arrives > 0 {
			return true
		}
	}
	return false
}

// move passes stock on. What a step debits arrives in the next one: meanwhile it is nobody's to sell.
func (s Sharded) move(shards []shard, step int, out *ShardedResult) {
	for i := range shards {
		shards[i].stock += shards[i].arrives
		shards[i].arrives = 0
	}
	pass := func(from, to, n int) {
		if n <= 0 || from == to {
			return
		}
		shards[from].stock -= n
		shards[to].arrives += n
		shards[from].taken -= transferCost
		shards[to].taken -= transferCost
		out.Transfers++
	}
	switch s.Escrow {
	case Borrow:
		for to := range shards {
			if shards[to].stock == 0 && shards[to].arrives == 0 && len(shards[to].queue) > 0 {
				from := fullest(shards)
				pass(from, to, (shards[from].stock+1)/2)
			}
		}
	case Level:
		if step%levelEvery == 0 {
			s.level(shards, pass)
		}
	}
}

// level has each shard that has more than the mean pass it to those that have less.
func (s Sharded) level(shards []shard, pass func(from, to, n int)) {
	all := 0
	for _, at := range shards {
		all += at.stock
	}
	share := func(i int) int {
		if i < all%s.Shards {
			return all/s.Shards + 1
		}
		return all / s.Shards
	}
	to := 0
	for from := range shards {
		for shards[from].stock > share(from) {
			for to < s.Shards && shards[to].stock+shards[to].arrives >= share(to) {
				to++
			}
			if to == s.Shards {
				return
			}
			pass(from, to, min(shards[from].stock-share(from), share(to)-shards[to].stock-shards[to].arrives))
		}
	}
}

func fullest(shards []shard) (most int) {
	for i := range shards {
		if shards[i].stock > shards[most].stock {
			most = i
		}
	}
	return most
}
