package remotestock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// auditKept is for how long Redis keeps what an audit has found. Nobody decides by it: operators see it.
const auditKept = 30 * 24 * time.Hour

// NoteAudit records what an audit of a sale has found, in place of the last one's.
func (s *Store) NoteAudit(ctx context.Context, id sale.ID, a sale.Audited) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	if _, err = putScript.Call(ctx, s.client, []string{s.config.Prefix.Audit(id)}, []any{text, auditKept.Milliseconds()}); err != nil {
		return fmt.Errorf("audit: %w: %w", sale.ErrUnavailable, err)
	}
	return nil
}

// Audits returns what the last audits of these sales have found, in one round trip. A sale without one is missing.
func (s *Store) Audits(ctx context.Context, ids []sale.ID) (map[sale.ID]sale.Audited, error) {
	found := map[sale.ID]sale.Audited{}
	if len(ids) == 0 {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	p := s.client.Pipeline()
	texts := make([]*redis.StringCmd, len(ids))
	for i, id := range ids {
		texts[i] = p.Get(ctx, s.config.Prefix.Audit(id))
	}
	_, _ = p.Exec(ctx) // each command has its own error
	for i, text := range texts {
		var a sale.Audited
		switch body, err := text.Bytes(); {
		case errors.Is(err, redis.Nil):
		case err != nil:
			return nil, fmt.Errorf("audits: %w: %w", sale.ErrUnavailable, err)
		case json.Unmarshal(body, &a) == nil: // another version's is none
			found[ids[i]] = a
		}
	}
	return found, nil
}
