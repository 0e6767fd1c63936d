package main

import (
	"cmp"
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"

	"onsale/internal/operate"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// embedded runs the site inside this process.
func (d *dev) embedded(ctx context.Context, c *console, l net.Listener, who identities) (site, error) {
	e, err := testbed.StartEmbedded(ctx, testbed.EmbeddedOptions{
		Nodes: d.Nodes, Issuer: who.issuer, Payments: who.payments, SignIn: who.signIn,
		Front: func(ctx context.Context, view func() sale.View) error { return newFront(view, c.log).run(ctx, l) },
	}, c.log)
	if err != nil {
		return nil, err
	}
	return embeddedSite{e, "http://" + l.Addr().String()}, nil
}

type embeddedSite struct {
	*testbed.Embedded
	front string
}

func (s embeddedSite) about() facts {
	f := facts{
		front: s.front, admin: "http://" + s.Allocator.Admin, token: s.AdminToken, stores: operate.StoreFlags{Redis: s.Redis()},
		honesty: "One process with stand-ins for Redis (in memory, not durable) and Nginx, and without a ledger: orders live\n" +
			"in that memory only, and what is measured here counts for nothing. --real runs the real ones.",
	}
	for _, m := range append([]testbed.Endpoint{s.Allocator}, s.Nodes...) {
		f.metrics = append(f.metrics, endpoint{m.Name, "http://" + m.Admin + "/metrics"})
	}
	return f
}

// real runs the site as separate processes.
func (d *dev) real(ctx context.Context, c *console, l net.Listener, who identities) (site, error) {
	// Known before anything is built or started.
	for _, program := range []string{"redis-server", "nginx"} {
		if _, err := process.Find(program, program); err != nil {
			return nil, err
		}
	}
	port := l.Addr().(*net.TCPAddr).Port
	// Nginx takes the port over. A server that came in between would not be
	// noticed: Nginx listens so that several may share a port.
	if err := l.Close(); err != nil {
		return nil, err
	}
	ledgers := 1
	if _, err := process.FindPostgres(); err != nil {
		c.logLine("no ledger: " + err.Error())
		ledgers = 0
	}
	r, err := testbed.Start(ctx, testbed.Options{
		Nodes: d.Nodes, Allocators: 1, Ledgers: ledgers, Port: port, Issuer: who.issuer, Payments: who.payments,
		NodeArgs: []string{"--drain-delay", "0s", "--sign-in-url", who.signIn}, Progress: c.logLine, Binaries: cmp.Or(d.Binaries, programsBeside(os.Executable())),
	})
	if err != nil {
		return nil, err
	}
	return realSite{r}, nil
}

// programsBeside is the folder of a program if node, allocator and ledger are in it, too.
func programsBeside(program string, err error) string {
	if err != nil {
		return ""
	}
	dir := filepath.Dir(program)
	for _, name := range []string{"node", "allocator", "ledger"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() {
			return ""
		}
	}
	return dir
}

type realSite struct{ *testbed.Site }

// Done is never closed: a process that dies is what this site is for.
func (s realSite) Done() <-chan struct{} { return nil }

func (s realSite) about() facts {
	f := facts{
		front: s.Front(), admin: "http://" + s.Allocators[0].Admin, token: s.AdminToken,
		stores:  s.Stores(),
		honesty: "Real processes, all on this machine. Data and logs are in " + s.Dir + ", and gone at the end.",
	}
	if s.Postgres == nil {
		f.honesty += "\nThere is no PostgreSQL here, so orders live in Redis only."
	}
	for _, m := range slices.Concat(s.Allocators, s.Ledgers, s.Nodes) {
		f.metrics = append(f.metrics, endpoint{m.Name, "http://" + m.Admin + "/metrics"})
	}
	return f
}
