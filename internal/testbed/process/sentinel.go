package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// SentinelMaster is the name by which Sentinels of this package know the master.
const SentinelMaster = "tickets"

// backstage is the address from which servers and Sentinels connect to each
// other. Clients use 127.0.0.1, so that a cut can be limited to servers.
const backstage = "127.0.0.2"

// downAfter is how long a master has to be silent before a Sentinel takes it for
// dead; a promotion follows within a second or two.
const downAfter = time.Second

// Sentinels are a Redis with replicas and three Sentinels, which promote a
// replica when the master is gone.
type Sentinels struct {
	Servers   []*Server // the first is the master at the start
	Sentinels []*Redis
}

// Server is a Redis behind a proxy of its own, whose address everybody knows it
// by: clients, the other servers and the Sentinels.
type Server struct {
	*Redis
	proxy *Proxy
}

// Addr is the address that everybody uses, as host:port.
func (s *Server) Addr() string { return s.proxy.Addr() }

// Cut cuts the server off from the other servers and the Sentinels, while clients
// still reach it.
func (s *Server) Cut() { s.proxy.Cut(backstage) }

// Heal ends the cut.
func (s *Server) Heal() { s.proxy.Heal() }

// Kill ends the server with SIGKILL. Its port refuses connections.
func (s *Server) Kill() error { return errors.Join(s.Redis.Kill(), s.proxy.Close()) }

// Restart starts it again on its disk, as what it was last.
func (s *Server) Restart(ctx context.Context) error {
	return errors.Join(s.Redis.Restart(ctx), s.proxy.Open())
}

// RestartEmpty starts it again, as what it was last, without its data.
func (s *Server) RestartEmpty(ctx context.Context) error {
	return errors.Join(s.Redis.RestartEmpty(ctx), s.proxy.Open())
}

// StartSentinels starts a master, its replicas and three Sentinels below dir, and
// returns once the Sentinels agree on all of them. Extra arguments are every
// server's.
func StartSentinels(ctx context.Context, dir string, replicas int, extra ...string) (_ *Sentinels, err error) {
	s := &Sentinels{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for range 1 + replicas {
		if err := s.addServer(ctx, dir, extra); err != nil {
			return nil, err
		}
	}
	for range 3 {
		if err := s.addSentinel(ctx, dir); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return s, s.AwaitSettled(ctx)
}

func (s *Sentinels) addServer(ctx context.Context, dir string, extra []string) error {
	r, err := newRedis(dir)
	if err != nil {
		return err
	}
	proxy, err := StartProxy(Loopback(r.Port))
	if err != nil {
		return err
	}
	r.args = append(r.args, "--bind-source-addr", backstage,
		"--replica-announce-ip", "127.0.0.1", "--replica-announce-port", portOf(proxy.Addr()),
		// A replica that comes back may have its copy after 5 s only, or at once.
		"--repl-diskless-sync-delay", "0")
	r.args = append(r.args, extra...)
	if len(s.Servers) > 0 {
		// In the file, and not on the command line: a promotion takes it back.
		line := "replicaof 127.0.0.1 " + portOf(s.Servers[0].Addr()) + "\n"
		if err := os.WriteFile(r.file(), []byte(line), 0o644); err != nil {
			return err
		}
	}
	if err := r.Restart(ctx); err != nil {
		return errors.Join(err, proxy.Close())
	}
	s.Servers = append(s.Servers, &Server{r, proxy})
	return nil
}

func (s *Sentinels) addSentinel(ctx context.Context, dir string) error {
	port, err := FreePort()
	if err != nil {
		return err
	}
	r := &Redis{Port: port, dir: dir, data: filepath.Join(dir, "sentinel-"+strconv.Itoa(port))}
	text := fmt.Sprintf(`port %d
bind 127.0.0.1
bind-source-addr %s
dir %s
sentinel announce-ip 127.0.0.1
sentinel monitor %s 127.0.0.1 %s 2
sentinel down-after-milliseconds %[4]s %[6]d
sentinel failover-timeout %[4]s 2000
`, port, backstage, dir, SentinelMaster, portOf(s.Servers[0].Addr()), downAfter.Milliseconds())
	if err := os.WriteFile(r.file(), []byte(text), 0o644); err != nil {
		return err
	}
	r.args = []string{r.file(), "--sentinel"}
	if err := r.Restart(ctx); err != nil {
		return err
	}
	s.Sentinels = append(s.Sentinels, r)
	// By default a Sentinel looks at roles every 10 s, and takes a returned master
	// back after 8 s. This hastens what follows a promotion, not the promotion.
	return ask(ctx, r.Addr(), "sentinel", "debug", "info-period", 1000, "publish-period", 500).Err()
}

// Addrs are the Sentinels' addresses.
func (s *Sentinels) Addrs() (addrs []string) {
	for _, r := range s.Sentinels {
		addrs = append(addrs, r.Addr())
	}
	return addrs
}

// Master is the server that most Sentinels send clients to. Asking is quick: it
// may be called until the answer changes.
func (s *Sentinels) Master(ctx context.Context) (*Server, error) {
	votes := map[string]int{}
	var errs []error
	for _, r := range s.Sentinels {
		addr, err := ask(ctx, r.Addr(), "sentinel", "get-master-addr-by-name", SentinelMaster).StringSlice()
		if err != nil || len(addr) != 2 {
			errs = append(errs, fmt.Errorf("sentinel %s: %v: %w", r.Addr(), addr, err))
			continue
		}
		votes[net.JoinHostPort(addr[0], addr[1])]++
	}
	for _, server := range s.Servers {
		if votes[server.Addr()] > len(s.Sentinels)/2 {
			return server, nil
		}
	}
	return nil, errors.Join(append(errs, fmt.Errorf("the Sentinels disagree: %v", votes))...)
}

// Failover asks for a planned one, and does not wait for it.
func (s *Sentinels) Failover(ctx context.Context) error {
	return ask(ctx, s.Sentinels[0].Addr(), "sentinel", "failover", SentinelMaster).Err()
}

// AwaitPromotion returns when the Sentinels send clients to another server than
// the one given, and it knows that it is a master.
func (s *Sentinels) AwaitPromotion(ctx context.Context, old *Server) (*Server, error) {
	for {
		now, err := s.Master(ctx)
		if err == nil && now != old && role(ctx, now.Redis.Addr()) == "master" {
			return now, nil
		}
		if err := lookAgain(ctx); err != nil {
			return nil, fmt.Errorf("no replica was promoted: %w", err)
		}
	}
}

// AwaitSettled returns when every server runs and replicates from the master, has
// what the master had at the call, and every Sentinel would let a replica take over.
func (s *Sentinels) AwaitSettled(ctx context.Context) error {
	for {
		err := s.settled(ctx)
		if err == nil {
			return nil
		}
		if perr := lookAgain(ctx); perr != nil {
			return fmt.Errorf("%w: %w", perr, err)
		}
	}
}

func (s *Sentinels) settled(ctx context.Context) error {
	master, err := s.Master(ctx)
	if err != nil {
		return err
	}
	state, err := replication(ctx, master.Redis.Addr())
	if err != nil {
		return err
	}
	for _, other := range s.Servers {
		if other == master {
			continue
		}
		online := "port=" + portOf(other.Addr()) + ",state=online"
		if !strings.Contains(state, online) {
			return fmt.Errorf("%s does not replicate from %s", other.Addr(), master.Addr())
		}
		if err := caughtUp(ctx, other.Redis, state); err != nil {
			return err
		}
	}
	for _, r := range s.Sentinels {
		if err := s.ready(ctx, r, master); err != nil {
			return fmt.Errorf("sentinel %s: %w", r.Addr(), err)
		}
	}
	return nil
}

// caughtUp returns what a replica lacks of what its master had in the given
// state. A replica that is online may still lack most of it.
func caughtUp(ctx context.Context, replica *Redis, masterState string) error {
	state, err := replication(ctx, replica.Addr())
	if err != nil {
		return err
	}
	want, err := strconv.ParseInt(infoField(masterState, "master_repl_offset"), 10, 64)
	if err != nil {
		return fmt.Errorf("the master's offset: %w", err)
	}
	got, err := strconv.ParseInt(infoField(state, "slave_repl_offset"), 10, 64)
	if err != nil {
		return fmt.Errorf("the offset of %s: %w", replica.Addr(), err)
	}
	if up := infoField(state, "master_link_status"); up != "up" || got < want {
		return fmt.Errorf("%s has %d of its master's %d bytes, its link is %s", replica.Addr(), got, want, up)
	}
	return nil
}

// ready returns what keeps a Sentinel from a failover.
func (s *Sentinels) ready(ctx context.Context, r *Redis, master *Server) error {
	known, err := ask(ctx, r.Addr(), "sentinel", "sentinels", SentinelMaster).Slice()
	if err != nil || len(known) != len(s.Sentinels)-1 {
		return fmt.Errorf("knows %d others: %w", len(known), err)
	}
	replicas, err := ask(ctx, r.Addr(), "sentinel", "replicas", SentinelMaster).Slice()
	if err != nil {
		return err
	}
	fit := 0
	for _, raw := range replicas {
		about := fields(raw)
		if about["flags"] == "slave" && about["role-reported"] == "slave" && about["master-link-status"] == "ok" && about["master-port"] == portOf(master.Addr()) {
			fit++
		}
	}
	if fit != len(s.Servers)-1 {
		return fmt.Errorf("%d replicas are fit, want %d", fit, len(s.Servers)-1)
	}
	about, err := ask(ctx, r.Addr(), "sentinel", "master", SentinelMaster).Result()
	if err != nil {
		return err
	}
	if flags := fields(about)["flags"]; flags != "master" {
		return fmt.Errorf("flags of the master are %s", flags)
	}
	return nil
}

// Close ends everything. It may be called twice.
func (s *Sentinels) Close() error {
	var errs []error
	for _, r := range s.Sentinels {
		errs = append(errs, r.Process.Kill())
	}
	for _, server := range s.Servers {
		errs = append(errs, server.Kill())
	}
	s.Sentinels, s.Servers = nil, nil
	return errors.Join(errs...)
}
