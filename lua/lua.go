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

// The scripts as Redis gets them. Those of a sale begin with the prelude; what
// several share comes before each.
//
// All run though Redis's memory is full, but those that add to what may be sold: deduct
// refuses new holds, open and restock fail. See although_full in prelude.lua.
var (
	Open     = join("prelude", "chain", "open")
	Deduct   = join("prelude", "chain", "order", "deduct")
	Resolve  = join("prelude", "chain", "order", "payment", "release", "resolve")
	Expire   = join("prelude", "chain", "order", "release", "expire")
	Settle   = join("prelude", "chain", "payment", "settle")
	Restock  = join("prelude", "chain", "restock")
	Close    = join("prelude", "chain", "close")
	Draw     = join("prelude", "draw")
	Read     = join("prelude", "read")
	Plan     = join("prelude", "plan")
	Find     = join("prelude", "order", "find")
	Shut     = join("prelude", "shut")
	Page     = join("prelude", "page")
	Forget   = join("prelude", "forget")
	Archive  = join("prelude", "archive")
	Snapshot = join("prelude", "snapshot")
	Adopt    = join("adopt")
	Rights   = join("rights")
	Lease    = join("lease")
	Registry = join("registry")
	Put      = join("put")
)
