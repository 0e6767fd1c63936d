package sale

import "strconv"

// Adoption is what takes the place of a sale's keys in Redis once the sale is
// reconciled.
type Adoption struct {
	Was     RedisState // what Redis had when the records were read
	Fence   string     // names the reconciliation
	Records Records
	// Places are those of the records that Redis does not have.
	Places []Placement
	// Chain has the sale's life, the epoch that begins, and the last event of any
	// record. Its link is not looked at: an epoch begins upon the life.
	Chain Chain
	// Ledger: the site has one, and the sale sells once it has recorded the new epoch.
	Ledger bool
}

// RedisState is what Redis has of a sale before it is reconciled. An adoption is
// refused where it is no longer so.
type RedisState string

// States of a sale that has no mark.
const (
	NotInRedis RedisState = "none" // Redis does not have the sale
	OldLayout  RedisState = "old"  // the sale was written by an earlier version
)

// ShutAt is the state of a sale that is shut at a mark.
func ShutAt(m Mark) RedisState {
	return RedisState(strconv.FormatInt(m.Epoch, 10) + " " + strconv.FormatInt(m.Seq, 10) + " " + m.Link)
}
