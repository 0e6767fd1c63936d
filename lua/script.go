package lua

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Script is a Lua script and the digest under which Redis caches it.
type Script struct {
	Name        string // for logs, metrics and errors
	source, sha string
}

// NewScript names a script.
func NewScript(name, source string) *Script {
	sum := sha1.Sum([]byte(source))
	return &Script{Name: name, source: source, sha: hex.EncodeToString(sum[:])}
}

// Client is the part of a go-redis client that runs scripts.
type Client interface {
	Process(ctx context.Context, cmd redis.Cmder) error
}

// once is a command that go-redis's Cluster client may redirect (a redirect
// proves that it did not run) but must not send again after a network error.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// Call runs the script once: by digest, and in full where Redis does not have
// it, which proves that the first attempt did not run. The error is go-redis's.
func (s *Script) Call(ctx context.Context, client Client, keys []string, args []any) ([]any, error) {
	reply, err := send(ctx, client, "evalsha", s.sha, keys, args)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") {
		reply, err = send(ctx, client, "eval", s.source, keys, args)
	}
	return reply, err
}

func send(ctx context.Context, client Client, verb, body string, keys []string, args []any) ([]any, error) {
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
