package remotestock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/internal/pause"
	"onsale/internal/sale"
)

// insist makes a call again while it may have run and nobody knows, as the group commit does
// with claims: for Patience, with a Pause before each try. The call must have the effect of
// one however often it is made. again reports that it was made more than once, so that an
// earlier try may have done what the last one found done.
//
// Where the first try proves that it did not run, that is the answer at once. Later ones
// prove nothing about those before them, so the outcome stays unknown until one is decided.
// A sale that is shut answers nobody, so it is not asked again: reconciliation finds out what
// ran.
func (s *Store) insist(ctx context.Context, call func() error) (again bool, err error) {
	for giveUp := time.Now().Add(s.config.Patience); ; again = true {
		err = call()
		unknown := errors.Is(err, sale.ErrUnknown)
		if err == nil || !unknown && !(again && errors.Is(err, sale.ErrUnavailable)) {
			return again, err
		}
		if pause.For(ctx, s.config.Pause) && !time.Now().After(giveUp) && !errors.Is(err, sale.ErrLost) {
			continue
		}
		if !unknown {
			// The text of the cause, but not that nothing has changed.
			err = fmt.Errorf("%w: %v", sale.ErrUnknown, err)
		}
		return again, err
	}
}
