package testbed

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
func (s *Site) Drain() error {
	err := errors.Join(end(slices.Concat(s.Nodes, s.Allocators)), end(s.Ledgers))
	s.Nodes, s.Allocators, s.Ledgers = nil, nil, nil
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
func (s *Site) Close() error {
	errs := []error{s.Drain()}
	if s.Nginx != nil {
		errs = append(errs, s.Nginx.Stop(5*time.Second))
		s.Nginx = nil
	}
	if s.Postgres != nil {
		errs = append(errs, s.Postgres.Resume(), s.Postgres.Stop(10*time.Second))
		s.Postgres = nil
	}
	errs = append(errs, s.closeRedis())
	if s.temporary {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	return errors.Join(errs...)
}
