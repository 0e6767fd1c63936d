package remotestock

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"onsale/internal/pause"
	"onsale/internal/sale"
)

// Site is what all programs of a site have to agree on. What a program does not know is
// empty, and then neither recorded nor compared.
type Site struct {
	Name     string   // as the operators call it
	Ledger   string   // "1": it has a ledger, "0": it has none
	Gossip   []string // digests of the keys of its gossip, the first of which encrypts
	Database string   // the id of the ledger's database
}

// ErrSite is returned by [Store.JoinSite] and [Store.CheckSite] where Redis belongs to
// another site than this program does, or to one of another kind.
var ErrSite = errors.New("this Redis belongs to another site")

const (
	// siteEvery is how often a site's key is looked at: a Redis that came back empty gets it
	// again.
	siteEvery = 5 * time.Second
	// siteAtFirst is the same until Redis has answered for the first time: nothing begins
	// before that.
	siteAtFirst = 250 * time.Millisecond
)

// KeepSite does what JoinSite does, again and again until ctx ends: a Redis that came back
// empty is the site's again within seconds. It returns [ErrSite], or [ErrRights] where the
// Redis user may not run what scripts need. What writes to Redis begins after
// [Store.AwaitSite]. What site returns may change meanwhile.
func (s *Store) KeepSite(ctx context.Context, site func() Site) error {
	every, away := siteAtFirst, false
	for {
		err := s.JoinSite(ctx, site())
		if err == nil && every == siteAtFirst { // Redis answers, so what it refuses is known
			err = s.CheckRights(ctx)
		}
		switch {
		case errors.Is(err, ErrSite), errors.Is(err, ErrRights):
			return err
		case err == nil:
			s.joinOnce.Do(func() { close(s.joined) })
			every, away = siteEvery, false
		case !away && ctx.Err() == nil:
			away = true
			s.log.Warn("can't look at the site's key; trying on", zap.String("key", s.config.Prefix.Site()), zap.Error(err))
		}
		if !pause.Together(ctx, every) {
			return nil
		}
	}
}

// AwaitSite waits until [Store.KeepSite] has found this program to belong to Redis's site. It
// is false where ctx ends first.
func (s *Store) AwaitSite(ctx context.Context) bool {
	select {
	case <-s.joined:
		return true
	case <-ctx.Done():
		return false
	}
}

// siteFields are the fields of the site's key, and what to do where one differs.
func (s *Store) siteFields(site Site) []siteField {
	key := s.config.Prefix.Site()
	return []siteField{
		{"name", site.Name, "it is of the site %q, and this program was started for the site %q: give one of them a --redis-prefix of its own, or this program --site and the name"},
		{"ledger", site.Ledger, "it is of a site with (1) or without (0) a ledger, %s, and this program was started for one with %s: start allocators with --ledger or --no-ledger alike; to change a site, stop its programs and HDEL " + key + " ledger"},
		{"database", site.Database, "its ledger is the database with the id %s, and this one has %s: give two sites a --redis-prefix each, or this program the site's own database; where that is lost for good, HDEL " + key + " database"},
	}
}

type siteField struct{ name, value, differs string }

// JoinSite records what this program knows of its site, or compares it with what the first
// program has recorded. Programs of another site would sell, cancel and archive this one's
// orders; and a sale of a site with a ledger sells once it is recorded there, so programs that
// differ in that would sell what nobody records, or never sell. The error is [ErrSite],
// [ErrRights] or [sale.ErrUnavailable].
func (s *Store) JoinSite(ctx context.Context, site Site) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	// Read first: where memory is full, what is there can be read but not written.
	kept, err := s.compareSite(ctx, site)
	if err != nil {
		return err
	}
	key, wrote := s.config.Prefix.Site(), false
	for _, f := range s.siteFields(site) {
		if f.value == "" || kept[f.name] != "" {
			continue
		}
		if err := s.client.HSetNX(ctx, key, f.name, f.value).Err(); err != nil {
			return s.siteError(err)
		}
		wrote = true
	}
	if len(site.Gossip) > 0 && len(gossipOf(kept)) == 0 {
		if err := s.client.HSetNX(ctx, key, gossipField, site.Gossip[0]).Err(); err != nil {
			return s.siteError(err)
		}
		wrote = true
	}
	if wrote { // another program may have been faster
		if kept, err = s.compareSite(ctx, site); err != nil {
			return err
		}
	}
	return s.addGossip(ctx, site, kept)
}

// gossipField has the digest of a site's first gossip key. Those that came by rotation have a field each, whose name this
// begins and the digest ends: programs that rotate at the same time overwrite nothing.
const gossipField = "gossip"

// gossipOf are the digests of the keys that a site's gossip has had.
func gossipOf(kept map[string]string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		if digest, further := strings.CutPrefix(name, gossipField+"-"); further {
			all = append(all, digest)
		} else if name == gossipField {
			all = append(all, kept[name])
		}
	}
	return all
}

// compareGossip returns [ErrSite] where none of the program's keys is one of the site's.
func (s *Store) compareGossip(site Site, kept map[string]string) error {
	recorded := gossipOf(kept)
	if len(recorded) == 0 || len(site.Gossip) == 0 || slices.ContainsFunc(site.Gossip, func(d string) bool { return slices.Contains(recorded, d) }) {
		return nil
	}
	key, fields := s.config.Prefix.Site(), gossipField
	for name := range kept {
		if strings.HasPrefix(name, gossipField+"-") {
			fields += " " + name
		}
	}
	return fmt.Errorf("%w: %s: its programs have gossip keys with the digests %s, this one has %s: give two sites a --redis-prefix each; to rotate a site's key, add it below the old one first; to change it at once, stop the site's programs and HDEL %s %s",
		ErrSite, key, strings.Join(recorded, ", "), strings.Join(site.Gossip, ", "), key, fields)
}

// addGossip records the keys that the program has beside one of the site's.
func (s *Store) addGossip(ctx context.Context, site Site, kept map[string]string) error {
	recorded := gossipOf(kept)
	for _, digest := range site.Gossip {
		if slices.Contains(recorded, digest) {
			continue
		}
		if err := s.client.HSetNX(ctx, s.config.Prefix.Site(), gossipField+"-"+digest, "1").Err(); err != nil {
			return s.siteError(err)
		}
	}
	return nil
}

// compareSite returns the site's key, and [ErrSite] where it has something else.
func (s *Store) compareSite(ctx context.Context, site Site) (kept map[string]string, err error) {
	key := s.config.Prefix.Site()
	if kept, err = s.client.HGetAll(ctx, key).Result(); err != nil {
		return nil, s.siteError(err)
	}
	for _, f := range s.siteFields(site) {
		if was := kept[f.name]; f.value != "" && was != "" && was != f.value {
			return nil, fmt.Errorf("%w: %s: "+f.differs, ErrSite, key, was, f.value)
		}
	}
	return kept, s.compareGossip(site, kept)
}

// CheckSite returns the site that Redis has recorded, and [ErrSite] if that is another one. It
// records nothing. Other errors are [ErrRights] and [sale.ErrUnavailable].
func (s *Store) CheckSite(ctx context.Context, site Site) (Site, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	h, err := s.compareSite(ctx, site)
	return Site{Name: h["name"], Ledger: h["ledger"], Gossip: gossipOf(h), Database: h["database"]}, err
}

// siteError distinguishes rights that the user lacks from a Redis that is away.
func (s *Store) siteError(err error) error {
	if hasCode(err, "NOPERM") {
		return fmt.Errorf("%w: %w: the keys of this site are %s", ErrRights, err, s.config.Prefix.Pattern())
	}
	return fmt.Errorf("site: %w: %w", sale.ErrUnavailable, err)
}

// Yield asks the ledger that reads a sale's stream to leave it to the caller for a while.
func (s *Store) Yield(ctx context.Context, id sale.ID, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	if _, err := putScript.Call(ctx, s.client, []string{s.config.Prefix.Yield(id)}, []any{"1", d.Milliseconds()}); err != nil {
		return fmt.Errorf("yield: %w: %w", sale.ErrUnavailable, err)
	}
	return nil
}

// Yielded reports whether somebody has asked for that.
func (s *Store) Yielded(ctx context.Context, id sale.ID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	n, err := s.client.Exists(ctx, s.config.Prefix.Yield(id)).Result()
	if err != nil {
		return false, fmt.Errorf("yield: %w: %w", sale.ErrUnavailable, err)
	}
	return n > 0, nil
}

// Resume takes a request of Yield back.
func (s *Store) Resume(ctx context.Context, id sale.ID) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	if err := s.client.Del(ctx, s.config.Prefix.Yield(id)).Err(); err != nil {
		return fmt.Errorf("yield: %w: %w", sale.ErrUnavailable, err)
	}
	return nil
}
