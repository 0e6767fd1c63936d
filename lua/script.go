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
	for _, full := range []bool{false, true} {
		cmd := s.Command(ctx, full, keys, args)
		err := client.Process(ctx, once{cmd})
		switch {
		case err == nil:
			return cmd.Slice()
		case full || !Missing(err):
			return nil, err
		}
	}
	panic("unreachable")
}

// Command is the script as a command: by digest, or in full. Anyone who sends it by
// digest sends it again in full where the error is [Missing].
func (s *Script) Command(ctx context.Context, full bool, keys []string, args []any) *redis.Cmd {
	verb, body := "evalsha", s.sha
	if full {
		verb, body = "eval", s.source
	}
	all := make([]any, 0, 3+len(keys)+len(args))
	all = append(all, verb, body, len(keys))
	for _, k := range keys {
		all = append(all, k)
	}
	return redis.NewCmd(ctx, append(all, args...)...)
}

// Missing reports whether Redis does not have the script's digest: it did not run.
func Missing(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }
