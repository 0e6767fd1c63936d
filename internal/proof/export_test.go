package proof

import "context"

// Sales is how many sales are remembered.
func (w *Work) Sales() int {
	w.lock.Lock()
	defer w.lock.Unlock()
	return len(w.rates)
}

// Dial connects as a question does.
func (s *Siteverify) Dial(address string) error {
	c, err := s.config.transport().DialContext(context.Background(), "tcp", address)
	if err == nil {
		err = c.Close()
	}
	return err
}

// ErrNotLoopback is what keeps plain http on this machine.
var ErrNotLoopback = errNotLoopback
