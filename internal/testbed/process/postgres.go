package process

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Postgres is a private PostgreSQL whose acknowledged commits have been fsynced.
// Its superuser and its database are both called onsale.
type Postgres struct {
	*Process
	Port     int
	dir      string
	data     string // the server's own folder, closed to everybody else
	bin      string // where the installed programs are
	password string
	args     []string
	as       *syscall.Credential // nil: the server runs as we do
}

// postgresSettings suit a small machine that runs everything else too.
// Durability is PostgreSQL's default and written down all the same: what is
// tested and measured here has to pay for it.
var postgresSettings = []string{
	"fsync=on", "synchronous_commit=on", "full_page_writes=on",
	"shared_buffers=64MB", "max_connections=100", "max_wal_size=512MB", "max_wal_senders=0",
	// The default keeps its files in /dev/shm, which is small in containers and
	// which nobody clears after a killed server.
	"dynamic_shared_memory_type=mmap",
}

// StartPostgres makes an empty cluster below dir with the installed programs and
// starts it on a free port. Extra settings, as "name=value", come last and win.
//
// PostgreSQL refuses to run as root, so root's runs as another user. Dir is made
// passable for that user. A closed folder above it may hold other people's
// things and stays closed: it is an error, and the error names it.
func StartPostgres(ctx context.Context, dir string, settings ...string) (*Postgres, error) {
	bin, err := FindPostgres()
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, password: rand.Text()}
	if p.as, err = postgresUser(); err != nil {
		return nil, err
	}
	if p.dir, err = passable(dir, p.as); err != nil {
		return nil, fmt.Errorf("a folder for PostgreSQL: %w", err)
	}
	if p.Port, err = FreePort(); err != nil {
		return nil, err
	}
	p.data = filepath.Join(p.dir, p.name())
	p.args = []string{"-D", p.data}
	own := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(p.Port),
		"unix_socket_directories=", // one would be a second door, in a folder of all users
		"cluster_name=" + p.name(), // a list of processes then shows whose its children are
	}
	for _, s := range slices.Concat(own, postgresSettings, settings) {
		p.args = append(p.args, "-c", s)
	}
	if err := p.create(ctx); err != nil {
		return nil, err
	}
	if err := p.Restart(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// name is that of the process, its folder and its log.
func (p *Postgres) name() string { return "postgres-" + strconv.Itoa(p.Port) }

// URL is where clients find the database, with the password in it.
func (p *Postgres) URL() string {
	return fmt.Sprintf("postgres://onsale:%s@%s/onsale?sslmode=disable", p.password, Loopback(p.Port))
}

// Restart starts the server again on its own port and data, after Kill or Stop.
func (p *Postgres) Restart(ctx context.Context) (err error) {
	// An orphan ends at once and removes its shared memory (SIGQUIT). Killed, it
	// would leave that to nobody.
	p.Process, err = startAs(p.as, p.dir, p.name(), filepath.Join(p.bin, "postgres"), p.args, nil, syscall.SIGQUIT)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second) // it may have much to recover
	defer cancel()
	if err := p.Await(ctx, p.ready); err != nil {
		return errors.Join(err, p.Kill())
	}
	return nil
}

// ready succeeds once the server has recovered its data and lets clients in. It
// reads the server's status in postmaster.pid, as pg_ctl does: a client that
// connects too early is turned away, and fills the log with errors that are none.
func (p *Postgres) ready() error {
	status, err := p.status()
	if err != nil {
		return err
	}
	if status[0] != strconv.Itoa(p.Pid()) {
		return fmt.Errorf("postmaster.pid is of process %s, want %d", status[0], p.Pid())
	}
	if len(status) < 8 || strings.TrimSpace(status[7]) != "ready" {
		return errors.New("postmaster.pid is not ready")
	}
	return nil
}

// status are the lines of postmaster.pid. It is there while the server runs, and
// stays when it is killed.
func (p *Postgres) status() ([]string, error) {
	b, err := os.ReadFile(filepath.Join(p.data, "postmaster.pid"))
	return strings.Split(string(b), "\n"), err
}

// Stop ends the server as Process does, but with SIGINT: with SIGTERM it would
// wait until the last client has left.
func (p *Postgres) Stop(grace time.Duration) error {
	return p.stop(grace, syscall.SIGINT, p.Kill)
}

// Pause stops the server in its tracks: the postmaster, and then its children,
// each of which leads a group of its own.
func (p *Postgres) Pause() error {
	children, err := p.freeze()
	for _, c := range children {
		err = errors.Join(err, c.signal(syscall.SIGSTOP))
	}
	return err
}

// Resume lets a paused server go on.
func (p *Postgres) Resume() error {
	children, err := p.children()
	for _, c := range children {
		err = errors.Join(err, c.signal(syscall.SIGCONT))
	}
	return errors.Join(err, p.Signal(syscall.SIGCONT))
}

// orphanGrace is how long a killed server's children have to notice. They do at
// once, unless they are paused or in a long computation.
var orphanGrace = 3 * time.Second

// Kill ends the postmaster with SIGKILL and returns when its children have gone
// too; those that don't notice are killed. One that stayed would keep the data
// in use, and Restart would fail.
func (p *Postgres) Kill() error {
	children, err := p.freeze()
	err = errors.Join(err, p.Process.Kill())
	for _, c := range awaitGone(children) {
		err = errors.Join(err, c.signal(syscall.SIGKILL))
	}
	if children = awaitGone(children); len(children) > 0 {
		return errors.Join(err, fmt.Errorf("%s left its children %v behind", p.Name, children))
	}
	return errors.Join(err, p.forget())
}

// forget removes the one segment of shared memory that outlives a killed server.
// The machine has room for some thousands, and only Restart would find it again.
func (p *Postgres) forget() error {
	status, err := p.status()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it ended in order, or before it had any
	}
	if err != nil || len(status) < 7 {
		return err
	}
	var key, id int
	if _, err := fmt.Sscan(status[6], &key, &id); err != nil {
		return fmt.Errorf("%s: postmaster.pid: %w", p.Name, err)
	}
	if _, _, errno := syscall.Syscall(syscall.SYS_SHMCTL, uintptr(id), 0 /* IPC_RMID */, 0); errno != 0 && errno != syscall.EINVAL {
		return fmt.Errorf("%s: remove its shared memory: %w", p.Name, errno)
	}
	return nil
}

// freeze pauses the postmaster and returns its children. Only while it is paused
// they are all: it forks one for each client, and others as it sees fit.
func (p *Postgres) freeze() ([]child, error) {
	select {
	case <-p.done: // and its process id may be another's by now
		return nil, nil
	default:
	}
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return nil, err
	}
	for {
		if s, ok := readStat(p.Pid()); !ok || s.ended() || s.state == "T" {
			return p.children()
		}
		time.Sleep(time.Millisecond)
	}
}

// children are the server's processes but for the postmaster.
func (p *Postgres) children() ([]child, error) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var children []child
	for _, entry := range processes {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if s, ok := readStat(pid); ok && s.parent == strconv.Itoa(p.Pid()) && !s.ended() {
			children = append(children, child{pid, s.started})
		}
	}
	return children, nil
}

// child is a process that we did not start: the kernel may give its id to
// another one, so the time when it started is part of its name.
type child struct {
	pid     int
	started string
}

// gone is also true of a zombie, which in a container nobody may ever bury.
func (c child) gone() bool {
	s, ok := readStat(c.pid)
	return !ok || s.ended() || s.started != c.started
}

// signal sends a signal; a child that has ended already is no error.
func (c child) signal(s syscall.Signal) error {
	if c.gone() {
		return nil
	}
	if err := syscall.Kill(c.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %v to process %d: %w", s, c.pid, err)
	}
	return nil
}

// awaitGone returns who is still there after the grace.
func awaitGone(children []child) []child {
	deadline := time.Now().Add(orphanGrace)
	for {
		children = slices.DeleteFunc(children, child.gone)
		if len(children) == 0 || time.Now().After(deadline) {
			return children
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stat is what every user may read of a process in /proc/<pid>/stat. More, such as
// its folder, is closed to a container's root if the process is another user's.
type stat struct{ state, parent, started string }

func (s stat) ended() bool { return s.state == "Z" || s.state == "X" }

func readStat(pid int) (s stat, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, false
	}
	// The second field is the program's name in parentheses, and may hold any.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	return stat{state: f[0], parent: f[1], started: f[19]}, true
}
