package cluster

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// auditCall is how long one read of an audit may take: it brings every order.
const auditCall = 30 * time.Second

// Audit reads a sale whole from the Redis that the flags name and checks it.
// It is exact on a sale that rests. The errors are those of the store,
// [sale.ErrNoSale] among them; broken promises are the audit's faults.
func Audit(ctx context.Context, redis RedisFlags, id sale.ID, log *zap.Logger) (_ remotestock.Audit, err error) {
	remotestock.SetLog(log)
	config := redis.config()
	config.Call = auditCall
	client, err := remotestock.Dial(config)
	if err != nil {
		return remotestock.Audit{}, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return remotestock.New(client, "audit", config, remotestock.Hooks{}, log).Audit(ctx, id)
}
