package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"onsale/bench/generator"
	"onsale/internal/adminapi"
	"onsale/internal/line"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

// drawResult is what is known of the draw. Seconds count from draw_at.
type drawResult struct {
	Drawn     int64              `json:"drawn"`
	Listed    float64            `json:"list_published_seconds"`
	Recorded  float64            `json:"beacon_recorded_seconds"`
	Nodes     map[string]float64 `json:"nodes_know_seconds"` // by node, until it answers a drawn buyer with a position
	Asked     int                `json:"positions_asked"`    // of nodes, of buyers drawn at random
	Differ    int                `json:"positions_that_differ"`
	Missing   int                `json:"not_in_the_list"` // buyers with a place who were not drawn, or share a position
	ChiSquare float64            `json:"chi_square"`      // of order of joining and position, in tenths: 81 degrees of freedom
}

// maxChiSquare is what 81 degrees of freedom exceed once in a million draws.
const maxChiSquare = 160

// drawLimit is how long a draw may take.
const drawLimit = 3 * time.Minute

// draw waits for the draw, and brings the beacon's value.
func (s *lineSite) draw(ctx context.Context) error {
	d := &s.result.Draw
	if wait := time.Until(s.drawAt); wait < 0 {
		logLine(fmt.Sprintf("the line was drawn %.0f s ago, while buyers still joined", -wait.Seconds()))
	} else if !pause.For(ctx, wait) {
		return nil
	}
	since := func() float64 { return time.Since(s.drawAt).Seconds() }
	var l adminapi.Line
	if err := s.until(ctx, "the list", func() (err error) {
		if l, err = s.line(ctx, ""); err == nil && l.List == "" {
			err = errors.New("no list is published")
		}
		return err
	}); err != nil || ctx.Err() != nil {
		return err
	}
	d.Listed, d.Drawn = since(), l.Drawn
	value := rand.Text()
	if _, err := s.cluster.AdminCall(ctx, http.MethodPost, "/admin/v1/sales/"+lineSale+"/line/beacon", fmt.Appendf(nil, `{"value":%q}`, value)); err != nil {
		return err
	}
	d.Recorded = since()
	logLine(fmt.Sprintf("%d were drawn; the list came after %.1f s", d.Drawn, d.Listed))
	for _, n := range s.cluster.Nodes {
		p := person{site: s, buyer: s.Buyers / 2, addr: "http://" + n.Listen}
		if s.places[p.buyer] != sale.Drawn.String() {
			p.buyer = 0
		}
		if err := s.until(ctx, n.Name+" to know the draw", func() error {
			a, err := p.join(ctx, "")
			if err == nil && a.Position == 0 {
				err = fmt.Errorf("%d without a position", a.status)
			}
			return err
		}); err != nil || ctx.Err() != nil {
			return err
		}
		d.Nodes[n.Name] = since()
		logLine(fmt.Sprintf("%s knows the draw after %.1f s", n.Name, d.Nodes[n.Name]))
	}
	return nil
}

// until returns once something has no error.
func (s *lineSite) until(ctx context.Context, what string, done func() error) error {
	ctx, cancel := context.WithTimeout(ctx, drawLimit)
	defer cancel()
	for {
		err := done()
		if err == nil {
			return nil
		}
		if !pause.For(ctx, 100*time.Millisecond) {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("waiting for %s: %w", what, err)
			}
			return nil
		}
	}
}

func (s *lineSite) line(ctx context.Context, query string) (l adminapi.Line, err error) {
	text, err := s.cluster.AdminCall(ctx, http.MethodGet, "/admin/v1/sales/"+lineSale+"/line"+query, nil)
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal(text, &l)
}

// learnPositions computes everybody's position from what is published, and compares it with what nodes answer.
func (s *lineSite) learnPositions(ctx context.Context) error {
	published, err := s.line(ctx, "?entries=1")
	if err != nil {
		return err
	}
	record, err := published.Record()
	if err != nil {
		return err
	}
	drawn, err := record.Verify([]byte(published.BeaconValue))
	if err != nil {
		s.result.Faults = append(s.result.Faults, "the draw: "+err.Error())
		return nil
	}
	survey, err := s.store.Survey(ctx, lineSale)
	if err != nil {
		return err
	}
	secret, err := hex.DecodeString(string(survey.Sale.LineSecret))
	if err != nil {
		return err
	}
	s.positions, s.atPlace = make([]int64, s.Buyers), make([]int32, s.Buyers+1)
	for i := range s.atPlace {
		s.atPlace[i] = -1
	}
	d := &s.result.Draw
	for i, place := range s.places {
		at := int64(0)
		if place == sale.Drawn.String() {
			name := generator.Buyer(i)
			at = int64(drawn.Position(line.NewEntry(lineSale, name, line.Nonce(secret, name))))
		} else if n, err := strconv.ParseInt(place, 10, 64); err == nil {
			at = published.Drawn + n
		}
		if at < 1 || at > int64(s.Buyers) || s.atPlace[at] >= 0 {
			d.Missing++
			continue
		}
		s.positions[i], s.atPlace[at] = at, int32(i)
	}
	d.ChiSquare = chiSquare(s.positions, published.Drawn)
	logLine(fmt.Sprintf("χ² of order of joining and position is %.0f", d.ChiSquare))
	return s.comparePositions(ctx)
}

// chiSquare is that of the order of joining and the drawn position, both in tenths.
func chiSquare(positions []int64, drawn int64) (chi float64) {
	const parts = 10
	var table [parts][parts]float64
	joined := int64(0)
	for _, at := range positions {
		if at > 0 && at <= drawn {
			table[joined*parts/drawn][(at-1)*parts/drawn]++
			joined++
		}
	}
	expected := float64(joined) / (parts * parts)
	for _, row := range table {
		for _, n := range row {
			chi += math.Pow(n-expected, 2) / expected
		}
	}
	return chi
}

// positionsAsked is how many buyers ask each node.
const positionsAsked = 100

// comparePositions asks every node for the positions of some buyers.
func (s *lineSite) comparePositions(ctx context.Context) error {
	d := &s.result.Draw
	for k, n := range s.cluster.Nodes {
		for i := range positionsAsked {
			p := person{site: s, buyer: (i*len(s.cluster.Nodes) + k) * (s.Buyers - 1) / (positionsAsked * len(s.cluster.Nodes)), addr: "http://" + n.Listen}
			a, err := p.join(ctx, "")
			if err != nil || ctx.Err() != nil {
				return err
			}
			d.Asked++
			if a.Position != s.positions[p.buyer] || a.Place != s.places[p.buyer] {
				d.Differ++
				logLine(fmt.Sprintf("%s answers %s with %+v, computed %d", n.Name, generator.Buyer(p.buyer), a, s.positions[p.buyer]))
			}
		}
	}
	return nil
}
