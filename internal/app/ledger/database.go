package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/lease"
	"onsale/internal/ledger"
	"onsale/internal/ledger/postgres"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
)

// Owner compares whose records a database has with the site of a program's flags. What
// either does not know is not compared.
func Owner(has postgres.Site, site app.SiteFlags, redis app.RedisFlags) error {
	switch {
	case has.ID == "":
	case site.Name != "" && has.Name != "" && has.Name != site.Name:
		return fmt.Errorf("%w: the database has the records of the site %q, and this program was started for the site %q: give each site a database of its own, or this program --site and the name",
			remotestock.ErrSite, has.Name, site.Name)
	case has.Prefix != string(redis.Prefix):
		return fmt.Errorf("%w: the database has the records of the site with the Redis prefix %q, and this program was started with %q: give each site a database of its own, or this program --redis-prefix and that prefix",
			remotestock.ErrSite, has.Prefix, redis.Prefix)
	}
	return nil
}

// errOthersRecord: a database without a site, beside ledgers that record this site's sales.
var errOthersRecord = errors.New("other ledgers of this site run, and this one's database is empty: give all ledgers the same database; where it was lost, stop them all first")

// joinDatabase has Redis and the database agree whose records they are, and returns the
// database's id. It waits while one of them is away. A database that is new gets the site's
// id, so that one which was lost can be replaced by an empty one; but not beside ledgers that
// run, which would share the sales between two databases.
func (l *Ledger) joinDatabase(ctx context.Context) (id string, err error) {
	// What a ledger that has just died leaves in the registry ends within its lease.
	patience := time.Now().Add(2 * ledger.DefaultConfig().LeaseTime)
	for logged := false; ; {
		id, err = l.claimDatabase(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return id, nil
		case errors.Is(err, remotestock.ErrSite), errors.Is(err, remotestock.ErrRights):
			return "", err
		case errors.Is(err, errOthersRecord) && time.Now().After(patience):
			return "", err
		}
		if !logged {
			l.log.Warn("not yet known whose records the database has; trying on", zap.Error(err))
			logged = true
		}
		pause.For(ctx, 500*time.Millisecond)
	}
}

func (l *Ledger) claimDatabase(ctx context.Context) (string, error) {
	kept, err := l.stock.CheckSite(ctx, l.site)
	if err != nil {
		return "", err
	}
	has, err := l.store.Site(ctx)
	if err != nil {
		return "", err
	}
	if has.ID == "" {
		claim := postgres.Site{ID: kept.Database, Name: l.config.Site.Name, Prefix: string(l.config.Redis.Prefix)}
		if claim.ID == "" {
			claim.ID = rand.Text()
		} else if others, err := lease.NewRegistry(l.client, l.config.Redis.Prefix, "ledger").Members(ctx); err != nil || len(others) > 0 {
			return "", errors.Join(err, errOthersRecord)
		}
		if has, err = l.store.Claim(ctx, claim); err != nil {
			return "", err
		}
	}
	if err := Owner(has, l.config.Site, l.config.Redis); err != nil {
		return "", err
	}
	return has.ID, l.stock.JoinSite(ctx, remotestock.Site{Database: has.ID})
}
