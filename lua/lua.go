// Package lua holds the scripts that Redis runs, one a file, each opening
// with its keys, arguments, reply and the invariant that it keeps, and the one
// way to call them: [Script]. The package exists because go:embed can't reach a
// parent folder.
package lua

import _ "embed"

var (
	//go:embed prelude.lua
	prelude string
	//go:embed release.lua
	release string

	//go:embed payment.lua
	payment string

	//go:embed open.lua
	open string
	//go:embed deduct.lua
	deduct string
	//go:embed resolve.lua
	resolve string
	//go:embed expire.lua
	expire string
	//go:embed draw.lua
	draw string
	//go:embed read.lua
	read string
	//go:embed plan.lua
	plan string
	//go:embed restock.lua
	restock string
	//go:embed close.lua
	closeSale string
	//go:embed settle.lua
	settle string
	//go:embed snapshot.lua
	snapshot string
	//go:embed restore.lua
	restore string
	//go:embed lease.lua
	lease string
	//go:embed registry.lua
	registry string
)

// The scripts as Redis gets them. Those of a sale begin with the prelude, except
// those that take no part in selling it; what several share comes before each.
var (
	Open     = prelude + open
	Deduct   = prelude + deduct
	Resolve  = prelude + payment + release + resolve
	Expire   = prelude + release + expire
	Draw     = prelude + draw
	Read     = prelude + read
	Plan     = prelude + plan
	Restock  = prelude + restock
	Close    = prelude + closeSale
	Settle   = prelude + payment + settle
	Snapshot = snapshot
	Restore  = restore
	Lease    = lease
	Registry = registry
)
