package node

import (
	"onsale/internal/buyerapi"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/token"
)

// commits are the group commits of one sale.
type commits struct {
	*remotestock.Committer
	joins *remotestock.Joiner
}

func newCommits(s *remotestock.Store, id sale.ID, w remotestock.Watcher, c remotestock.CommitConfig) commits {
	return commits{s.Committer(id, w, c), s.Joiner(id, w, c)}
}

// Join implements [checkout.Remote].
func (c commits) Join(j sale.Join) (sale.Placed, error) { return c.joins.Join(j) }

// Wait returns when every claim and join has been answered.
func (c commits) Wait() {
	c.Committer.Wait()
	c.joins.Wait()
}

// places are the keys of place tokens, nil without a file. buyers is nil where its keys can't be
// read, which is an error already.
func (c Config) places(buyers *identity) (buyerapi.Places, error) {
	if c.PlaceKeys == "" {
		return nil, nil
	}
	keys, err := token.LoadPlaces(c.PlaceKeys)
	if err == nil && buyers != nil && buyers.Verifier != nil {
		err = buyers.Apart(keys)
	}
	return keys, err
}
