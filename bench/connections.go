package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"onsale/bench/generator"
	"onsale/internal/adminapi"
	"onsale/internal/audit"
	"onsale/internal/testbed"
)

// connections holds many idle buyers open against one node, and then sells
// through all of them.
type connections struct {
	Count    int    `arg:"" default:"10000" help:"Idle keep-alive connections."`
	JSON     string `help:"File for the result." type:"path"`
	Binaries string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	begun func() // called when the connections are open, for tests; may be nil
}

// connectionsResult is what came out.
type connectionsResult struct {
	Command string `json:"command"`
	Machine string `json:"machine"`
	Commit  string `json:"commit"`

	// What an interrupted run did not come to measure is left out.
	Interrupted bool `json:"interrupted,omitempty"`

	Count      int            `json:"connections"`
	Sources    int            `json:"source_addresses"`
	Seconds    float64        `json:"seconds_to_connect,omitempty"`
	Before     int64          `json:"node_memory_bytes_before"`
	Idle       int64          `json:"node_memory_bytes_idle,omitempty"`
	Each       float64        `json:"bytes_a_connection,omitempty"`
	SaleSecond float64        `json:"seconds_to_sell,omitempty"`
	Statuses   map[string]int `json:"statuses,omitempty"`
	Tickets    int64          `json:"tickets"`
	Sold       int64          `json:"sold,omitempty"`
	Faults     []string       `json:"faults"`
}

// Validate reports every fault at once, or nil.
func (c *connections) Validate() error {
	var w wants
	w.that(c.Count >= 1 && c.Count <= maxConnections, "connections", c.Count,
		fmt.Sprintf("1 to %d, which is %d from each of %d source addresses", maxConnections, perSource, maxSources))
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil && c.Count <= maxConnections {
		w.that(uint64(max(0, c.Count))+spareFiles <= files.Max, "connections", c.Count,
			fmt.Sprintf("at most %d, as a process may open %d files here (ulimit -Hn)", files.Max-min(files.Max, spareFiles), files.Max))
	}
	w.programs(c.Binaries)
	return errors.Join(w...)
}

// Run connects, measures, sells and audits.
func (c *connections) Run(ctx context.Context) error {
	if err := creatable(c.JSON); err != nil {
		return err
	}
	site, err := testbed.Start(ctx, testbed.Options{Nodes: 1, NoFront: true, Binaries: c.Binaries, Progress: say, NodeArgs: []string{"--drain-delay", "0s"}})
	if err != nil {
		return err
	}
	r, err := c.run(ctx, site)
	if cerr := site.Close(); cerr != nil {
		say("closing: " + cerr.Error())
	}
	if r == nil {
		return err
	}
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // that it was cut off is all that it says
	}
	err = errors.Join(err, printJSON(r, c.JSON))
	return ended(err, r.Interrupted, r.Faults, nil)
}

// run returns what it measured also where it fails or is interrupted, nil where
// that is nothing.
func (c *connections) run(ctx context.Context, site *testbed.Site) (*connectionsResult, error) {
	store, closeStore, err := connect(site.Redis.Addr())
	if err != nil {
		return nil, err
	}
	defer closeStore()
	r := &connectionsResult{Command: command(), Machine: machine(), Commit: commit(ctx), Count: c.Count, Sources: sources(c.Count), Tickets: int64(max(1, c.Count/2))}
	d := adminapi.Definition{ID: saleID, Title: "Connections", Currency: "EUR", Price: 4200, Total: r.Tickets, HoldSeconds: 3600}
	definition, err := d.Sale()
	if err != nil {
		return nil, err
	}
	if _, err := store.Open(ctx, definition); err != nil {
		return nil, err
	}
	if err := site.AwaitSale(ctx, saleID); err != nil {
		return nil, err
	}
	node := site.Nodes[0]
	if r.Before, err = resident(node.Pid()); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "idle", "--addr", node.Listen, "--sale", saleID, "--keys", filepath.Join(site.Dir, "keys.json"), "--count", strconv.Itoa(c.Count))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	begin := time.Now()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return nil, err
	}
	defer func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // it may have ended by itself
			_ = cmd.Wait()         // and nobody asks how
		}
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		return r, fmt.Errorf("the buyers could not connect: %w", errors.Join(in.Close(), cmd.Wait()))
	}
	r.Seconds = time.Since(begin).Seconds()
	say(fmt.Sprintf("%d connections are open", c.Count))
	if c.begun != nil {
		c.begun()
	}
	if sleep(ctx, 2*time.Second); ctx.Err() != nil { // idle means idle
		return r, ctx.Err()
	}
	if r.Idle, err = resident(node.Pid()); err != nil {
		return r, err
	}
	r.Each = float64(r.Idle-r.Before) / float64(c.Count)
	begin = time.Now()
	if _, err := io.WriteString(in, "go\n"); err != nil {
		return r, err
	}
	if lines.Scan() {
		r.SaleSecond = time.Since(begin).Seconds()
		err = json.Unmarshal(lines.Bytes(), &r.Statuses)
	}
	if err := errors.Join(err, in.Close(), cmd.Wait()); err != nil && ctx.Err() == nil {
		return r, fmt.Errorf("the buyers: %w", err)
	}
	outlived, cancel := outliving(ctx)
	defer cancel()
	snapshot, err := store.Snapshot(outlived, saleID)
	if err != nil {
		return r, err
	}
	r.Sold, r.Faults = snapshot.Sold(), audit.Stock(snapshot)
	if ctx.Err() != nil {
		return r, nil // what the killed buyers were told is not known
	}
	if r.Sold == 0 || r.Sold != r.Tickets || r.Statuses["201"] != int(r.Tickets) || r.Statuses["409"] != c.Count-int(r.Tickets) {
		r.Faults = append(r.Faults, fmt.Sprintf("sold %d of %d, answers %v: want a ticket or sold out for each of %d", r.Sold, r.Tickets, r.Statuses, c.Count))
	}
	return r, nil
}

// perSource is how many connections one source address makes: well below the
// ports that there are.
const perSource = 5000

// maxSources are the last bytes from 2 to 254.
const maxSources = 253

const maxConnections = perSource * maxSources

// spareFiles is how many files a process may need beside its connections.
const spareFiles = 200

// sources is over how many addresses of 127.0.0.0/8 the connections are spread.
func sources(count int) int { return max(3, (count+perSource-1)/perSource) }

// idle is the buyers' process: it connects, asks once for the sale, waits for a
// line, and buys through every connection.
type idle struct {
	Addr  string `required:"" help:"host:port of the node."`
	Sale  string `required:"" help:"Sale to buy from."`
	Keys  string `required:"" help:"Key set to sign tokens with."`
	Count int    `required:"" help:"Connections."`
}

// atOnce bounds how many of them do something at the same time.
const atOnce = 256

// Run is the process.
func (i *idle) Run() error {
	issuer, err := testbed.LoadIssuer(i.Keys)
	if err != nil {
		return err
	}
	conns := make([]net.Conn, i.Count)
	hello := fmt.Appendf(nil, "GET /v1/sales/%s HTTP/1.1\r\nHost: onsale\r\n\r\n", i.Sale)
	err = i.each(func(n int) error {
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n%sources(i.Count)))}
		d := net.Dialer{LocalAddr: from, Timeout: 20 * time.Second}
		var err error
		if conns[n], err = d.Dial("tcp", i.Addr); err != nil {
			return err
		}
		status, err := exchange(conns[n], hello)
		if err == nil && status != "200" {
			err = fmt.Errorf("the sale answers %s", status)
		}
		return err
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	var mu sync.Mutex
	statuses := map[string]int{}
	err = i.each(func(n int) error {
		token, err := issuer.Token(generator.Buyer(n), time.Hour)
		if err != nil {
			return err
		}
		status, err := exchange(conns[n], generator.Purchase(i.Sale, token))
		mu.Lock()
		defer mu.Unlock()
		statuses[status]++
		return err
	})
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(statuses))
}

// each does something with every connection, so many at once.
func (i *idle) each(do func(n int) error) error {
	gate := make(chan struct{}, atOnce)
	errs := make([]error, i.Count)
	var group sync.WaitGroup
	for n := range i.Count {
		gate <- struct{}{}
		group.Go(func() {
			errs[n] = do(n)
			<-gate
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err // the first says enough
		}
	}
	return nil
}

// exchange sends a request and returns the answer's status.
func exchange(c net.Conn, request []byte) (string, error) {
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	if _, err := c.Write(request); err != nil {
		return "", err
	}
	answer := make([]byte, 4096) // what a node sends is smaller, and comes in one piece
	n, err := c.Read(answer)
	if err != nil || n < 12 {
		return "", fmt.Errorf("an answer of %d bytes: %w", n, err)
	}
	return string(answer[9:12]), nil
}
