package process

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"onsale/nginx"
)

// Isolate has a command run in a network namespace of its own, where no address and no rule is
// anybody else's. Only root may start it; it dies with its parent's thread.
func Isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
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
