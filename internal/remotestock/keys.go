package remotestock

import (
	"onsale/internal/keyspace"
	"onsale/internal/sale"
)

// Keys returns the names of every key of a sale of a site without a prefix, in the order of
// lua/prelude.lua. For tests and measurements, which look behind the scripts.
func Keys(id sale.ID) []string { return keyspace.Prefix("").Sale(id).All }
