package cluster

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"time"
)

// Drain ends nodes, allocators and, after them, ledgers, and leaves Redis and
// PostgreSQL as they left them, so that an audit finds the sale at rest. It may
// be called twice.
func (c *Cluster) Drain() error {
	err := errors.Join(end(slices.Concat(c.Nodes, c.Allocators)), end(c.Ledgers))
	c.Nodes, c.Allocators, c.Ledgers = nil, nil, nil
	return err
}

// end stops the members that run, all at the same time.
func end(members []*Member) error {
	var errs []error
	for _, m := range members {
		if m.Process != nil && m.Running() {
			errs = append(errs, m.Resume(), m.Signal(syscall.SIGTERM))
		}
	}
	for _, m := range members {
		if m.Process != nil && m.Running() {
			errs = append(errs, m.Stop(10*time.Second))
		}
	}
	return errors.Join(errs...)
}

// Close stops everything that is still running, nodes first so that they can
// drain, and removes a temporary folder. It may be called twice.
func (c *Cluster) Close() error {
	errs := []error{c.Drain()}
	if c.Nginx != nil {
		errs = append(errs, c.Nginx.Stop(5*time.Second))
		c.Nginx = nil
	}
	if c.Postgres != nil {
		errs = append(errs, c.Postgres.Resume(), c.Postgres.Stop(10*time.Second))
		c.Postgres = nil
	}
	errs = append(errs, c.closeRedis())
	if c.temporary {
		errs = append(errs, os.RemoveAll(c.Dir))
	}
	return errors.Join(errs...)
}
