package remotestock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"onsale/internal/keyspace"
	"onsale/lua"
)

// ErrRights is returned by [Store.CheckRights] where Redis refuses a command to this user.
var ErrRights = errors.New("the Redis user lacks rights")

// CheckRights tries every command that the scripts use, on keys of its own, and names those
// that Redis refuses to this user. A script that lacks a right fails after its first write:
// it sells nothing twice, but what it takes from the stock is missing until the sale is
// reconciled. A Redis that does not answer is no error: it is asked again when it sells.
func (s *Store) CheckRights(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	tag := s.config.Prefix.Trial(uuid.NewString())
	raw, err := rightsScript.Call(ctx, s.client, []string{tag + ":hash", tag + ":zset", tag + ":stream", tag + ":string", tag + ":list"}, nil)
	switch {
	case hasCode(err, "NOPERM"):
		return fmt.Errorf("%w: %w", ErrRights, err)
	case err != nil:
		return nil
	}
	denied, err := texts(raw)
	if err != nil || len(denied) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s. ACL SETUSER needs these rules: %s", ErrRights, strings.Join(denied, ", "), strings.Join(Rights(s.config.Prefix), " "))
}

// Rights are the rules that ACL SETUSER needs for a user of all programs of a site, beside its password: the site's keys, and the
// commands that programs send, by themselves or in scripts, and no others.
func Rights(prefix keyspace.Prefix) []string {
	rules := append(strings.Fields(prefix.Pattern()), "-@all")
	commands := slices.Sorted(slices.Values(append(slices.Clone(inScripts), bare...)))
	for _, command := range slices.Compact(commands) {
		rules = append(rules, "+"+command)
	}
	return rules
}

// inScripts are the commands that scripts send. lua/rights.lua tries each of them.
var inScripts = strings.Fields(`
	del exists get getrange hdel hget hgetall hlen hmget hset lrange ltrim persist pexpire rename rpush set setrange strlen time unlink
	xadd xdel xlen xrange xrevrange zadd zcard zrange zrangebylex zrangebyscore zrem zremrangebyscore zrevrange zscore
`)

// bare are the commands that programs send without a script. Replicas that confirm and a Redis Cluster need some more, see
// docs/operations.md.
var bare = strings.Fields(`
	client|setname config|get del eval evalsha exists expire get hgetall hmget hscan hset hsetnx info sadd select set smembers srem time unlink
	zadd zrangebyscore zscan
`)

var rightsScript = lua.NewScript("rights", lua.Rights)
