package remotestock_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"onsale/internal/keyspace"
	"onsale/internal/remotestock"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process/processtest"
)

// ofSite is a store of a site of this prefix.
func ofSite(t *testing.T, prefix keyspace.Prefix) *remotestock.Store {
	t.Helper()
	s, _ := newStore(t, server.Addr(), "n1", func(c *remotestock.Config) { c.Prefix = prefix })
	return s
}

func TestAProgramOfAnotherSiteIsRefused(t *testing.T) {
	ctx := t.Context()
	s := ofSite(t, "refused")
	if err := s.JoinSite(ctx, remotestock.Site{Name: "shop", Ledger: "1", Gossip: []string{"aa"}, Database: "d1"}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		site remotestock.Site
		want string // in the error; empty: it is let in
	}{
		"the same":                     {remotestock.Site{Name: "shop", Ledger: "1", Gossip: []string{"aa"}, Database: "d1"}, ""},
		"one that knows the name only": {remotestock.Site{Name: "shop"}, ""},
		"one that knows nothing":       {remotestock.Site{}, ""},
		"of another name":              {remotestock.Site{Name: "other", Ledger: "1"}, "--redis-prefix"},
		"without a ledger":             {remotestock.Site{Name: "shop", Ledger: "0"}, "--no-ledger"},
		"of another gossip key":        {remotestock.Site{Name: "shop", Gossip: []string{"bb", "cc"}}, "HDEL refused:onsale:site gossip"},
		"of another database":          {remotestock.Site{Name: "shop", Database: "d2"}, "HDEL refused:onsale:site database"},
	} {
		t.Run(name, func(t *testing.T) {
			err := s.JoinSite(ctx, c.site)
			if got := errors.Is(err, remotestock.ErrSite); got != (c.want != "") {
				t.Fatalf("got %v, want it refused: %v", err, c.want != "")
			}
			if c.want == "" {
				return
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "refused:onsale:site") {
				t.Errorf("got %q, want the key and %q in it", err, c.want)
			}
			if err := s.KeepSite(ctx, func() remotestock.Site { return c.site }); !errors.Is(err, remotestock.ErrSite) {
				t.Errorf("got %v, want %v", err, remotestock.ErrSite)
			}
			soon, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			if s.AwaitSite(soon) {
				t.Error("got it in the site")
			}
		})
	}
	if err := ofSite(t, "elsewhere").JoinSite(ctx, remotestock.Site{Name: "other", Ledger: "0", Gossip: []string{"bb"}, Database: "d2"}); err != nil {
		t.Errorf("under another prefix: got %v, want it let in", err)
	}
	got, err := s.CheckSite(ctx, remotestock.Site{})
	if want := (remotestock.Site{Name: "shop", Ledger: "1", Gossip: []string{"aa"}, Database: "d1"}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v (%v) recorded, want %+v as it was", got, err, want)
	}
}

// While a site's gossip key is rotated, programs of each step are in it; who has none of its keys is not, at any of them.
func TestGossipKeysRotateInASite(t *testing.T) {
	ctx := t.Context()
	s := ofSite(t, "rotated")
	join := func(digests ...string) error { return s.JoinSite(ctx, remotestock.Site{Name: "shop", Gossip: digests}) }
	for _, step := range [][]string{{"old"}, {"old", "new"}, {"old"}, {"new", "old"}, {"old", "new"}, {"new"}, {"new", "newer"}, {"newer"}} {
		if err := join(step...); err != nil {
			t.Fatalf("%v: got %v, want it let in", step, err)
		}
		if err := join("other", "another"); !errors.Is(err, remotestock.ErrSite) {
			t.Errorf("beside %v: got %v, want %v", step, err, remotestock.ErrSite)
		}
	}
	got, err := s.CheckSite(ctx, remotestock.Site{})
	if want := []string{"old", "new", "newer"}; err != nil || !reflect.DeepEqual(got.Gossip, want) {
		t.Errorf("got %v, %v, want %v", got.Gossip, err, want)
	}
}

// What writes begins once Redis has answered, and a Redis that came back empty, or was joined
// by programs of an earlier version, gets what is missing.
func TestASiteIsKept(t *testing.T) {
	t.Parallel()
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1", func(c *remotestock.Config) { c.Prefix = "kept" })
	if err := client.HSet(t.Context(), "kept:onsale:site", "ledger", "1").Err(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.KeepSite(ctx, func() remotestock.Site { return remotestock.Site{Name: "shop", Ledger: "1"} })
	}()
	if !s.AwaitSite(ctx) {
		t.Fatal("got it out of the site")
	}
	recorded := func() bool {
		got, err := s.CheckSite(ctx, remotestock.Site{})
		return err == nil && reflect.DeepEqual(got, remotestock.Site{Name: "shop", Ledger: "1"})
	}
	if !recorded() {
		t.Error("got an incomplete key of an earlier version")
	}
	if err := client.Del(ctx, "kept:onsale:site").Err(); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "the key is there again", recorded)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A user who may not touch the site's keys learns which they are.
func TestAUserOfAnotherPrefixIsNamedTheKeys(t *testing.T) {
	r := processtest.Redis(t)
	_, admin := newStore(t, r.Addr(), "admin")
	if err := admin.Do(t.Context(), "acl", "setuser", "shop", "on", ">secret", "~shop:*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ prefix, want string }{{"shop", ""}, {"other", "~other:*"}, {"", "~{* ~onsale:*"}} {
		s := newer(t, r.Addr(), func(config *remotestock.Config) {
			config.Username, config.Password, config.Prefix = "shop", "secret", keyspace.Prefix(c.prefix)
		})
		err := s.JoinSite(t.Context(), remotestock.Site{Name: "shop"})
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, remotestock.ErrRights) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("prefix %q: got %v, want it to name %q", c.prefix, err, c.want)
		}
	}
}
