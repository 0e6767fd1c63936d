package remotestock

import "onsale/internal/sale"

// salesKey is the set of all sale ids, written last at opening so that nobody
// finds a sale that is not there yet.
const salesKey = "onsale:sales"

// keys are one sale's Redis keys. They share the hash tag {id}, so that a
// script's keys live on one node of a Redis Cluster. lua/prelude.lua says what
// each holds.
type keys struct {
	sale, plan, buyers, orders, deadlines, events, payments, links, past, surplus, tap, index string
	all                                                                                       []string // in the scripts' order
}

func keysOf(id sale.ID) keys {
	tag := "{" + string(id) + "}"
	k := keys{
		sale: tag, plan: tag + ":plan", buyers: tag + ":buyers", orders: tag + ":orders",
		deadlines: tag + ":deadlines", events: tag + ":events", payments: tag + ":payments",
		links: tag + ":links", past: tag + ":past", surplus: tag + ":surplus", tap: tag + ":tap", index: tag + ":index",
	}
	k.all = []string{k.sale, k.plan, k.buyers, k.orders, k.deadlines, k.events, k.payments, k.links, k.past, k.surplus, k.tap, k.index}
	return k
}

// Keys returns the names of every key of a sale, in the order of lua/prelude.lua.
// For audits and for archiving.
func Keys(id sale.ID) []string { return keysOf(id).all }
