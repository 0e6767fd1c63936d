package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"onsale/internal/adminapi/client"
	"onsale/internal/app"
	"onsale/internal/output"
	"onsale/internal/problem"
)

// operators is how a verb reaches the operators' API, and how it prints what that answers.
type operators struct {
	Addrs   []string       `name:"admin-addr" env:"ONSALE_ADMIN_ADDR" placeholder:"HOST:PORT" help:"Admin ports of the allocators, 127.0.0.1:9080 by default. If no connection to one can be made, the next is asked."`
	Admin   app.AdminFlags `embed:""`
	DevSite string         `placeholder:"FILE" type:"path" help:"File in which onsale dev has saved where its site is. Without it and without an admin token: where dev saves it by default."`
	Timeout time.Duration  `default:"30s" help:"How long one call may take. Raised, an allocator that hangs is waited for; lowered, the outcome at a slow one is unknown."`
	JSON    bool           `name:"json" help:"Print JSON: one document, or of a list one in each line."`
}

const (
	// defaultAdmin is where an allocator listens by default.
	defaultAdmin = "127.0.0.1:9080"
	// slow is after how long it is reported that a verb is not done.
	slow = 2 * time.Second
)

// listed prints a list, and on standard error that it is empty.
func listed[T any](c *console, o operators, empty string, columns []output.Column, row func(T) []string, entries iter.Seq2[T, error]) error {
	count, err := output.List(o.printer(c), columns, row, entries)
	if err == nil && count == 0 {
		c.logLine(empty)
	}
	return err
}

// id is a name that the API knows. The API decides whether it is one; an empty one would be another path.
type id string

// Validate is kong's.
func (i id) Validate() error {
	if i == "" {
		return errors.New("want an id, not an empty text")
	}
	return nil
}

// printer prints to standard output.
func (o operators) printer(c *console) output.Printer { return output.New(c.out, o.JSON) }

// call has work call the API. If it ends with an outcome that is unknown, the error names the command that
// repeats it: with the key of a change that must not be made twice.
func (o operators) call(ctx context.Context, c *console, key string, work func(client.Client) error) error {
	at, source, err := o.client()
	if err != nil {
		return usageError{err}
	}
	defer at.HTTP.CloseIdleConnections()
	printed := make(chan struct{})
	waiting := time.AfterFunc(slow, func() {
		defer close(printed)
		c.logLine("still asking " + at.Addr + " ...")
	})
	defer func() {
		if !waiting.Stop() {
			<-printed // or the line could come after the result
		}
	}()
	err = work(at)
	var refused *client.Problem
	switch {
	case readerGone(err):
		return nil
	case errors.Is(err, client.ErrOutcomeUnknown):
		return fmt.Errorf("%w\nRun this, which changes nothing twice:\n  %s", err, c.again(key))
	case errors.As(err, &refused) && refused.Code == problem.Unauthorized.Code:
		return fmt.Errorf("%w (the token is that of %s)", err, source)
	}
	return err
}

// readerGone reports whether the reader of what is printed has had enough, such as head.
func readerGone(err error) bool {
	var written *fs.PathError // of a file: a connection has errors of its own
	return errors.As(err, &written) && errors.Is(written, syscall.EPIPE)
}

// client makes a client, and returns where its token is from.
func (o operators) client() (at client.Client, source string, err error) {
	addrs, token, source := o.Addrs, "", o.Admin.TokenFile
	if o.DevSite == "" && (source != "" || len(addrs) > 0) {
		if token, err = o.Admin.Token(); err != nil {
			return at, source, err
		}
		if token == "" {
			return at, source, errors.New("no admin token: name its file with --admin-token-file or ONSALE_ADMIN_TOKEN_FILE")
		}
	} else {
		source = cmp.Or(o.DevSite, siteBeside(defaultKeys()))
		dev, err := loadDevSite(source)
		if errors.Is(err, fs.ErrNotExist) {
			return at, source, fmt.Errorf("no site is known: name its admin token with --admin-token-file or ONSALE_ADMIN_TOKEN_FILE, and its allocators with --admin-addr or ONSALE_ADMIN_ADDR; or start `onsale dev`, which saves where its site is in %s", source)
		}
		if err != nil {
			return at, source, err
		}
		addrs, token = []string{dev.Admin}, dev.Token
	}
	if len(addrs) == 0 {
		addrs = []string{defaultAdmin}
	}
	if err := (app.Addresses{"--admin-addr": addrs}).Check(false); err != nil {
		return at, source, err
	}
	h := &http.Client{Timeout: o.Timeout, Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: min(o.Timeout, dialTimeout)}).DialContext}}
	return client.Client{Addr: addrs[0], Others: addrs[1:], Token: token, HTTP: h}, source, nil
}

// dialTimeout is how long a connection may take. Raised, an allocator whose machine is off is waited for before
// the next one is asked; lowered, one behind a slow network is passed over.
const dialTimeout = 5 * time.Second

// again is the command that repeats this one, for a shell.
func (c *console) again(key string) string {
	args := c.args
	if key != "" { // behind noun and verb: nothing is a flag any more behind --
		args = append(append(append([]string{}, args[:2]...), "--key", key), args[2:]...)
	}
	words := []string{spelled(os.Args[0])}
	for _, arg := range args {
		if arg == "" || strings.ContainsFunc(arg, special) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// special reports a character that a shell may not take as it stands.
func special(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@+%", r))
}
