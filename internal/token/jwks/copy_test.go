package jwks_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/internal/testbed/await"
)

// A node that starts while the provider is away would otherwise identify nobody.
func TestAProcessBeginsWithTheCopy(t *testing.T) {
	t.Parallel()
	k := newKey(t, "1")
	p := newProvider(t, publishes(set(t, k)))
	c := quick(p.URL)
	c.Copy = filepath.Join(t.TempDir(), "keys.json")
	first := run(t, c)
	if <-first.Known(); !first.accepts(k.token(t)) {
		t.Fatal("got the key's token refused")
	}
	await.Until(t, "the copy to be written", func() bool {
		raw, err := os.ReadFile(c.Copy)
		return err == nil && bytes.Equal(raw, set(t, k))
	})
	p.answers(http.NotFound)
	old := time.Now().Add(-time.Hour)
	await.Until(t, "requests to fail, so that the copy is written no more", func() bool { return first.failed.Load() > 0 })
	if err := os.Chtimes(c.Copy, old, old); err != nil {
		t.Fatal(err)
	}
	second := run(t, c)
	<-second.Known()
	if err := second.Unready(); err != nil || !second.accepts(k.token(t)) {
		t.Errorf("got %v, want the copy's keys to count", err)
	}
	if got := second.Age(); got < time.Hour || got > 2*time.Hour {
		t.Errorf("got a set of %v, want it as old as the file", got)
	}
	next := newKey(t, "2")
	p.answers(publishes(set(t, next)))
	await.Until(t, "the address's keys to replace the copy's", func() bool { return second.accepts(next.token(t)) && !second.accepts(k.token(t)) })
}

func TestACopyThatIsNoneIsReported(t *testing.T) {
	t.Parallel()
	k := newKey(t, "1")
	for name, content := range map[string]string{"empty": "", "garbage": "x", "half": string(set(t, k)[:50]), "huge": strings.Repeat(" ", 1<<20) + string(set(t, k))} {
		c := quick("http://127.0.0.1:1/")
		c.Copy = filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(c.Copy, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r := prepare(t, c)
		if r.Unready() == nil || r.lines("can't begin with the copy") != 1 {
			t.Errorf("%s: got it accepted, or no line", name)
		}
	}
}

func TestACopyThatCannotBeWrittenStopsNothing(t *testing.T) {
	t.Parallel()
	k := newKey(t, "1")
	p := newProvider(t, publishes(set(t, k)))
	c := quick(p.URL)
	c.Copy = filepath.Join(t.TempDir(), "nowhere", "keys.json")
	r := run(t, c)
	await.Until(t, "three good requests", func() bool { return r.good.Load() >= 3 })
	if got := r.lines("can't write the copy"); got != 1 || !r.accepts(k.token(t)) {
		t.Errorf("got %d lines, want one, and the keys to count", got)
	}
}
