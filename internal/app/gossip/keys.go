package gossip

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/membership"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
	"onsale/internal/secretfile"
)

// LoadKeys reads a file of keys, one a line: 16, 24 or 32 bytes in base64. The first one encrypts, all decrypt. Blank lines
// and those that start with # are not read. It reports every faulty line, by its number and never by its content.
func LoadKeys(file string) (membership.Keys, error) {
	var keys membership.Keys
	err := secretfile.Read(file, "gossip key", membership.MaxKeys, func(text string) error {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != 16 && len(key) != 24 && len(key) != 32 {
			return errors.New("want 16, 24 or 32 bytes in base64; make secrets makes one")
		}
		if slices.ContainsFunc(keys, func(k []byte) bool { return slices.Equal(k, key) }) {
			return errors.New("this key stands above already")
		}
		keys = append(keys, key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// KeyFile follows the file of a member's keys.
type KeyFile struct {
	file string // empty: there is none
	keys atomic.Pointer[membership.Keys]
}

// NewKeyFile follows the flags' file. keys are those that were read from it at the start.
func NewKeyFile(f Flags, keys membership.Keys) *KeyFile {
	k := &KeyFile{file: f.KeyFile}
	k.keys.Store(&keys)
	return k
}

// Site is the site with the digests of the keys as they are now.
func (k *KeyFile) Site(of remotestock.Site) remotestock.Site {
	of.Gossip = digests(*k.keys.Load())
	return of
}

// digests are short names of keys, which have at least 128 random bits: a digest gives nothing away.
func digests(keys membership.Keys) (all []string) {
	for _, key := range keys {
		sum := sha256.Sum256(append([]byte("onsale gossip key "), key...))
		all = append(all, hex.EncodeToString(sum[:8]))
	}
	return all
}

// keysEvery is the time between two looks at the file. Raised, a step of a rotation takes longer; lowered, the file is read more often.
const keysEvery = time.Second

var notTaken = &failurelog.Kind{Begins: "can't take the gossip keys; those of before count on", Over: "the gossip keys are good again", Level: zap.WarnLevel}

// Joiner records what a program knows of its site.
type Joiner interface {
	JoinSite(ctx context.Context, site remotestock.Site) error
}

// Follow has set take the keys whenever the file has others, until ctx ends. A file that is away or not good changes nothing.
//
// Keys are taken once Redis has their digests. Otherwise a program that takes the last step of a rotation soon after the first would find
// none of its keys recorded, and end as one of another site.
func (k *KeyFile) Follow(ctx context.Context, redis Joiner, site remotestock.Site, set func(membership.Keys) error, log *zap.Logger) error {
	if k.file == "" {
		<-ctx.Done()
		return nil
	}
	failures := failurelog.New[string](log, nil)
	for pause.Together(ctx, keysEvery) {
		if err := k.look(ctx, redis, site, set, log); err != nil {
			failures.Note(k.file, notTaken, err)
		} else {
			failures.Note(k.file, nil, nil)
		}
	}
	return nil
}

func (k *KeyFile) look(ctx context.Context, redis Joiner, site remotestock.Site, set func(membership.Keys) error, log *zap.Logger) error {
	now, err := LoadKeys(k.file)
	if err != nil || slices.EqualFunc(now, *k.keys.Load(), slices.Equal) {
		return err
	}
	site.Gossip = append(digests(*k.keys.Load()), digests(now)...)
	if err := redis.JoinSite(ctx, site); err != nil {
		return err
	}
	if err := set(now); err != nil {
		return err
	}
	k.keys.Store(&now)
	log.Info("gossip keys changed", zap.Strings("digests", digests(now)))
	return nil
}
