// Package measured is what the programs measure: it wires each of them, starts none, and asks
// which metrics it has registered. docs/metrics.md is made from that:
//
//	go generate ./internal/app/measured
package measured

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/app/allocator"
	"onsale/internal/app/ledger"
	"onsale/internal/app/node"
	"onsale/internal/telemetry"
)

//go:generate go run ./page ../../../docs/metrics.md

// Program is one that has metrics.
type Program struct {
	Name    string // of its command
	Metrics []telemetry.Metric
}

// Programs are all of them. It needs neither Redis nor PostgreSQL, and fails where a program
// can't be wired with the fewest flags that it needs.
func Programs(ctx context.Context) (programs []Program, err error) {
	dir, err := os.MkdirTemp("", "onsale-measured-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	keys, token := filepath.Join(dir, "keys"), filepath.Join(dir, "token")
	for file, text := range map[string]string{
		keys:  `{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":"c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlLi4"}]}`,
		token: "a-token-that-no-operator-ever-has",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	nodes, err := wired(func(c node.Config) (*node.Node, error) { return node.New(c, zap.NewNop()) },
		"--gossip-bind=127.0.0.1:7946", "--listen=127.0.0.1:8081", "--token-keys="+keys)
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	allocators, err := wired(func(c allocator.Config) (*allocator.Allocator, error) { return allocator.New(c, zap.NewNop()) },
		"--gossip-bind=127.0.0.1:7946", "--admin-token-file="+token)
	if err != nil {
		return nil, fmt.Errorf("allocator: %w", err)
	}
	ledgers, err := wired(func(c ledger.Config) (*ledger.Ledger, error) { return ledger.New(ctx, c, zap.NewNop()) },
		"--database-url=postgres://onsale@127.0.0.1/onsale")
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return []Program{{"node", nodes.Metrics()}, {"allocator", allocators.Metrics()}, {"ledger", ledgers.Metrics()}}, nil
}

// wired is a program that its wiring made of a command line.
func wired[Config, Wired any](wire func(Config) (Wired, error), args ...string) (w Wired, err error) {
	var config Config
	parser, err := kong.New(&config, kong.Vars{"hostname": "measured", "version": ""}, app.Values)
	if err != nil {
		return w, err
	}
	if _, err := parser.Parse(args); err != nil {
		return w, err
	}
	return wire(config)
}
