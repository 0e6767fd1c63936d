package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// parentOf names the environment variable that makes this test binary a parent
// which starts PostgreSQL in that folder and does nothing more.
const parentOf = "ONSALE_TEST_PARENT_OF_POSTGRES"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentOf); dir != "" {
		p, err := StartPostgres(context.Background(), dir)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.data)
		select {}
	}
	goleak.VerifyTestMain(m)
}

// openDir is a temporary folder that another user can be let through: those
// above t.TempDir's are closed.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "onsale-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// startPostgres starts a server that ends with the test, in whatever state that leaves it.
func startPostgres(t *testing.T, settings ...string) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), openDir(t), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
		if left := serving(t, p.data); len(left) > 0 {
			t.Errorf("processes are left behind: %v", left)
		}
	})
	return p
}

// serving are the processes of the server that has its data there, by their
// command lines: the package looks for them in another way.
func serving(t *testing.T, data string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		postmaster := strings.Contains(string(b), "\x00-D\x00"+data+"\x00")
		if !postmaster && !strings.HasPrefix(string(b), "postgres: "+filepath.Base(data)+": ") {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// query runs SQL with the psql of the same installation.
func query(t *testing.T, p *Postgres, url, sql string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(p.bin, "psql"), "--no-psqlrc", "-qtA", "-c", sql, url).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func wantAnswer(t *testing.T, p *Postgres, sql, want string) {
	t.Helper()
	if got, err := query(t, p, p.URL(), sql); got != want || err != nil {
		t.Errorf("%s: got %q, %v, want %q", sql, got, err, want)
	}
}

// postmaster is the process id in the data folder.
func postmaster(t *testing.T, p *Postgres) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(string(b), "\n")
	return pid
}

// client connects to the server, runs SQL, and stays.
func client(t *testing.T, p *Postgres, sql string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.bin, "psql"), "--no-psqlrc", "-qtA", "-c", "SELECT 'connected'", "-c", sql, p.URL())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended with its server
		_ = cmd.Wait()
	})
	if _, err := io.ReadFull(out, make([]byte, len("connected\n"))); err != nil {
		t.Fatal(err)
	}
}

func TestPostgres(t *testing.T) {
	p := startPostgres(t, "max_connections=7", "work_mem=5MB")

	t.Run("is the database onsale of the superuser onsale", func(t *testing.T) {
		wantAnswer(t, p, "SELECT current_database(), current_user, usesuper FROM pg_user", "onsale|onsale|t")
		wantAnswer(t, p, "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = 'onsale'", "UTF8|C|C")
	})
	t.Run("is durable", func(t *testing.T) {
		for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			wantAnswer(t, p, "SHOW "+name, "on")
		}
	})
	t.Run("takes settings, and the caller's win", func(t *testing.T) {
		wantAnswer(t, p, "SHOW shared_buffers", "64MB")
		wantAnswer(t, p, "SHOW dynamic_shared_memory_type", "mmap")
		wantAnswer(t, p, "SHOW max_connections", "7")
		wantAnswer(t, p, "SHOW work_mem", "5MB")
	})
	t.Run("lets nobody in without the password", func(t *testing.T) {
		url := strings.Replace(p.URL(), p.password, "guessed", 1)
		if got, err := query(t, p, url, "SELECT 1"); err == nil || !strings.Contains(got, "password authentication failed") {
			t.Errorf("got %q, %v, want the password refused", got, err)
		}
		wantAnswer(t, p, "SELECT DISTINCT auth_method FROM pg_hba_file_rules", "scram-sha-256")
		wantAnswer(t, p, "SELECT left(rolpassword, 14) FROM pg_authid WHERE rolname = 'onsale'", "SCRAM-SHA-256$")
	})
	t.Run("leaves the password in no file", func(t *testing.T) {
		entries, err := os.ReadDir(p.dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if diff := cmp.Diff([]string{p.name(), p.name() + ".log"}, got); diff != "" {
			t.Errorf("the folder (-want +got):\n%s", diff)
		}
	})
	t.Run("listens on loopback and nowhere else", func(t *testing.T) {
		wantAnswer(t, p, "SHOW listen_addresses", "127.0.0.1")
		wantAnswer(t, p, "SHOW unix_socket_directories", "")
	})
	t.Run("starts without errors in its log", func(t *testing.T) {
		b, err := os.ReadFile(p.log)
		if err != nil {
			t.Fatal(err)
		}
		if before, _, _ := strings.Cut(string(b), "ready to accept connections"); strings.Contains(before, "FATAL") {
			t.Errorf("got a log that alarms:\n%s", before)
		}
	})
}

func TestPostgresStartsAgainOnItsData(t *testing.T) {
	p := startPostgres(t)
	if out, err := query(t, p, p.URL(), "CREATE TABLE kept (n int)"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	rows := 0
	for _, end := range []struct {
		name string
		by   func() error
	}{
		{"after Stop", func() error { return p.Stop(10 * time.Second) }},
		{"after Kill", p.Kill},
		{"after Kill and Kill", func() error { return errors.Join(p.Kill(), p.Kill()) }},
	} {
		t.Run(end.name, func(t *testing.T) {
			client(t, p, "SELECT pg_sleep(600)")
			rows++
			if out, err := query(t, p, p.URL(), "INSERT INTO kept VALUES (1)"); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			before := postmaster(t, p)
			if err := end.by(); err != nil {
				t.Fatal(err)
			}
			if left := serving(t, p.data); len(left) > 0 {
				t.Errorf("processes are left behind: %v", left)
			}
			if err := p.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := postmaster(t, p); got == before || got != strconv.Itoa(p.Pid()) {
				t.Errorf("got postmaster.pid of %s, want %d, and not %s as before", got, p.Pid(), before)
			}
			wantAnswer(t, p, "SELECT count(*) FROM kept", strconv.Itoa(rows))
		})
	}
}
