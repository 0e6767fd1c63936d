package remotestock

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// SetLog sends the lines of go-redis to log, at debug level: by itself it writes
// a line to standard error for every connection that fails, and anyone who called
// gets the same failure as an error. go-redis has one logger for the whole
// process, so the last call counts.
func SetLog(log *zap.Logger) { redis.SetLogger(driverLog{log}) }

// driverLog is go-redis's logger.
type driverLog struct{ log *zap.Logger }

func (d driverLog) Printf(_ context.Context, format string, args ...any) {
	if line := d.log.Check(zap.DebugLevel, "redis client"); line != nil {
		line.Write(zap.String("text", fmt.Sprintf(format, args...)))
	}
}
