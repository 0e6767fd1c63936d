package main

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"onsale/internal/testbed"
)

// meter adds up what the nodes count themselves. A killed node takes its
// counters with it, so it is scraped a moment before.
type meter struct {
	cluster *testbed.Site
	client  *http.Client
	last    map[string]map[string]float64 // node -> series -> value
}

func newMeter(c *testbed.Site) *meter {
	return &meter{cluster: c, client: &http.Client{Timeout: 5 * time.Second}, last: map[string]map[string]float64{}}
}

// scrape reads a node's counters; of a node that does not answer, the last
// ones stand.
func (m *meter) scrape(n *testbed.Member) {
	r, err := m.client.Get("http://" + n.Admin + "/metrics")
	if err != nil {
		logLine(fmt.Sprintf("no metrics of %s: %v", n.Name, err))
		return
	}
	defer r.Body.Close()
	series := map[string]float64{}
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil && strings.HasPrefix(name, "onsale_") {
			series[name] = v
		}
	}
	m.last[n.Name] = series
}

// sum reads every node that runs, and adds up the series that begin so, the
// killed nodes' last values included.
func (m *meter) sum(prefixes ...string) []int64 {
	for _, n := range m.cluster.Nodes {
		if n.Running() {
			m.scrape(n)
		}
	}
	sums := make([]int64, len(prefixes))
	for _, series := range m.last {
		for name, v := range series {
			for i, p := range prefixes {
				if strings.HasPrefix(name, p) {
					sums[i] += int64(v)
				}
			}
		}
	}
	return sums
}

// by reads every node that runs, and adds up a counter by one of its labels, the killed nodes' last values included.
func (m *meter) by(counter, label string) map[string]int64 {
	for _, n := range m.cluster.Nodes {
		if n.Running() {
			m.scrape(n)
		}
	}
	sums := map[string]int64{}
	for _, series := range m.last {
		for name, v := range series {
			if _, labels, ok := strings.Cut(name, counter+"{"); ok {
				_, rest, _ := strings.Cut(labels, label+`="`)
				value, _, _ := strings.Cut(rest, `"`)
				sums[value] += int64(v)
			}
		}
	}
	return sums
}
