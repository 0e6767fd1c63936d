package cluster

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// Drain ends nodes and allocators and leaves Redis as they left it, so that an
// audit finds the sale at rest. It may be called twice.
func (c *Cluster) Drain() error {
	var errs []error
	members := append(c.Nodes[:len(c.Nodes):len(c.Nodes)], c.Allocators...)
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
	c.Nodes, c.Allocators = nil, nil
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
	if c.Redis != nil {
		errs = append(errs, c.Redis.Signal(syscall.SIGCONT), c.Redis.Stop(10*time.Second))
		c.Redis = nil
	}
	if c.temporary {
		errs = append(errs, os.RemoveAll(c.Dir))
	}
	return errors.Join(errs...)
}
