package gossip

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/membership"
	"onsale/internal/remotestock"
	"onsale/internal/testbed/await"
)

// text is a key as it stands in a file.
func text(c string) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(c, 32))) }

func key(c string) []byte { return []byte(strings.Repeat(c, 32)) }

// keyFile writes a file of keys in the way that an operator replaces it.
func keyFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// recorder is Redis: away until it works.
type recorder struct {
	works atomic.Bool
	site  atomic.Pointer[remotestock.Site]
}

func (r *recorder) JoinSite(_ context.Context, site remotestock.Site) error {
	if !r.works.Load() {
		return errors.New("redis is away")
	}
	r.site.Store(&site)
	return nil
}

func TestAFileHasKeysLineByLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	short := base64.StdEncoding.EncodeToString(make([]byte, 16))
	for name, c := range map[string]struct {
		content string
		want    membership.Keys
		fault   string
	}{
		"one key":             {text("a"), membership.Keys{key("a")}, ""},
		"two, and a comment":  {"# since May\n" + text("a") + "\n\n" + short + "\n", membership.Keys{key("a"), make([]byte, 16)}, ""},
		"none":                {"# nothing\n", nil, "want 1 to 4, got 0"},
		"one twice":           {text("a") + "\n" + text("a"), nil, "line 2: this key stands above"},
		"no base64":           {text("a") + "\nsecret!\n", nil, "line 2: want 16, 24 or 32 bytes in base64"},
		"a key of 17 bytes":   {base64.StdEncoding.EncodeToString(make([]byte, 17)), nil, "line 1: want 16"},
		"more than there are": {strings.Join([]string{text("a"), text("b"), text("c"), text("d"), text("e")}, "\n"), nil, "want 1 to 4, got 5"},
	} {
		t.Run(name, func(t *testing.T) {
			keyFile(t, file, c.content)
			got, err := LoadKeys(file)
			if !slices.EqualFunc(got, c.want, slices.Equal) || (err == nil) != (c.fault == "") {
				t.Fatalf("got %d keys, %v, want %d", len(got), err, len(c.want))
			}
			if err != nil && (!strings.Contains(err.Error(), c.fault) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "secret!")) {
				t.Errorf("got %q, want %q, the file, and nothing of its content", err, c.fault)
			}
		})
	}
}

// TestAMemberFollowsItsKeys: a file that changes is taken, one that is no good changes nothing, and the site has the digests.
func TestAMemberFollowsItsKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	keyFile(t, file, text("a"))
	f := Flags{Bind: "127.0.0.1:0", KeyFile: file}
	c, err := f.Config("n1", membership.RoleAllocator, false)
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	k := NewKeyFile(f, c.Keys)
	if got := k.Site(remotestock.Site{Name: "x"}); got.Name != "x" || len(got.Gossip) != 1 || len(got.Gossip[0]) != 16 {
		t.Errorf("got %+v, want one digest", got)
	}
	refuse := errors.New("not now")
	taken := make(chan membership.Keys, 1)
	set := func(k membership.Keys) error {
		if len(k) == 3 {
			return refuse
		}
		taken <- k
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	redis := &recorder{}
	go func() { done <- k.Follow(ctx, redis, remotestock.Site{Name: "x"}, set, zap.New(core)) }()
	keyFile(t, file, text("a")+"\n"+text("b"))
	// Redis is away at first: until it has the digests, no key is taken.
	await.Until(t, "a first try", func() bool { return logs.FilterMessage(notTaken.Begins).Len() == 1 })
	if len(taken) > 0 {
		t.Error("got keys taken that Redis does not have")
	}
	redis.works.Store(true)
	if got := <-taken; !slices.EqualFunc(got, [][]byte{key("a"), key("b")}, slices.Equal) {
		t.Errorf("got %d keys, want both", len(got))
	}
	if got, want := redis.site.Load(), digests(membership.Keys{key("a"), key("a"), key("b")}); got.Name != "x" || !slices.Equal(got.Gossip, want) {
		t.Errorf("got %+v recorded, want the digests of before and of now: %v", got, want)
	}
	await.Until(t, "Redis to be back", func() bool { return logs.FilterMessage(notTaken.Over).Len() == 1 })
	for bad, content := range map[string]string{"no key": "x", "what the member refuses": text("a") + "\n" + text("b") + "\n" + text("c")} {
		logs.TakeAll()
		keyFile(t, file, content)
		await.Until(t, bad+" logged", func() bool { return logs.FilterMessage(notTaken.Begins).Len() == 1 })
		keyFile(t, file, text("a")+"\n"+text("b"))
		await.Until(t, "that it is over", func() bool { return logs.FilterMessage(notTaken.Over).Len() == 1 })
	}
	keyFile(t, file, text("b"))
	if got := <-taken; !slices.EqualFunc(got, [][]byte{key("b")}, slices.Equal) {
		t.Errorf("got %d keys, want the new one", len(got))
	}
	await.Within(t, 10*time.Second, "its digest", func() bool { return len(k.Site(remotestock.Site{}).Gossip) == 1 })
	for _, e := range logs.All() {
		for _, v := range e.ContextMap() {
			if s, is := v.(string); is && (strings.Contains(s, text("a")) || strings.Contains(s, text("b"))) {
				t.Errorf("got a key in the log: %v", e)
			}
		}
	}
	cancel()
	if err := await.Return(t, done); err != nil {
		t.Error(err)
	}
}
