package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// site is one node alone with its own Redis.
type site struct {
	cluster *testbed.Site
	store   *remotestock.Store
	closing func() error
	sales   []sale.ID
	answers map[sale.ID]judge.Answers
	left    map[sale.ID]int64 // tickets that a sale has to have left
}

// site starts one; the sites share an issuer, so that tokens are signed once.
func (r *ratios) site(ctx context.Context, issuer *testbed.Issuer, nodeArgs ...string) (*site, error) {
	return startSite(ctx, testbed.Options{Issuer: issuer, Binaries: r.Binaries, NodeArgs: nodeArgs})
}

func startSite(ctx context.Context, o testbed.Options) (*site, error) {
	o.Nodes, o.NoFront, o.Progress = 1, true, logLine
	// A rewrite of the log would fall into one variant's run and not the others'.
	o.RedisArgs = []string{"--auto-aof-rewrite-percentage", "0"}
	o.NodeArgs = append(o.NodeArgs, "--drain-delay", "0s")
	c, err := testbed.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &site{cluster: c, answers: map[sale.ID]judge.Answers{}, left: map[sale.ID]int64{}}
	if s.store, s.closing, err = connect(c.Redis.Addr()); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return s, nil
}

func (s *site) close() {
	if err := s.closing(); err != nil {
		logLine(err.Error())
	}
	if err := s.cluster.Close(); err != nil {
		logLine(err.Error())
	}
}

func (s *site) listen() string { return s.cluster.Nodes[0].Listen }
func (s *site) node() int      { return s.cluster.Nodes[0].Pid() }

// fresh opens a sale of so many tickets for every run.
func (s *site) fresh(ctx context.Context, tickets int) func(run int) (string, error) {
	return func(run int) (string, error) {
		id := fmt.Sprintf("run-%d-%d", run, len(s.sales))
		return id, s.open(ctx, id, int64(tickets))
	}
}

func (s *site) open(ctx context.Context, id string, total int64) error {
	return s.openSale(ctx, sale.Sale{
		ID: sale.ID(id), Title: id, Kind: sale.Ticket, Price: 4200, Currency: "EUR", Total: total, Limit: 1, HoldFor: time.Hour,
	})
}

func (s *site) openSale(ctx context.Context, d sale.Sale) error {
	if _, err := s.store.Open(ctx, d); err != nil {
		return err
	}
	s.sales = append(s.sales, d.ID)
	return s.cluster.AwaitSale(ctx, string(d.ID))
}

// answered notes what a run's buyers were answered about a sale.
func (s *site) answered(id sale.ID, run generator.Run) {
	s.answers[id] = s.answers[id].And(judge.FromRun(run))
}

// audit judges every sale. Only the sales of runs that were made again may have tickets left.
func (s *site) audit(ctx context.Context, again int) (faults []string, err error) {
	unsold := 0
	for _, id := range s.sales {
		a, err := s.store.Snapshot(ctx, id)
		if err != nil {
			return faults, err
		}
		faults = append(faults, judge.Faults(id, judge.FromSnapshot(a), s.answers[id])...)
		if a.Sold()+s.left[id] < a.Sale.Total {
			if unsold++; unsold > again {
				faults = append(faults, fmt.Sprintf("%s: sold %d of %d", id, a.Sold(), a.Sale.Total-s.left[id]))
			}
		}
	}
	return faults, nil
}

const soldOutSale = "sold-out"

// recordSoldOut sells a sale out and saves the node's answer, byte by byte.
func (s *site) recordSoldOut(ctx context.Context) (string, error) {
	if err := s.open(ctx, soldOutSale, 1); err != nil {
		return "", err
	}
	token, err := s.cluster.Issuer.Token("first", time.Hour)
	if err != nil {
		return "", err
	}
	var answer []byte
	for n := range 2 { // the first buys, the second is answered "sold out"
		conn, err := net.Dial("tcp", s.listen())
		if err != nil {
			return "", err
		}
		defer conn.Close()
		if _, err := conn.Write(generator.Purchase(soldOutSale, token)); err != nil {
			return "", err
		}
		answer = make([]byte, 4096)
		size, err := conn.Read(answer)
		if err != nil {
			return "", err
		}
		if answer = answer[:size]; n == 0 {
			if err := s.first(answer); err != nil {
				return "", err
			}
		}
	}
	if !strings.HasPrefix(string(answer), "HTTP/1.1 409 ") {
		return "", fmt.Errorf("the node answers %.80q to a sold-out sale", answer)
	}
	file := filepath.Join(s.cluster.Dir, "sold-out.http")
	return file, os.WriteFile(file, answer, 0o644)
}

// first notes the buyer of the one ticket of the sale that is sold out.
func (s *site) first(raw []byte) error {
	a, _, err := generator.ReadAnswer(raw)
	if err != nil || a.Class != generator.ClassSold {
		return fmt.Errorf("the one ticket was not sold: %.80q: %w", raw, err)
	}
	s.answers[soldOutSale] = judge.Answers{Acks: []generator.Ack{{Buyer: "first", Order: a.Order}}}
	return nil
}

// startBare starts the yardstick, and proves that it sends the same bytes.
func startBare(ctx context.Context, dir, answer string) (*process.Process, string, error) {
	port, err := process.FreePort()
	if err != nil {
		return nil, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	recorded, err := os.ReadFile(answer)
	if err != nil {
		return nil, "", err
	}
	addr := process.Loopback(port)
	p, err := process.Start(dir, "bare", self, []string{"bare", "--listen", addr, "--answer", answer})
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err = p.Await(ctx, func() error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.Write(generator.Purchase(soldOutSale, "x")); err != nil {
			return err
		}
		got := make([]byte, 4096)
		n, err := conn.Read(got)
		if err != nil {
			return err
		}
		if withoutDate(string(got[:n])) != withoutDate(string(recorded)) {
			return fmt.Errorf("the bare server sends\n%s\nthe node\n%s", got[:n], recorded)
		}
		return nil
	})
	if err != nil {
		return nil, "", errors.Join(err, p.Kill())
	}
	return p, addr, nil
}

func withoutDate(answer string) string {
	before, rest, ok := strings.Cut(answer, "Date: ")
	_, after, _ := strings.Cut(rest, "\r\n")
	if !ok {
		return answer
	}
	return before + after
}
