package remotestock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"onsale/internal/sale"
)

// ErrReply is returned where Redis answered in a shape that no script of ours
// has: another version's scripts, or another program's keys. What ran is unknown.
var ErrReply = errors.New("redis sent a reply of the wrong shape")

// unrun are the codes of errors that Redis sends before a script's first
// write. Our scripts read every key before they write, and report an error after
// their first write as TORN, so a WRONGTYPE or a NOPERM is one; BADCALL, BROKEN,
// NOSALE, LAYOUT, LOST and UNRECORDED are their own.
var unrun = []string{
	"LOADING", "OOM", "NOSCRIPT", "READONLY", "MISCONF", "BUSY", "MASTERDOWN", "NOREPLICAS",
	"MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "CROSSSLOT",
	"NOAUTH", "WRONGPASS", "NOPERM", "WRONGTYPE", "BADCALL", "BROKEN", "NOSALE", "LAYOUT", "LOST", "UNRECORDED",
	"ERR max number of clients",
}

// ran reports whether a failed call may have run. Only proof counts as no.
func ran(err error) bool {
	var reply redis.Error
	if errors.As(err, &reply) {
		for _, code := range unrun {
			if strings.HasPrefix(reply.Error(), code) {
				return false
			}
		}
		return true
	}
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "dial",
		unsent(err), errors.Is(err, redis.ErrClosed),
		errors.Is(err, errNeverSent), tripped(err):
		return false
	}
	return true
}

// errNeverSent is the end of claims for which no call was free in time.
var errNeverSent = errors.New("no call was free in time")

// tripped reports whether the circuit breaker refused the call.
func tripped(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}

// classify wraps a failed call's cause into the vocabulary's errors.
func classify(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case strings.HasPrefix(err.Error(), "NOSALE"):
		return sale.NoSale(what)
	case isLost(err): // also where it has the layout of another version, which reconciling mends
		return sale.Lost(what, err)
	case ran(err):
		return fmt.Errorf("%s: %w: %w", what, sale.ErrUnknown, err)
	}
	return fmt.Errorf("%s: %w: %w", what, sale.ErrUnavailable, err)
}

// hasCode reports whether an error of Redis begins with that code.
func hasCode(err error, code string) bool {
	var reply redis.Error
	return errors.As(err, &reply) && strings.HasPrefix(reply.Error(), code)
}

// errPast is the error of a call that an old master answered after the sale had been reconciled
// without it: what it did there is lost, and is to be done again.
var errPast = errors.New("the answer is of a time before the sale was reconciled")

// unavailable is the error of a read that has no outcome to lose.
func unavailable(err error) error {
	if err == nil || errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrNoSale) {
		return err
	}
	return fmt.Errorf("%w: %v", sale.ErrUnavailable, err)
}

// healthy reports whether the breaker should take a call as a success: whatever
// Redis answered, it is there, unless it reports that it can't work now. One whose memory is
// full works: it refuses new holds alone.
func healthy(err error) bool {
	var reply redis.Error
	if errors.As(err, &reply) {
		for _, code := range []string{"LOADING", "MASTERDOWN", "CLUSTERDOWN", "MISCONF", "READONLY", "NOREPLICAS"} {
			if strings.HasPrefix(reply.Error(), code) {
				return false
			}
		}
		return true
	}
	return err == nil || errors.Is(err, context.Canceled)
}

// unsent reports whether a call waited in vain for one of this program's own connections.
// That proves nothing about Redis, good or bad: the breaker does not count it.
func unsent(err error) bool {
	return errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrPoolExhausted)
}

// isGone reports whether Redis does not have the sale.
func isGone(err error) bool { return errors.Is(err, sale.ErrNoSale) }
