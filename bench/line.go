package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/bench/generator"
	"onsale/internal/adminapi"
	"onsale/internal/remotestock"
	"onsale/internal/testbed"
)

// lineRun has a crowd join the line of a sale while nodes and Redis are killed, be drawn, and buy in turn.
type lineRun struct {
	Buyers      int           `default:"20000" help:"Buyers who join, each with a token of its own."`
	Tickets     int           `default:"1000" help:"Tickets of the sale."`
	Nodes       int           `default:"5" help:"Selling nodes; three of them are killed while buyers join."`
	Connections int           `default:"256" help:"Connections of those who join, all at the same time."`
	JoinRate    float64       `help:"Buyers a second who join, on schedule whatever the answers do; 0: as fast as they are answered."`
	After       float64       `default:"0.1" help:"Share of buyers who join after the draw."`
	Drawn       time.Duration `name:"draw-after" help:"How long after the sale is made its line is drawn. 0: as long as the joins before it are likely to take, at 4,000 a second."`
	Rate        int           `default:"200" help:"People that are expected to show up per second, the sale's line_rate."`
	Show        float64       `default:"0.5" help:"Share of those admitted who come."`
	Human       time.Duration `default:"10s" help:"Time in which half of those who come have bought."`
	Late        float64       `default:"0.2" help:"Share of those who come who are late."`
	LateAfter   time.Duration `default:"60s" help:"How long after their turn those come at the earliest."`
	Look        time.Duration `default:"750ms" help:"Time between two looks at the page of those who are next in turn and wait for tickets to return, as the page has it."`
	Returns     int           `default:"50" help:"Tickets that buyers give back once all are held."`
	Hostile     float64       `default:"0.05" help:"Share of buyers who are hostile: join again and again, forge places, use those of others, buy before their turn, or hoard. All but the last never come in their turn."`
	Rejoiners   int           `default:"20" help:"How many hostile buyers join again and again, a fifth of them at most."`
	Rejoins     int           `default:"1000" help:"How often each of them joins."`
	Limit       time.Duration `name:"within" default:"15m" help:"How long selling may take, and selling again what was given back."`
	Outage      time.Duration `default:"2s" help:"How long redis-server stays away each time that it is killed."`
	Seed        uint64        `default:"1" help:"Seed of what buyers do."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
	Keep        string `help:"Folder to keep data and logs in; without it they are removed." type:"path"`

	begun func() // called when the first buyer is about to join, for tests; may be nil
}

const (
	lineSale   = "line"
	lineBeacon = "bench round 1"
)

// Validate reports every fault at once, or nil.
func (l *lineRun) Validate() error {
	var w wants
	share := func(flag string, value float64) { w.that(value >= 0 && value <= 1, flag, value, "0 to 1") }
	w.that(l.Buyers >= 1000, "--buyers", l.Buyers, "at least 1000")
	w.that(l.Tickets >= 10 && l.Tickets <= l.Buyers/10, "--tickets", l.Tickets, "at least 10, and at most a tenth of the buyers")
	w.that(l.Nodes >= 4, "--nodes", l.Nodes, "at least 4, as three are killed")
	w.that(l.Connections >= 1 && l.Connections <= generator.MaxConnections, "--connections", l.Connections, fmt.Sprintf("1 to %d", generator.MaxConnections))
	w.that(l.JoinRate >= 0 && l.JoinRate <= generator.MaxRate, "--join-rate", l.JoinRate, fmt.Sprintf("0 to %d", generator.MaxRate))
	w.that(l.After > 0 && l.After <= 0.5, "--after", l.After, "more than 0, and at most 0.5")
	w.positive("--rate", l.Rate)
	w.that(l.Show > 0 && l.Show <= 1, "--show", l.Show, "more than 0, and at most 1")
	share("--late", l.Late)
	share("--hostile", l.Hostile)
	w.that(l.Human > 0, "--human", l.Human, "more than 0s")
	w.that(l.LateAfter > lineWindow, "--late-after", l.LateAfter, fmt.Sprintf("more than %v, for which a turn lasts", lineWindow))
	w.that(l.Look > 0, "--look", l.Look, "more than 0s")
	w.that(l.Returns >= 1 && l.Returns <= l.Tickets/2, "--returns", l.Returns, "at least 1, and at most half of the tickets")
	w.positive("--rejoins", l.Rejoins)
	w.that(l.Rejoiners >= 0, "--rejoiners", l.Rejoiners, "at least 0")
	w.that(l.Limit > 0, "--within", l.Limit, "more than 0s")
	w.programs(l.Binaries)
	return errors.Join(w...)
}

// Run goes through all phases, and prints what it has also where it is interrupted.
func (l *lineRun) Run(ctx context.Context) error {
	if err := l.prepare(); err != nil {
		return err
	}
	r := newLineResult(ctx, l)
	c, err := testbed.Start(ctx, testbed.Options{
		Nodes: l.Nodes, Allocators: 2, Ledgers: 1, Binaries: l.Binaries, Dir: l.Keep, Progress: logLine, NodeArgs: []string{"--drain-delay", "0s"},
	})
	if err != nil {
		return err
	}
	err = l.on(ctx, c, r)
	closed(c.Close())
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // it is only the interruption
	}
	r.judge()
	return l.conclude(r, err)
}

// lineSite is the site of a run, and what its phases have found out.
type lineSite struct {
	*lineRun
	cluster   *testbed.Site
	store     *remotestock.Store
	client    redis.UniversalClient
	http      *http.Client // of those who come in their turn
	buyers    *generator.Process
	result    *lineResult
	roles     roles
	places    []string // by buyer
	positions []int64  // by buyer
	atPlace   []int32  // by position, the buyer; of position 0 nobody
	drawAt    time.Time
	opens     time.Time
	people    *linePeople // once all is sold
}

func (l *lineRun) on(ctx context.Context, c *testbed.Site, r *lineResult) (err error) {
	client, err := remotestock.Dial(c.StoreConfig())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	store, closeStore, err := connect(c.Redis.Addr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	logLine(fmt.Sprintf("signing %d tokens", l.Buyers))
	g, err := generator.Start(ctx, filepath.Join(c.Dir, "keys.json"), l.Buyers)
	if err != nil {
		return err
	}
	defer func() {
		if err := g.Stop(); err != nil {
			logLine("buyers: " + err.Error())
		}
	}()
	s := &lineSite{
		lineRun: l, cluster: c, store: store, client: client, buyers: g, roles: newRoles(l), places: make([]string, l.Buyers),
		http:   &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}},
		result: r,
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	for _, phase := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"joining before the draw", s.joinBefore}, {"joining again and again", s.rejoin}, {"the draw", s.draw}, {"joining after the draw", s.joinAfter},
		{"all ask for their places", s.askAgain}, {"positions", s.learnPositions}, {"the sale", s.sell},
	} {
		logLine(phase.name)
		if err := phase.do(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
		if err := notePeaks(s.cluster, s.result.Memory); err != nil {
			return err
		}
	}
	if s.people == nil {
		return nil // nothing was sold
	}
	outlived, cancel := outliving(ctx)
	defer cancel()
	return s.audit(outlived)
}

// open makes the sale. It opens long after the draw, and is moved forward once all is ready.
func (s *lineSite) open(ctx context.Context) error {
	before := s.Drawn
	if before == 0 {
		before = 10*time.Second + time.Duration(float64(s.Buyers)/4000*float64(time.Second))
	}
	s.drawAt = time.Now().Add(before).Truncate(time.Millisecond)
	s.opens = s.drawAt.Add(24 * time.Hour)
	return s.cluster.Open(ctx, adminapi.Definition{
		ID: lineSale, Title: "Line", Currency: "EUR", Price: 4200, Total: int64(s.Tickets), Limit: 1, HoldSeconds: 4 * 3600,
		Admission: "line", LineRate: s.Rate, LineLimit: s.Buyers, DrawAt: &s.drawAt, OpensAt: &s.opens, Beacon: lineBeacon,
	})
}

// first is how many buyers join before the draw.
func (l *lineRun) first() int { return l.Buyers - int(math.Ceil(float64(l.Buyers)*l.After)) }
