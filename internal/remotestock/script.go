package remotestock

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"github.com/redis/go-redis/v9"

	"onsale/lua"
)

// script is a Lua script and the digest under which Redis caches it.
type script struct {
	name, source, sha string
}

func newScript(name, source string) *script {
	sum := sha1.Sum([]byte(source))
	return &script{name: name, source: source, sha: hex.EncodeToString(sum[:])}
}

var (
	openScript     = newScript("open", lua.Open)
	deductScript   = newScript("deduct", lua.Deduct)
	resolveScript  = newScript("resolve", lua.Resolve)
	settleScript   = newScript("settle", lua.Settle)
	expireScript   = newScript("expire", lua.Expire)
	drawScript     = newScript("draw", lua.Draw)
	readScript     = newScript("read", lua.Read)
	planScript     = newScript("plan", lua.Plan)
	restockScript  = newScript("restock", lua.Restock)
	closeScript    = newScript("close", lua.Close)
	snapshotScript = newScript("snapshot", lua.Snapshot)
	restoreScript  = newScript("restore", lua.Restore)
	leaseScript    = newScript("lease", lua.Lease)
	rollScript     = newScript("roll", lua.Roll)
)

// once is a command that go-redis's Cluster client may redirect (a redirect
// proves that it did not run) but must not send again after a network error.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// call runs the script: by digest, and in full where Redis does not have it,
// which proves that the first attempt did not run.
func (s *script) call(ctx context.Context, client redis.UniversalClient, keys []string, args []any) ([]any, error) {
	reply, err := s.send(ctx, client, "evalsha", s.sha, keys, args)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") {
		reply, err = s.send(ctx, client, "eval", s.source, keys, args)
	}
	return reply, err
}

func (s *script) send(ctx context.Context, client redis.UniversalClient, verb, body string, keys []string, args []any) ([]any, error) {
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, verb, body, len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	cmd := redis.NewCmd(ctx, append(all, args...)...)
	if err := client.Process(ctx, once{cmd}); err != nil {
		return nil, err
	}
	return cmd.Slice()
}
