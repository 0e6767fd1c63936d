package remotestock_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process/processtest"
)

// watched makes a store whose log is read.
func watched(client redis.UniversalClient, change ...func(*remotestock.Config)) (*remotestock.Store, *observer.ObservedLogs) {
	core, lines := observer.New(zap.InfoLevel)
	config := remotestock.DefaultConfig("")
	for _, f := range change {
		f(&config)
	}
	return remotestock.New(client, "n1", config, remotestock.Hooks{}, zap.New(core)), lines
}

// A Redis that fsyncs now and then, or evicts, was sold from without a warning.
func TestSettingsThatLoseWhatIsAcknowledgedAreReported(t *testing.T) {
	ctx := context.Background()
	_, client := newStore(t, processtest.Redis(t).Addr(), "n1")
	s, lines := watched(client)
	dev, devLines := watched(client, func(c *remotestock.Config) { c.AllowDataLoss = true })
	for _, test := range []struct {
		setting           remotestock.Setting
		wrong, right      string
		evicts, forbidden bool // forbidden: whatever flag is given
	}{
		{remotestock.AppendOnly, "no", "yes", false, false},
		{remotestock.AppendFsync, "everysec", "always", false, false},
		{remotestock.FsyncOnRewrite, "yes", "no", false, false},
		{remotestock.MaxmemoryPolicy, "allkeys-lru", "noeviction", true, true},
	} {
		t.Run(string(test.setting), func(t *testing.T) {
			lines.TakeAll()
			devLines.TakeAll()
			set := func(value string) {
				t.Helper()
				if err := client.ConfigSet(ctx, string(test.setting), value).Err(); err != nil {
					t.Fatal(err)
				}
				for range 2 { // each change is logged once
					if err := errors.Join(s.Look(ctx), dev.Look(ctx)); err != nil {
						t.Fatal(err)
					}
				}
			}
			set(test.wrong)
			if err := s.Unfit(); err == nil || !strings.Contains(err.Error(), string(test.setting)) {
				t.Errorf("got %v, want %s named", err, test.setting)
			}
			if got := dev.Unfit() != nil; got != test.forbidden {
				t.Errorf("where data loss is allowed: got %v", dev.Unfit())
			}
			if got := errors.Is(s.Refuses("s"), remotestock.ErrEvicts) && errors.Is(s.Refuses("s"), sale.ErrUnavailable); got != test.evicts {
				t.Errorf("claims: got %v, want them refused: %v", s.Refuses("s"), test.evicts)
			}
			set(test.right)
			if err := errors.Join(s.Unfit(), s.Refuses("s"), dev.Unfit()); err != nil {
				t.Errorf("right again: got %v", err)
			}
			if lines.Len() != 2 || devLines.Len() != 2 {
				t.Errorf("got %v and %v, want a line when it went wrong and one when it is right", lines.All(), devLines.All())
			}
		})
	}
}

// In a managed Redis CONFIG is forbidden. What INFO reports is compared all the same.
func TestSettingsAreReadFromInfoWhereConfigIsForbidden(t *testing.T) {
	ctx := context.Background()
	_, client := newStore(t, processtest.Redis(t, "--appendonly", "no", "--maxmemory-policy", "volatile-ttl").Addr(), "n1")
	for _, test := range []struct {
		rights string
		faults []remotestock.Setting
		unread []remotestock.Setting
	}{
		{"-config", []remotestock.Setting{remotestock.AppendOnly, remotestock.MaxmemoryPolicy},
			[]remotestock.Setting{remotestock.AppendFsync, remotestock.FsyncOnRewrite}},
		{"-info", nil, []remotestock.Setting{remotestock.AppendOnly, remotestock.AppendFsync, remotestock.FsyncOnRewrite, remotestock.MaxmemoryPolicy}},
	} {
		t.Run(test.rights, func(t *testing.T) {
			if err := client.Do(ctx, "acl", "setuser", "default", test.rights).Err(); err != nil {
				t.Fatal(err)
			}
			s, lines := watched(client)
			for range 2 {
				if err := s.Look(ctx); err != nil {
					t.Fatal(err)
				}
			}
			c := s.Condition()
			if got := slices.Sorted(maps.Keys(c.Faults)); !slices.Equal(got, test.faults) || !slices.Equal(c.Unread, test.unread) {
				t.Errorf("got the faults %v, and unread %v, want %v and %v", got, c.Unread, test.faults, test.unread)
			}
			if got := lines.FilterMessageSnippet("does not let its settings be read").Len(); got != 1 {
				t.Errorf("got %d lines that report it, want one: %v", got, lines.All())
			}
		})
	}
}

// A server that comes back may be configured otherwise: it is looked at at once.
func TestARedisThatComesBackIsLookedAtAtOnce(t *testing.T) {
	r := processtest.Redis(t)
	s, _ := hooked(t, r.Addr(), remotestock.Hooks{})
	open(t, s, newSale("s", 5))
	if err := s.Look(t.Context()); err != nil || s.Unfit() != nil {
		t.Fatal(err, s.Unfit())
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- s.Watch(ctx) }()
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Read(ctx, "s", 0); err == nil {
		t.Fatal("got an answer of a server that is dead")
	}
	if err := r.RestartWith(ctx, "--maxmemory-policy", "allkeys-lru"); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "it answers", func() bool { _, _, err := s.Read(ctx, "s", 0); return err == nil })
	await.Until(t, "its eviction is known", func() bool { return errors.Is(s.Refuses("s"), remotestock.ErrEvicts) })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
