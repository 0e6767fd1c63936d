// Package keyspace names every key that a site has in Redis, so that several sites can
// share one.
//
// # Invariant
//
// Two sites with different prefixes have no key in common. A key begins with the prefix
// and a colon, or, without a prefix, with "onsale:" or "{": and a prefix holds neither a
// colon nor a brace, and is not "onsale". The hash tag is the first thing in braces, so
// that a prefix does not move a sale's keys to other slots of a Redis Cluster.
package keyspace

import (
	"fmt"
	"strings"

	"onsale/internal/sale"
)

// Prefix begins the names of all keys of a site, with a colon behind it. Empty: the site
// is the only one in its Redis, or the only one without a prefix.
type Prefix string

// longest is the most characters of a prefix. Every key of every sale carries it.
const longest = 32

// Validate returns what is wrong with the prefix, or nil. Letters, digits, "-", "_" and "."
// are no pattern of Redis's access lists, nor a hash tag.
func (p Prefix) Validate() error {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}
	switch {
	case len(p) > longest || strings.ContainsFunc(string(p), odd):
		return fmt.Errorf("redis prefix %q: want at most %d letters, digits, '-', '_' or '.'; a colon is put behind it", string(p), longest)
	case p == "onsale":
		return fmt.Errorf("redis prefix %q: it begins the keys of a site without a prefix; take another", string(p))
	}
	return nil
}

// key is a name of the site.
func (p Prefix) key(name string) string {
	if p == "" {
		return name
	}
	return string(p) + ":" + name
}

// Pattern is what a Redis user of this site must be given, as ACL SETUSER has it.
func (p Prefix) Pattern() string {
	if p == "" {
		return "~{* ~onsale:*"
	}
	return "~" + p.key("*")
}

// Sales is the set of all sale ids, written last at opening so that nobody finds a sale
// that is not there yet.
func (p Prefix) Sales() string { return p.key("onsale:sales") }

// News and Hot are the feeds of sales that operators have changed, and that buyers ask for:
// lua/touch.lua.
func (p Prefix) News() string { return p.key("onsale:news") }

// Hot is the second of them.
func (p Prefix) Hot() string { return p.key("onsale:hot") }

// Site is what all programs of a site have to agree on.
func (p Prefix) Site() string { return p.key("onsale:site") }

// Nodes is what operators have set for nodes: lua/node.lua.
func (p Prefix) Nodes() string { return p.key("onsale:nodes") }

// Orphans are the payments for sales that nobody knows, and their index: lua/orphan.lua.
func (p Prefix) Orphans() []string {
	key := p.key("{onsale:orphans}")
	return []string{key, key + ":index"}
}

// Payment names the sale that a payment belongs to: lua/bind.lua. Each has a hash tag, so
// that what is written beside it, and named after it, is in the same slot.
func (p Prefix) Payment(id sale.PaymentID) []string {
	return []string{p.key("{onsale:payment:" + string(id) + "}")}
}

// Yield asks the ledger that reads a sale to leave it for a while.
func (p Prefix) Yield(id sale.ID) string { return p.key("onsale:yield:" + string(id)) }

// Audit is what the last audit of a sale has found.
func (p Prefix) Audit(id sale.ID) string { return p.key("onsale:audit:" + string(id)) }

// Lease is a lease of this name: lua/lease.lua.
func (p Prefix) Lease(name string) string { return p.key("onsale:lease:" + name) }

// Registry is a registry of this name and its values: lua/registry.lua.
func (p Prefix) Registry(name string) []string {
	key := p.key("onsale:registry:{" + name + "}")
	return []string{key, key + ":values"}
}

// Trial is a key of its own hash tag, for a test of what the Redis user may do.
func (p Prefix) Trial(unique string) string { return p.key("{onsale-rights-" + unique + "}") }

// Sale are one sale's keys. They share the hash tag {id}, so that a script's keys live on
// one node of a Redis Cluster. lua/prelude.lua documents what each holds.
type Sale struct {
	Sale, Plan, Buyers, Orders, Deadlines, Events, Payments, Links, Past, Surplus, Tap, Index, Line, Front, Drawn string
	All                                                                                                           []string // in the scripts' order
}

// Sale names a sale's keys.
func (p Prefix) Sale(id sale.ID) Sale {
	tag := p.key("{" + string(id) + "}")
	k := Sale{
		Sale: tag, Plan: tag + ":plan", Buyers: tag + ":buyers", Orders: tag + ":orders",
		Deadlines: tag + ":deadlines", Events: tag + ":events", Payments: tag + ":payments",
		Links: tag + ":links", Past: tag + ":past", Surplus: tag + ":surplus", Tap: tag + ":tap", Index: tag + ":index",
		Line: tag + ":line", Front: tag + ":front", Drawn: tag + ":drawn",
	}
	k.All = []string{k.Sale, k.Plan, k.Buyers, k.Orders, k.Deadlines, k.Events, k.Payments, k.Links, k.Past, k.Surplus, k.Tap, k.Index, k.Line, k.Front, k.Drawn}
	return k
}
