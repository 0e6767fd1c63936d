package soldout

import (
	"errors"
	"fmt"
	"time"

	"onsale/internal/sale"
)

// Config is where the leases are, and how often sales are read for them.
type Config struct {
	// Folder is made if it is missing, and has nothing but leases.
	Folder string
	// Tick is how often the sales are read. Raised, leases get gaps once a look takes long, and returned tickets are noticed
	// later. Lowered, it costs Redis a read more often for each sale that is asked for.
	Tick time.Duration
	// Expire is how often overdue holds of a sold-out sale are ended: its buyers reach no node that would. Raised, their
	// tickets return later; lowered, it costs Redis a call more often.
	Expire time.Duration
	// Batch is how many overdue holds one call ends.
	Batch int
	// Most is how many sales are read. Raised, it costs Redis more; lowered, more of them are answered by the
	// microcache and the nodes.
	Most int
	// Hot is for how long a sale is read after nodes have published that buyers ask for it, which they do every three seconds.
	Hot time.Duration
	// Stay is the same of a sale that is sold out: nodes don't see who asks for it. Raised, sales that nobody wants any more
	// cost for longer; lowered, a crowd that stays is answered by the microcache.
	Stay time.Duration
}

// DefaultConfig reads two hundred sales at most, at under two percent of a core of Redis.
func DefaultConfig(folder string) Config {
	return Config{
		Folder: folder, Tick: 400 * time.Millisecond, Expire: time.Second, Batch: 100, Most: 200,
		Hot: 15 * time.Second, Stay: 10 * time.Minute,
	}
}

// Validate reports every fault at once, or nil.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("sold out: "+format, args...))
		}
	}
	check(c.Folder != "", "folder: missing")
	check(c.Tick > 0 && c.Tick <= time.Second, "tick %v: want more than 0, at most 1s", c.Tick)
	check(c.Expire > 0, "expiry every %v: want more than 0", c.Expire)
	check(c.Batch >= 1 && c.Batch <= 1000, "batch %d: want 1 to 1000", c.Batch)
	check(c.Most >= 1, "most %d: want at least 1", c.Most)
	check(c.Hot > 0 && c.Stay >= c.Hot, "hot %v and stay %v: want more than 0, and to stay for longer", c.Hot, c.Stay)
	return errors.Join(faults...)
}

// Hooks report what a keeper does. Nil hooks are not called.
type Hooks struct {
	// Leased: so many sales have a lease. Called at every look.
	Leased func(sales int)
	// Expired: so many overdue holds were ended; never 0.
	Expired func(id sale.ID, holds int)
	// Failed: leases could not be read for, written or removed. It is tried again at the next look.
	Failed func(error)
}
