package upstream

import (
	"errors"
	"fmt"
	"time"
)

// Config is where the file is, how Nginx is reloaded, and how often at most.
type Config struct {
	// File is Nginx's upstream.conf. Its folder must be writable: the file is replaced
	// whole, by renaming.
	File string
	// Test is the command that checks whether Nginx accepts its configuration with the
	// file in place, such as `nginx -t -q -p /srv -c nginx.conf`. Empty: not tested,
	// which is right if a watcher beside Nginx does it.
	Test []string
	// Reload is the command that makes Nginx read the file, such as
	// `nginx -s reload -p /srv -c nginx.conf`. Empty: a watcher does it.
	Reload []string

	// Debounce is how long news of the cluster gathers before it is published, from the
	// first of a burst; later ones do not prolong it. Longer turns more news into one
	// reload; shorter takes buyers off a dead node sooner.
	Debounce time.Duration
	// MinInterval is the least time between two publications. Longer spares Nginx:
	// every reload replaces its workers and closes idle connections. Shorter helps where
	// nodes fail one after the other; retries cover them meanwhile.
	MinInterval time.Duration
	// Retry is the time before a failed publication is tried again. Longer leaves buyers
	// with the old nodes; shorter costs a process a try.
	Retry time.Duration
	// Check is how often the file is compared with what should be there, also without
	// news: an upgrade or a hand may have changed it. Longer leaves buyers for longer with
	// whatever is there; shorter reads the file more often.
	Check time.Duration
	// Timeout bounds each command. Longer waits for a machine under load; shorter notices
	// a command that hangs, and during Test the file is not proven yet.
	Timeout time.Duration
}

// DefaultConfig is the configuration without its file and commands.
func DefaultConfig() Config {
	return Config{
		Debounce:    100 * time.Millisecond,
		MinInterval: 500 * time.Millisecond,
		Retry:       time.Second,
		Check:       time.Second,
		Timeout:     5 * time.Second,
	}
}

// Validate reports every fault at once, or returns nil.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.File != "", "upstream file: missing")
	check(len(c.Test) == 0 || c.Test[0] != "", "upstream test: the command's name is empty")
	check(len(c.Reload) == 0 || c.Reload[0] != "", "upstream reload: the command's name is empty")
	check(c.Debounce >= 0 && c.Debounce <= time.Minute, "upstream debounce %v: want 0 to 1m", c.Debounce)
	check(c.MinInterval >= 0 && c.MinInterval <= time.Minute, "upstream interval %v: want 0 to 1m", c.MinInterval)
	check(c.Retry > 0 && c.Retry <= time.Minute, "upstream retry %v: want more than 0, at most 1m", c.Retry)
	check(c.Check > 0 && c.Check <= time.Minute, "upstream check %v: want more than 0, at most 1m", c.Check)
	check(c.Timeout > 0 && c.Timeout <= time.Minute, "upstream timeout %v: want more than 0, at most 1m", c.Timeout)
	return errors.Join(faults...)
}

// Hooks report what the publisher did. Nil hooks are not called.
type Hooks struct {
	// Published: the file names these nodes, and Nginx was reloaded (if that is configured).
	Published func(nodes, selling int, took time.Duration)
	// InForce: so many nodes are in the upstream that is in force, and so many of them sell. Called at every look that
	// succeeds, also if nothing had to be changed.
	InForce func(nodes, selling int)
	// Failed: one try to publish failed. It is tried again.
	Failed func(error)
	// Restored: the file had been changed by another hand, and is again what it was.
	Restored func()
	// LeftOut: so many nodes of the view are not in the upstream, see [Check] and
	// [MaxNodes]. Called at every look.
	LeftOut func(nodes int)
}
