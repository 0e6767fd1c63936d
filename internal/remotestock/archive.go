package remotestock

import (
	"context"
	"fmt"

	"onsale/internal/sale"
)

// Archive removes a sale from Redis that is closed, has no holds, and whose last event, of
// this number, the ledger has recorded. Programs forget it once it is listed no more. The
// error is [sale.ErrConflict] where it is not over yet, with what is missing. A sale that is
// gone already is no error.
func (s *Store) Archive(ctx context.Context, id sale.ID, seq int64) error {
	r, err := s.ask(ctx, id, archiveScript, 0, seq)
	if err != nil && !isGone(err) {
		return err
	}
	outcome := "done"
	if err == nil {
		if outcome, err = r.text("outcome"); err != nil {
			return classify("archive", err)
		}
	}
	switch outcome {
	case "done":
	case "open":
		return sale.Conflict("sale %s is not closed: close it first", id)
	case "held":
		return sale.Conflict("sale %s has holds that are neither paid nor expired: wait until they are", id)
	case "behind":
		return sale.Conflict("the ledger has not recorded all events of sale %s yet: wait until it has", id)
	default:
		return classify("archive", fmt.Errorf("%w: archive answered %q", ErrReply, outcome))
	}
	// Keys that no script knows of: they would end by themselves.
	if err := s.client.SRem(ctx, s.config.Prefix.Sales(), string(id)).Err(); err != nil {
		return fmt.Errorf("sale %s is archived but still listed, archive it again: %w: %w", id, sale.ErrUnknown, err)
	}
	s.marks.Delete(id)
	s.stepped(id, 0)
	return nil
}
