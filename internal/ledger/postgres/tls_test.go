package postgres_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/ledger/postgres"
	"onsale/internal/testbed/process"
	"onsale/internal/testbed/process/processtest"
)

// The ledger verifies PostgreSQL's certificate where its URL asks for that, and goes on with nobody else.
func TestTheLedgerSpeaksTLS(t *testing.T) {
	own, other := processtest.NewCertificates(t), processtest.NewCertificates(t)
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // PostgreSQL's user must get in
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	server, err := process.StartPostgres(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Kill() })
	if err := server.SpeakTLS(t.Context(), own.Cert, own.Key); err != nil {
		t.Fatal(err)
	}
	ask := func(options string) error {
		s, err := postgres.Open(t.Context(), strings.Replace(server.URL(), "sslmode=disable", options, 1))
		if err != nil {
			return err
		}
		defer s.Close()
		return s.Ping(t.Context())
	}
	if err := ask("sslmode=verify-full&sslrootcert=" + own.CA); err != nil {
		t.Errorf("with its CA: got %v", err)
	}
	empty := filepath.Join(dir, "none.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string]string{
		"another CA": "sslmode=verify-full&sslrootcert=" + other.CA, "no CA": "sslmode=verify-full&sslrootcert=" + empty, "this machine's": "sslmode=verify-full",
	} {
		if err := ask(options); err == nil {
			t.Errorf("%s: got an answer, want none", name)
		}
	}
}
