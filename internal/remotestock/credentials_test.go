package remotestock_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
	"onsale/internal/testbed/process/processtest"
)

// A new password of Redis's took a restart of every program.
func TestANewPasswordIsReadFromItsFile(t *testing.T) {
	ctx := context.Background()
	r := processtest.Redis(t)
	admin, client := newStore(t, r.Addr(), "admin")
	open(t, admin, newSale("s", 10))
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	acl := func(rules ...any) {
		t.Helper()
		if err := client.Do(ctx, append([]any{"acl", "setuser", "clerk"}, rules...)...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	dropConnections := func() {
		t.Helper()
		if err := client.Do(ctx, "client", "kill", "user", "clerk").Err(); err != nil {
			t.Fatal(err)
		}
	}
	acl("on", ">first", "~*", "+@all")
	write("first\n")
	s := newer(t, r.Addr(), func(c *remotestock.Config) {
		c.Username, c.Password, c.PasswordFile, c.TripAfter = "clerk", "first", file, 1000
	})
	works := func() bool { _, err := s.Survey(ctx, "s"); return err == nil }
	if !works() {
		t.Fatal("the first password was refused")
	}
	// Both are good while the files of all machines are being replaced, and then the new one alone.
	acl(">second")
	write("second\n")
	acl("<first")
	if !works() {
		t.Error("a connection that was there has ended with its password")
	}
	dropConnections()
	await.Until(t, "the new password is used", works)
	// A file that is away for a moment, while the password of the start is good again.
	acl(">first")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	dropConnections()
	await.Until(t, "the password of the start is used", works)
	// The wrong one in it is an error, which does not show it.
	write("third\n")
	acl("<first")
	dropConnections()
	await.Until(t, "the wrong password is refused", func() bool { return !works() })
	_, err := s.Survey(ctx, "s")
	if err == nil || strings.Contains(err.Error(), "third") {
		t.Errorf("got %v, want an error without the password", err)
	}
}

func TestRedisIsSpokenToByTLS(t *testing.T) {
	ctx := context.Background()
	own, other := processtest.NewCertificates(t), processtest.NewCertificates(t)
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	r := processtest.Redis(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", own.Cert, "--tls-key-file", own.Key, "--tls-ca-cert-file", own.CA, "--tls-auth-clients", "no")
	admin, _ := newStore(t, r.Addr(), "admin")
	open(t, admin, newSale("s", 10))
	at := process.Loopback(port)
	s := newer(t, at, func(c *remotestock.Config) { c.TLS, c.CAFile = true, own.CA })
	got, err := committer(t, s, "s").Decide(claim("ann", 1))
	if err != nil || got.Outcome != sale.Held {
		t.Fatalf("got %v, %v by TLS, want a hold", got.Outcome, err)
	}
	for name, change := range map[string]func(*remotestock.Config){
		"another CA":     func(c *remotestock.Config) { c.TLS, c.CAFile = true, other.CA },
		"this machine's": func(c *remotestock.Config) { c.TLS = true },
		"another name": func(c *remotestock.Config) {
			c.Addrs, c.TLS, c.CAFile = []string{"localhost:" + strconv.Itoa(port)}, true, own.CA
		},
		"no TLS":           func(*remotestock.Config) {},
		"TLS to its plain": func(c *remotestock.Config) { c.Addrs, c.TLS, c.CAFile = []string{r.Addr()}, true, own.CA },
	} {
		if _, err := newer(t, at, change).Survey(ctx, "s"); err == nil {
			t.Errorf("%s: got an answer, want none", name)
		}
	}
}

func TestAFaultyCAIsAnError(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	remotestock.SetLog(zap.NewNop())
	for name, c := range map[string]struct {
		tls  bool
		file string
	}{"without TLS": {false, empty}, "that is none": {true, empty}, "that is not there": {true, empty + ".x"}} {
		config := remotestock.DefaultConfig("127.0.0.1:1")
		config.TLS, config.CAFile = c.tls, c.file
		if client, err := remotestock.Dial(config); err == nil {
			t.Errorf("a CA %s: got no error", name)
			_ = client.Close()
		}
	}
}
