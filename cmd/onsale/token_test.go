package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"onsale/internal/testbed"
	tokens "onsale/internal/token"
)

// saved makes signing keys and the verifier of a node that has them.
func saved(t *testing.T) (file string, verifier *tokens.Verifier) {
	t.Helper()
	file = keysIn(t)
	if _, err := keepIssuer(file); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if verifier, err = tokens.NewVerifier(raw, tokens.Config{Audiences: []string{testbed.Audience}}); err != nil {
		t.Fatal(err)
	}
	return file, verifier
}

func TestTokensAreGoodForANode(t *testing.T) {
	file, verifier := saved(t)
	out, err := finished(t, "token", "--keys", file, "--buyers", "3", "--prefix", "fan-", "--life", "1h")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %d lines, want 3:\n%s", len(lines), out)
	}
	for i, line := range lines {
		buyer, err := verifier.Verify(line, time.Now())
		if want := fmt.Sprintf("fan-%d", i+1); err != nil || string(buyer) != want {
			t.Errorf("got buyer %q, %v, want %q", buyer, err, want)
		}
		if _, err := verifier.Verify(line, time.Now().Add(2*time.Hour)); !errors.Is(err, tokens.ErrToken) {
			t.Errorf("two hours later: got %v, want %v", err, tokens.ErrToken)
		}
	}
}

func TestTokensWithoutKeysLeadToDev(t *testing.T) {
	file := keysIn(t)
	_, err := finished(t, "token", "--keys", file)
	if err == nil || !strings.Contains(err.Error(), "onsale dev") || !strings.Contains(err.Error(), file) {
		t.Errorf("got error %v, want one that names %s and `onsale dev`", err, file)
	}
}

func TestTokenReportsEveryFault(t *testing.T) {
	_, err := finished(t, "token", "--buyers", "0", "--life", "0s", "--prefix", strings.Repeat("x", 200))
	for _, flag := range []string{"--buyers", "--life", "--prefix"} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("got error %v, want one that names %s", err, flag)
		}
	}
}

func TestAReaderThatStopsIsNoError(t *testing.T) {
	file, _ := saved(t)
	t.Run("if the write reports it", func(t *testing.T) {
		gone := writer(func([]byte) (int, error) { return 0, &os.PathError{Op: "write", Path: "stdout", Err: syscall.EPIPE} })
		if err := run(t.Context(), []string{"token", "--keys", file, "--buyers", "2000"}, gone, os.Stderr); err != nil {
			t.Errorf("got %v, want no error", err)
		}
	})
	t.Run("while any other failure of the write is one", func(t *testing.T) {
		full := writer(func([]byte) (int, error) { return 0, syscall.ENOSPC })
		err := run(t.Context(), []string{"token", "--keys", file}, full, os.Stderr)
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v, want %v", err, syscall.ENOSPC)
		}
	})
	t.Run("in a pipe into head", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "token", "--keys", file, "--buyers", "20000")
		cmd.Env = append(os.Environ(), asMain+"=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("got %v, want exit status 0", err)
		}
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestSigningKeys(t *testing.T) {
	file, _ := saved(t)
	t.Run("are their owner's alone", func(t *testing.T) {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("got mode %o, want 600", got)
		}
	})
	t.Run("outlive the site", func(t *testing.T) {
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keepIssuer(file); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(before) != string(after) {
			t.Errorf("got other keys than before, want the same")
		}
	})
	t.Run("that can't be read are an error, and stay", func(t *testing.T) {
		if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keepIssuer(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("got error %v, want one that names %s", err, file)
		}
		if raw, err := os.ReadFile(file); err != nil || string(raw) != "{}" {
			t.Errorf("got %q, %v, want the file untouched", raw, err)
		}
	})
}
