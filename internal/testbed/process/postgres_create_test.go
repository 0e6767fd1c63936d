package process

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program makes an executable script.
func program(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+strings.Join(lines, "\n")), 0o755); err != nil {
		t.Fatal(err)
	}
}

// replace changes a variable of the package until the test ends.
func replace[T any](t *testing.T, variable *T, with T) {
	t.Helper()
	before := *variable
	*variable = with
	t.Cleanup(func() { *variable = before })
}

func TestFindPostgres(t *testing.T) {
	root := t.TempDir()
	bin := func(version string) string { return filepath.Join(root, version, "bin") }
	replace(t, &postgresFolders, bin("*"))
	replace(t, &daemonDirs, nil)
	onPath := filepath.Join(root, "path")
	t.Setenv("PATH", onPath)

	missing := func(t *testing.T) {
		t.Helper()
		if got, err := FindPostgres(); err == nil || !strings.HasSuffix(err.Error(), "apt-get install postgresql") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %q, %v, want one line that ends with what installs it", got, err)
		}
	}
	found := func(t *testing.T, want string) {
		t.Helper()
		if got, err := FindPostgres(); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	t.Run("names the package where there is none", missing)
	t.Run("a server that is missing starts nothing", func(t *testing.T) {
		if p, err := StartPostgres(t.Context(), t.TempDir()); p != nil || err == nil || !strings.Contains(err.Error(), "apt-get install postgresql") {
			t.Errorf("got %v, %v, want nil and what installs it", p, err)
		}
	})
	t.Run("a client's programs are not enough", func(t *testing.T) {
		program(t, filepath.Join(bin("17"), "psql"))
		program(t, filepath.Join(bin("17"), "postgres"))
		missing(t)
	})
	t.Run("takes what is on PATH", func(t *testing.T) {
		program(t, filepath.Join(onPath, "postgres"))
		missing(t)
		program(t, filepath.Join(onPath, "initdb"))
		found(t, onPath)
	})
	t.Run("a folder on PATH that depends on where we are is none", func(t *testing.T) {
		t.Chdir(root)
		t.Setenv("PATH", "path")
		missing(t)
	})
	t.Run("prefers the newest whole server of Debian's", func(t *testing.T) {
		for _, version := range []string{"9.6", "15", "next"} {
			program(t, filepath.Join(bin(version), "postgres"))
			program(t, filepath.Join(bin(version), "initdb"))
		}
		found(t, bin("15"))
	})
}

func info(t *testing.T, path string) os.FileInfo {
	t.Helper()
	i, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestPassableOpensNoFolderButItsOwn(t *testing.T) {
	stranger := &syscall.Credential{Uid: 64_001, Gid: 64_001}
	mode := func(path string) os.FileMode { return info(t, path).Mode().Perm() }
	above := openDir(t)
	dir := filepath.Join(above, "cluster")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}

	t.Run("a closed folder above is named and stays closed", func(t *testing.T) {
		_, err := passable(dir, stranger)
		if err == nil || !strings.HasPrefix(err.Error(), above+" is closed") {
			t.Errorf("got %v, want %s named", err, above)
		}
		if got := mode(above); got != 0o700 {
			t.Errorf("got mode %v above, want it left alone", got)
		}
	})
	if err := os.Chmod(above, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Run("its own folder can be passed and not read", func(t *testing.T) {
		got, err := passable(dir, stranger)
		if err != nil || got != dir {
			t.Errorf("got %q, %v, want %q", got, err, dir)
		}
		if got := mode(dir); got != 0o711 {
			t.Errorf("got mode %v, want %v", got, os.FileMode(0o711))
		}
	})
	t.Run("what is open already keeps its mode", func(t *testing.T) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := passable(dir, stranger); err != nil || mode(dir) != 0o755 {
			t.Errorf("got mode %v, %v, want %v", mode(dir), err, os.FileMode(0o755))
		}
	})
	t.Run("group and owner count by their own bits", func(t *testing.T) {
		if err := os.Chmod(above, 0o701); err != nil {
			t.Fatal(err)
		}
		member := &syscall.Credential{Uid: stranger.Uid, Gid: uint32(os.Getegid())}
		if _, err := passable(dir, member); err == nil {
			t.Error("got a way through for the group, which the mode shuts out")
		}
		if err := os.Chmod(above, 0o611); err != nil {
			t.Fatal(err)
		}
		owner := &syscall.Credential{Uid: uint32(os.Geteuid()), Gid: stranger.Gid}
		if letsThrough(info(t, above), owner) {
			t.Error("got a way through for the owner, whom the mode shuts out")
		}
	})
	t.Run("links are followed first", func(t *testing.T) {
		if err := os.Chmod(above, 0o711); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link") // in a closed folder
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		if got, err := passable(link, stranger); err != nil || got != dir {
			t.Errorf("got %q, %v, want %q", got, err, dir)
		}
	})
}

// TestCreateThatIsCalledOffLeavesNoProcess has an initdb that never ends and, like
// the real one, lets another process do the work.
func TestCreateThatIsCalledOffLeavesNoProcess(t *testing.T) {
	dir := openDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program(t, filepath.Join(dir, "15", "bin", "postgres"))
	program(t, filepath.Join(dir, "15", "bin", "initdb"), `sleep 600 & echo $! >"$2/worker"; wait`)
	replace(t, &postgresFolders, filepath.Join(dir, "*", "bin"))

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	worker := make(chan child, 1)
	go func() {
		defer close(worker)
		for ctx.Err() == nil {
			files, _ := filepath.Glob(filepath.Join(dir, "postgres-*", "worker")) // the pattern is right
			if len(files) == 0 {
				time.Sleep(time.Millisecond)
				continue
			}
			if b, err := os.ReadFile(files[0]); err == nil && strings.HasSuffix(string(b), "\n") {
				pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
				s, _ := readStat(pid)
				worker <- child{pid, s.started}
				cancel()
			}
		}
	}()
	if p, err := StartPostgres(ctx, dir); p != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v, want nil and %v", p, err, context.Canceled)
	}
	w, ok := <-worker
	if left := awaitGone([]child{w}); !ok || len(left) > 0 {
		t.Errorf("got workers %v left, started %v, want it started and ended", left, ok)
	}
}

func TestSettingThatPostgresRefusesIsInTheError(t *testing.T) {
	p, err := StartPostgres(t.Context(), openDir(t), "shared_buffers=plenty")
	if p != nil || err == nil || !strings.Contains(err.Error(), "plenty") {
		t.Errorf("got %v, %v, want nil and the refused value", p, err)
	}
}

// nobody is an account that every machine has and that owns nothing.
func nobody(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else; who is not root is tested by all the others")
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func TestRootRunsPostgresAsSomebodyElse(t *testing.T) {
	as := nobody(t)
	replace(t, &postgresUsers, []string{"no-such-user", "nobody"})
	p := startPostgres(t)
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.Pid()) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, ids, _ := strings.Cut(line, ":")
		got[name] = strings.Join(strings.Fields(ids), " ")
	}
	four := func(id uint32) string {
		return strings.TrimSpace(strings.Repeat(strconv.Itoa(int(id))+" ", 4))
	}
	for name, want := range map[string]string{"Uid": four(as.Uid), "Gid": four(as.Gid), "Groups": ""} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
	wantAnswer(t, p, "SELECT 1", "1")
	replace(t, &postgresUsers, []string{"no-such-user"})
	if p, err := StartPostgres(t.Context(), openDir(t)); p != nil || err == nil || !strings.Contains(err.Error(), "no-such-user") {
		t.Errorf("got %v, %v, want nil and the user who is missing", p, err)
	}
}

// TestWhoIsNotRootRunsPostgres runs tests of this binary again, as nobody.
func TestWhoIsNotRootRunsPostgres(t *testing.T) {
	as := nobody(t)
	dir := openDir(t)
	if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
		t.Fatal(err)
	}
	// The folder that go test puts the binary in may be closed to others.
	binary := filepath.Join(dir, "test")
	if err := copyFile(binary, os.Args[0]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again := exec.CommandContext(ctx, binary, "-test.v", "-test.run=^(TestPostgresStartsAgainOnItsData|TestKillEndsChildrenThatDoNotNotice|TestPostgresDiesWithItsParent)$")
	again.Dir = dir
	again.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir)
	again.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGKILL}
	out, err := again.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if got := strings.Count(string(out), "\n--- PASS"); got != 3 {
		t.Errorf("got %d tests passed, want 3:\n%s", got, out)
	}
}

func copyFile(to, from string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}
