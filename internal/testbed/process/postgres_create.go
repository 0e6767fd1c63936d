package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// postgresFolders is where Debian keeps the server's programs, off PATH: a folder
// for each major version.
var postgresFolders = "/usr/lib/postgresql/*/bin"

// FindPostgres returns the folder that the newest PostgreSQL server is installed
// in, and names the Debian package where there is none.
func FindPostgres() (string, error) {
	folders, err := filepath.Glob(postgresFolders)
	if err != nil {
		return "", err
	}
	slices.SortFunc(folders, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	for _, dir := range slices.Concat(folders, filepath.SplitList(os.Getenv("PATH")), daemonDirs) {
		_, server := exec.LookPath(filepath.Join(dir, "postgres"))
		_, initdb := exec.LookPath(filepath.Join(dir, "initdb"))
		if server == nil && initdb == nil && filepath.IsAbs(dir) {
			return dir, nil
		}
	}
	return "", errors.New("PostgreSQL's postgres and initdb are missing: apt-get install postgresql")
}

// version is that of one of postgresFolders, and 0 where its name is none.
func version(folder string) float64 {
	v, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(folder)), 64)
	return v
}

// postgresUsers are whom root may run PostgreSQL as: the first that there is.
var postgresUsers = []string{"postgres", "nobody"}

// postgresUser is as whom PostgreSQL, which refuses root, runs for root, with no
// further groups; nil for everybody else.
func postgresUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range postgresUsers {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
	}
	return nil, fmt.Errorf("PostgreSQL does not run as root, and of its users there is none: %s", strings.Join(postgresUsers, ", "))
}

// passable makes dir, lets the user through it, and returns its path without
// links. The folders above must let the user through already.
func passable(dir string, as *syscall.Credential) (string, error) {
	err := os.MkdirAll(dir, 0o755)
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil || as == nil {
		return dir, err
	}
	for folder := dir; ; folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		if err != nil {
			return "", err
		}
		switch {
		case letsThrough(info, as):
		case folder == dir:
			if err := os.Chmod(dir, info.Mode()|0o011); err != nil {
				return "", err
			}
		default:
			return "", fmt.Errorf("%s is closed (%v) to user %d, whom root runs PostgreSQL as: chmod o+x it, or choose a folder elsewhere", folder, info.Mode().Perm(), as.Uid)
		}
		if folder == filepath.Dir(folder) {
			return dir, nil
		}
	}
}

// letsThrough reports whether a folder's mode allows the user to pass.
func letsThrough(folder os.FileInfo, as *syscall.Credential) bool {
	owner := folder.Sys().(*syscall.Stat_t)
	switch mode := folder.Mode(); {
	case owner.Uid == as.Uid:
		return mode&0o100 != 0
	case owner.Gid == as.Gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

// create makes the cluster's files and the database. Nothing of it is synced:
// should the machine fail now, there is nothing yet to lose.
func (p *Postgres) create(ctx context.Context) error {
	if err := os.Mkdir(p.data, 0o700); err != nil {
		return err
	}
	secret := p.data + ".password"
	defer os.Remove(secret)
	if err := os.WriteFile(secret, []byte(p.password), 0o600); err != nil {
		return err
	}
	if p.as != nil {
		for _, path := range []string{p.data, secret} {
			if err := os.Chown(path, int(p.as.Uid), int(p.as.Gid)); err != nil {
				return err
			}
		}
	}
	if err := p.run(ctx, "", "initdb", "-D", p.data, "--no-sync", "--username=onsale",
		"--auth=scram-sha-256", "--pwfile="+secret, "--encoding=UTF8", "--locale=C"); err != nil {
		return err
	}
	// Without a server: no client library is needed, and nobody can connect
	// before the database is there.
	return p.run(ctx, "CREATE DATABASE onsale\n", "postgres", "--single", "-F", "-D", p.data,
		"-c", "exit_on_error=on", "postgres")
}

// run runs one of the installed programs to its end, or to the context's.
func (p *Postgres) run(ctx context.Context, input, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, program), args...)
	cmd.Dir, cmd.Stdin = p.dir, strings.NewReader(input)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: p.as}
	// Initdb runs the server several times: the whole group has to go.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, errors.Join(ctx.Err(), err), out)
	}
	return nil
}
