package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"onsale/nginx"
)

// Isolate has a command run in a network namespace of its own, where no address and no rule is
// anybody else's. Unless we are root it gets a user namespace as well, in which it is the same user but may
// change the network. It dies with its parent's thread.
func Isolate(cmd *exec.Cmd) {
	a := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		a.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN}
	}
	cmd.SysProcAttr = a
}

// Isolated adds to the error of starting such a command what to do if namespaces are not allowed here.
func Isolated(err error) error {
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("a network namespace: %w: run this as root, or allow user namespaces (sysctl user.max_user_namespaces; on Debian also kernel.unprivileged_userns_clone)", err)
	}
	return err
}

// AddNetworks has this namespace's loopback interface take whole networks, as it has 127.0.0.0/8.
func AddNetworks(ctx context.Context, networks ...string) error {
	ip, err := Find("ip", "iproute2")
	if err != nil {
		return err
	}
	commands := [][]string{{"link", "set", "lo", "up"}}
	for _, n := range networks {
		commands = append(commands, []string{"route", "add", "local", n, "dev", "lo"})
	}
	for _, args := range commands {
		if out, err := exec.CommandContext(ctx, ip, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// LimitConnections loads the shipped ruleset into this namespace, for one port and with so many
// connections of one address; 0: as many as are shipped.
func LimitConnections(ctx context.Context, port, most int) error {
	nft, err := Find("nft", "nftables")
	if err != nil {
		return err
	}
	raw, err := fs.ReadFile(nginx.Files, "site/connections.nft")
	if err != nil {
		return err
	}
	rules := string(raw)
	change := func(old, new string) {
		if !strings.Contains(rules, old) {
			err = fmt.Errorf("site/connections.nft has no %q", old)
		}
		rules = strings.ReplaceAll(rules, old, new)
	}
	change("define ports = { 80, 443, 8080 }", "define ports = { "+strconv.Itoa(port)+" }")
	if most > 0 {
		change("ct count over 1000 ", "ct count over "+strconv.Itoa(most)+" ")
	}
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, nft, "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	// The kernel tracks a connection of a machine to itself before the rules see it, so one that
	// they drop is counted as if it were open. From another machine it is not.
	return os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent", []byte("1"), 0o644)
}
