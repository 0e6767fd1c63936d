package remotestock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/sale"
)

// siteKey is what all programs of a site have to agree on.
const siteKey = "onsale:site"

// ErrSite is returned by [Store.JoinSite] where this program was started for another kind of
// site than the first one was.
var ErrSite = errors.New("this Redis belongs to a site of another kind")

// siteEvery is how often a site's key is looked at: a Redis that came back empty gets it
// again.
const siteEvery = 5 * time.Second

// JoinSite records whether the site has a ledger, or compares with what the first program
// has recorded, again and again until ctx ends. A sale of a site with a ledger sells once it
// is recorded there, so programs that differ would sell what nobody records, or never sell.
// It returns [ErrSite], or [ErrRights] where the Redis user may not run what scripts need.
func (s *Store) JoinSite(ctx context.Context, ledger bool) error {
	tick := time.NewTicker(siteEvery)
	defer tick.Stop()
	checked := false
	for {
		call, cancel := context.WithTimeout(ctx, s.config.Call)
		err := s.joinSite(call, flag(ledger))
		cancel()
		if err == nil && !checked { // Redis answers, so what it refuses is known
			err, checked = s.CheckRights(ctx), true
		}
		if errors.Is(err, ErrSite) || errors.Is(err, ErrRights) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			s.log.Debug("can't look at the site's key", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *Store) joinSite(ctx context.Context, ledger string) error {
	// Read first: where memory is full, what is there can be read but not written.
	kept, err := s.client.HGet(ctx, siteKey, "ledger").Result()
	if errors.Is(err, redis.Nil) {
		if err := s.client.HSetNX(ctx, siteKey, "ledger", ledger).Err(); err != nil {
			return err
		}
		kept, err = s.client.HGet(ctx, siteKey, "ledger").Result()
	}
	if err != nil || kept == ledger {
		return err
	}
	has := map[string]string{"1": "with a ledger", "0": "without a ledger"}
	return fmt.Errorf("%w: %s is of a site %s, this program was started for one %s. Start allocators with --ledger or --no-ledger alike; to change a site, stop its programs and HSET %s ledger %s",
		ErrSite, siteKey, has[kept], has[ledger], siteKey, ledger)
}

// HasLedger reports whether the site's key says that there is a ledger.
func (s *Store) HasLedger(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	kept, err := s.client.HGet(ctx, siteKey, "ledger").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, fmt.Errorf("site: %w: %w", sale.ErrUnavailable, err)
	}
	return kept == "1", nil
}

// Yield asks the ledger that reads a sale's stream to leave it to the caller for a while.
func (s *Store) Yield(ctx context.Context, id sale.ID, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	if _, err := putScript.Call(ctx, s.client, []string{yieldKey(id)}, []any{"1", d.Milliseconds()}); err != nil {
		return fmt.Errorf("yield: %w: %w", sale.ErrUnavailable, err)
	}
	return nil
}

// Yielded reports whether somebody has asked for that.
func (s *Store) Yielded(ctx context.Context, id sale.ID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	n, err := s.client.Exists(ctx, yieldKey(id)).Result()
	if err != nil {
		return false, fmt.Errorf("yield: %w: %w", sale.ErrUnavailable, err)
	}
	return n > 0, nil
}

// Resume takes a request of Yield back.
func (s *Store) Resume(ctx context.Context, id sale.ID) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	if err := s.client.Del(ctx, yieldKey(id)).Err(); err != nil {
		return fmt.Errorf("yield: %w: %w", sale.ErrUnavailable, err)
	}
	return nil
}

func yieldKey(id sale.ID) string { return "onsale:yield:" + string(id) }
