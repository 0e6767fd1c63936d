package upstream

import (
	"errors"
	"fmt"
	"time"
)

// Config is where the file is, how Nginx takes it, and how often at most.
type Config struct {
	// Mode is what the file is.
	Mode Mode
	// File is Nginx's site/upstream.conf, or site/peers. Its folder must be writable: the file is
	// replaced whole, by renaming.
	File string
	// Test is the command that checks whether Nginx accepts its configuration with the
	// file in place, such as `nginx -t -q -p /srv -c nginx.conf`. Empty: not tested,
	// which is right if a watcher beside Nginx does it, and for Peers.
	Test []string
	// Reload is the command that makes Nginx read the file, such as
	// `nginx -s reload -p /srv -c nginx.conf`. Empty: a watcher does it, or Nginx needs none
	// because of Peers.
	Reload []string

	// Debounce is how long news of the cluster gathers before it is published, from the
	// first of a burst; later ones do not prolong it. Longer turns more news into one
	// reload; shorter takes buyers off a dead node sooner.
	Debounce time.Duration
	// MinInterval is the least time between two publications. Longer spares Nginx:
	// every reload replaces its workers and closes idle connections, and a file of peers is
	// written and fsynced. Shorter helps where nodes fail one after the other; retries cover
	// them meanwhile.
	MinInterval time.Duration
	// Retry is the time before a failed publication, or the lock of the file, is tried again. Longer
	// leaves buyers with the old nodes; shorter costs a process a try.
	Retry time.Duration
	// Check is how often the file is compared with what should be there, also without
	// news: an upgrade or a hand may have changed it. Longer leaves buyers for longer with
	// whatever is there; shorter reads the file more often.
	Check time.Duration
	// Timeout bounds each command. Longer waits for a machine under load; shorter notices
	// a command that hangs, and during Test the file is not proven yet.
	Timeout time.Duration
}

// DefaultConfig is the configuration of a mode without its file and commands.
func DefaultConfig(mode Mode) Config {
	c := Config{
		Mode:        mode,
		Debounce:    100 * time.Millisecond,
		MinInterval: 500 * time.Millisecond,
		Retry:       time.Second,
		Check:       time.Second,
		Timeout:     5 * time.Second,
	}
	if mode == Peers {
		c.MinInterval = 100 * time.Millisecond // as often as Nginx looks
	}
	return c
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
	check(c.Mode == Rendered || len(c.Test)+len(c.Reload) == 0,
		"upstream reload: Nginx reads a file of peers by itself, without test and reload")
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
	// Workers that read a file of peers have it within 100 ms more.
	Published func(nodes, selling int, took time.Duration)
	// InForce: so many nodes are in the upstream that is in force, and so many of them sell. Called at every look that
	// succeeds, also if nothing had to be changed.
	InForce func(nodes, selling int)
	// Failed: one try to publish failed. It is tried again.
	Failed func(error)
	// Restored: the file had been changed by another hand, and is again what it was.
	Restored func()
	// StandsBy: another process writes the file, and this one waits for it to end. Called at every
	// look.
	StandsBy func()
	// LeftOut: so many nodes of the view are not in the upstream, see [Check] and
	// [MaxNodes]. Called at every look.
	LeftOut func(nodes int)
}
