package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// measure returns what each kind of process took while something was done, in percent of a core,
// and how many lines they logged.
func (m *market) measure(do func()) (percent map[string]float64, lines int, err error) {
	before, err := m.cluster.CPU()
	if err != nil {
		return nil, 0, err
	}
	logged, err := m.logged()
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	do()
	took := time.Since(began).Seconds()
	after, err := m.cluster.CPU()
	if err != nil {
		return nil, 0, err
	}
	percent = map[string]float64{}
	for kind := range after {
		percent[kind] = 100 * (after[kind] - before[kind]) / took
	}
	percent["node"] = percent["nodes"] / float64(len(m.cluster.Nodes))
	now, err := m.logged()
	return percent, now - logged, err
}

// logged is how many lines nodes, allocators and ledgers have logged.
func (m *market) logged() (lines int, err error) {
	for _, of := range [][]*testbed.Member{m.cluster.Nodes, m.cluster.Allocators, m.cluster.Ledgers} {
		for _, member := range of {
			log, err := os.ReadFile(filepath.Join(m.cluster.Dir, member.Name+".log"))
			if err != nil {
				return 0, err
			}
			lines += bytes.Count(log, []byte("\n"))
		}
	}
	return lines, nil
}

func (m *market) buyer() string { return "buyer-" + strconv.FormatInt(m.buyers.Add(1), 10) }

// buy is one purchase of a new buyer at a node.
func (m *market) buy(ctx context.Context, n *testbed.Member, id string) (status int, d document, err error) {
	buyer := m.buyer()
	status, d, err = m.ask(ctx, http.MethodPost, n.Listen, "/v1/sales/"+id+"/orders", buyer)
	m.answered(sale.ID(id), buyer, status, d, err)
	return status, d, err
}

func (m *market) ask(ctx context.Context, method, addr, path, buyer string) (status int, d document, err error) {
	token, err := m.cluster.Issuer.Token(buyer, time.Hour)
	if err != nil {
		return 0, d, err
	}
	body := ""
	if method == http.MethodPost {
		body = `{"quantity":1}`
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, d, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := m.client.Do(r)
	if err != nil {
		return 0, d, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, d, err
	}
	return answer.StatusCode, d, json.Unmarshal(raw, &d)
}
