package strategy

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// interrupted is a client that has something happen just before a command, and
// after it: what another buyer's commands would do there, once in a thousand runs.
type interrupted struct {
	redis.UniversalClient
	command string
	before  func()
	after   func() // or nil
}

// HSetNX implements redis.Cmdable.
func (i interrupted) HSetNX(ctx context.Context, key, field string, value any) *redis.BoolCmd {
	if i.command == "hsetnx" {
		i.before()
	}
	if i.command == "hsetnx" && i.after != nil {
		defer i.after()
	}
	return i.UniversalClient.HSetNX(ctx, key, field, value)
}

// EvalSha implements redis.Scripter.
func (i interrupted) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if i.command == "evalsha" {
		i.before()
	}
	return i.UniversalClient.EvalSha(ctx, sha, keys, args...)
}
