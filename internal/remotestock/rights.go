package remotestock

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

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
	return fmt.Errorf("%w: %s. Give the user the categories @read @write @scripting @connection and the commands time, and config|get and info, which show how Redis is configured, and the keys %s",
		ErrRights, strings.Join(denied, ", "), s.config.Prefix.Pattern())
}

var rightsScript = lua.NewScript("rights", lua.Rights)
