// Package lua holds the scripts that Redis runs, one a file, each opening
// with its keys, arguments, reply and the invariant that it keeps, and the one
// way to call them: [Script]. The package exists because go:embed can't reach a
// parent folder.
package lua

import "embed"

//go:embed *.lua
var files embed.FS

// join puts files together. The folder is part of the program, so a file that is
// missing is a broken build.
func join(names ...string) string {
	var source []byte
	for _, name := range names {
		text, err := files.ReadFile(name + ".lua")
		if err != nil {
			panic(err)
		}
		source = append(source, text...)
	}
	return string(source)
}

// ofSale is a script of a sale.
func ofSale(names ...string) string {
	return join(append([]string{"base", "prelude"}, names...)...)
}

// The scripts as Redis gets them. Those of a sale begin with the prelude; what
// several share comes before each.
//
// All run though Redis's memory is full, but those that add to what may be sold: deduct
// refuses new holds, join new places, open and restock fail. See although_full in prelude.lua.
var (
	Open     = ofSale("chain", "open")
	Deduct   = ofSale("chain", "order", "front", "deduct")
	Join     = ofSale("chain", "join")
	Resolve  = ofSale("chain", "order", "payment", "release", "resolve")
	Refill   = ofSale("chain", "order", "release", "refill")
	Payments = ofSale("order", "payment", "payments")
	Orphan   = join("base", "payment", "orphan")
	Bind     = join("bind")
	Part     = ofSale("chain", "order", "payment", "part")
	Settle   = ofSale("chain", "payment", "settle")
	Restock  = ofSale("chain", "restock")
	Close    = ofSale("chain", "close")
	Change   = ofSale("chain", "change")
	Read     = ofSale("read")
	Advance  = ofSale("chain", "front", "advance")
	Draw     = ofSale("chain", "draw")
	Plan     = ofSale("plan")
	Find     = ofSale("order", "find")
	Shut     = ofSale("shut")
	Page     = ofSale("page")
	Forget   = ofSale("forget")
	Archive  = ofSale("archive")
	Snapshot = ofSale("snapshot")
	Adopt    = join("base", "adopt")
	Rights   = join("rights")
	Lease    = join("lease")
	Registry = join("registry")
	Put      = join("put")
	Touch    = join("touch")
	Node     = join("node")
)
