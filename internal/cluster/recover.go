package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"onsale/internal/ledger"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// RecoverOptions say how far a recovery may go.
type RecoverOptions = ledger.RecoverOptions

// Recover rebuilds a sale's Redis state from the ledger, and says in words what
// it does. The sale is closed afterwards.
func Recover(ctx context.Context, at StoreFlags, id sale.ID, o RecoverOptions, progress func(string), log *zap.Logger) (_ ledger.Report, err error) {
	if at.Database.URL == "" {
		return ledger.Report{}, errors.New("a sale is recovered from PostgreSQL: set ONSALE_DATABASE_URL, or --database-url")
	}
	s, err := openStores(ctx, at, log)
	if err != nil {
		return ledger.Report{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	c := ledger.DefaultConfig()
	c.Call = s.config.Call
	c.LeaseTime = max(c.LeaseTime, 2*c.Call)
	quick := c
	quick.Call = time.Second // a lease is one small call, unlike what a recovery reads
	holder := readerHolder(s.client, id, "recover/"+uuid.NewString(), quick, func(error) {})
	return ledger.Recover(ctx, stock{s.Store}, s.ledger, s.Store, holder, id, c, o, progress)
}

// stock is Redis as a recovery sees it.
type stock struct{ *remotestock.Store }

// Sale is the sale's definition.
func (s stock) Sale(ctx context.Context, id sale.ID) (sale.Sale, error) {
	d, _, err := s.Read(ctx, id, 0)
	return d, err
}
