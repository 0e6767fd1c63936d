package operate

import (
	"context"
	"errors"
	"fmt"
	"time"

	appledger "onsale/internal/app/ledger"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/ledger/postgres"
	"onsale/internal/remotestock"
	"onsale/internal/throttle"
)

// StoreFlags are where a sale's records are, for anyone who reads them all.
type StoreFlags struct {
	Site     app.SiteFlags           `embed:""`
	Redis    app.RedisFlags          `embed:"" prefix:"redis-"`
	Database appledger.DatabaseFlags `embed:"" prefix:"database-"`
}

// auditCall is how long one read of an audit may take: it brings every order.
const auditCall = 30 * time.Second

// stores are Redis and, where there is one, PostgreSQL.
type stores struct {
	*remotestock.Store
	client redis.UniversalClient
	config remotestock.Config
	ledger *postgres.Store // nil where no PostgreSQL was named
}

func (s *stores) close() error {
	if s.ledger != nil {
		s.ledger.Close()
	}
	return s.client.Close()
}

func openStores(ctx context.Context, at StoreFlags, rest throttle.Rest, log *zap.Logger) (*stores, error) {
	remotestock.SetLog(log)
	config := at.Redis.Config()
	config.Call, config.Rest = auditCall, rest
	client, err := remotestock.Dial(config)
	if err != nil {
		return nil, err
	}
	s := &stores{Store: remotestock.New(client, "operator", config, remotestock.Hooks{}, log), client: client, config: config}
	if at.Database.URL != "" {
		if s.ledger, err = postgres.Open(ctx, at.Database.URL); err != nil {
			return nil, errors.Join(err, client.Close())
		}
		s.ledger.Rest = rest
	}
	if err := s.checkSite(ctx, at); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// checkSite fails where Redis or the database belong to another site than the flags name, or
// not to each other. It records nothing.
func (s *stores) checkSite(ctx context.Context, at StoreFlags) error {
	kept, err := s.CheckSite(ctx, remotestock.Site{Name: at.Site.Name})
	if err != nil || s.ledger == nil {
		return err
	}
	has, err := s.ledger.Site(ctx)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if err := appledger.Owner(has, at.Site, at.Redis); err != nil {
		return err
	}
	if has.ID != "" && kept.Database != "" {
		_, err = s.CheckSite(ctx, remotestock.Site{Database: has.ID})
	}
	return err
}
