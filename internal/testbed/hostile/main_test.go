package hostile_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/proof"
	"onsale/internal/remotestock"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// site is the one that all tests attack.
type site struct {
	*testbed.Site
	ctx       context.Context
	store     *remotestock.Store
	gossipKey string // its file
	proofs    proof.Keys
}

// target is started by TestMain.
var target *site

func TestMain(m *testing.M) {
	if err := run(m); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var errFailed = errors.New("tests failed")

func run(m *testing.M) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "onsale-hostile-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	key := filepath.Join(dir, "gossip-key")
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails, as its documentation promises
	if err := os.WriteFile(key, []byte(base64.StdEncoding.EncodeToString(raw)), 0o600); err != nil {
		return err
	}
	proofs, err := proofKeys(dir)
	if err != nil {
		return err
	}
	s, err := testbed.Start(ctx, testbed.Options{
		Nodes: 2, Allocators: 1, Ledgers: 1, GossipKeyFile: key,
		NodeArgs: []string{"--drain-delay", "500ms", "--connections", fmt.Sprint(connections),
			// What a buyer may send in a second would hide what becomes of all those guesses.
			"--buyer-rate", "0",
			"--proof-keys", filepath.Join(dir, "proof-keys"), "--proof-easy", fmt.Sprint(easy), "--proof-hard", fmt.Sprint(2 * easy)},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	config := s.StoreConfig()
	client, err := remotestock.Dial(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	target = &site{s, ctx, remotestock.New(client, "test", config, remotestock.Hooks{}, zap.NewNop()), key, proofs}
	if err := target.prepare(); err != nil {
		return err
	}
	if m.Run() != 0 {
		return errFailed
	}
	return target.auditAll()
}

// easy is the largest number of a challenge: little work, as the strangers here are not to be slowed down.
const easy = 2000

// proofKeys makes the file with the key of challenges.
func proofKeys(dir string) (proof.Keys, error) {
	file := filepath.Join(dir, "proof-keys")
	raw := make([]byte, proof.KeyLength)
	_, _ = rand.Read(raw) // never fails, as its documentation promises
	if err := os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(raw)+"\n"), 0o600); err != nil {
		return nil, err
	}
	return proof.LoadKeys(file)
}

// connections is how many a node takes at once.
const connections = 200

// stranger is the address of this machine that Nginx limits as it limits everybody's. Loopback's others it trusts.
const stranger = "127.0.0.66"

// honest is the sale whose buyers have to be served whatever happens.
const honest = "honest"

// prepare has Nginx limit the stranger, and opens the honest sale.
func (s *site) prepare() error {
	limits := filepath.Join(filepath.Dir(s.Nginx.Upstream), "limits.conf")
	text, err := os.ReadFile(limits)
	if err != nil {
		return err
	}
	if text, err = replaceOnce(text, "127.0.0.0/8 0;", "127.0.0.0/8 0;\n    "+stranger+"/32 1;"); err != nil {
		return fmt.Errorf("%s: %w", limits, err)
	}
	if err := os.WriteFile(limits, text, 0o644); err != nil {
		return err
	}
	if err := runCommand(s.Nginx.Reload); err != nil {
		return err
	}
	if err := s.AwaitUpstream(s.ctx, len(s.Nodes)); err != nil {
		return err
	}
	return s.Open(s.ctx, adminapi.Definition{ID: honest, Title: "Honest", Currency: "EUR", Price: 4200, Total: 100_000, Limit: 4, HoldSeconds: 3600})
}

// auditAll audits every sale.
func (s *site) auditAll() error {
	ids, err := operate.Sales(s.ctx, s.Stores(), zap.NewNop())
	if err != nil {
		return err
	}
	for _, id := range ids {
		a, aerr := operate.Audit(s.ctx, s.Stores(), id, 0, zap.NewNop())
		err = errors.Join(err, aerr)
		for _, f := range a.Faults {
			err = errors.Join(err, fmt.Errorf("audit of %s: %s", id, f))
		}
	}
	return err
}

// door is a way in.
type door struct{ name, addr string }

// doors are the two that buyers and strangers are tried at.
func (s *site) doors() []door {
	return []door{{"through Nginx", process.Loopback(s.Nginx.Port)}, {"straight at a node", s.Nodes[0].Listen}}
}
