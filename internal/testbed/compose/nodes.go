package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
)

// admin asks one of the two allocators. Its port is asked for each time, as operators have to: it changes when the
// container is started again.
func (p *project) admin(ctx context.Context, allocator string) (client.Client, error) {
	id, err := p.one(ctx, allocator)
	if err != nil {
		return client.Client{}, err
	}
	addr, err := docker(ctx, "port", id, "9080/tcp")
	if err != nil {
		return client.Client{}, err
	}
	token, err := os.ReadFile(filepath.Join(p.secrets, "admin-token"))
	return client.Client{Addr: addr, Token: strings.TrimSpace(string(token)), HTTP: &http.Client{Timeout: 5 * time.Second}}, err
}

// open opens a sale of so many tickets, and waits until an allocator answers and the sale sells.
func (p *project) open(ctx context.Context, sale string, tickets int64) error {
	admin, err := p.admin(ctx, allocators[0])
	if err != nil {
		return err
	}
	body, err := json.Marshal(adminapi.Definition{ID: sale, Title: "Stack", Currency: "EUR", Price: 4200, Total: tickets, HoldSeconds: 3600})
	if err != nil {
		return err
	}
	var last error
	if _, err := await(ctx, time.Minute, "the sale is open and recorded", func(ctx context.Context) bool {
		answer, err := admin.Call(ctx, http.MethodPost, "/admin/v1/sales", body, "Content-Type", "application/json")
		var s adminapi.Status
		if err == nil {
			err = json.Unmarshal(answer, &s)
		}
		last = err
		return err == nil && s.Recorded
	}); err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}

// selling are the names of the nodes that an allocator has in its view and that sell.
func (p *project) selling(ctx context.Context, allocator string) ([]string, error) {
	admin, err := p.admin(ctx, allocator)
	if err != nil {
		return nil, err
	}
	answer, err := admin.Call(ctx, http.MethodGet, "/admin/v1/nodes", nil)
	if err != nil {
		return nil, err
	}
	var view struct{ Nodes []adminapi.Node }
	if err := json.Unmarshal(answer, &view); err != nil {
		return nil, err
	}
	var names []string
	for _, n := range view.Nodes {
		if n.Ready && !n.Draining && !n.Drained {
			names = append(names, n.Name)
		}
	}
	return names, nil
}

// sells reports whether an allocator has the container among the nodes that sell.
func (p *project) sells(ctx context.Context, allocator, id string) (bool, error) {
	names, err := p.selling(ctx, allocator)
	return slices.Contains(names, id[:12]), err // a container's hostname
}

// awaitSelling waits until both allocators know so many nodes that sell.
func (p *project) awaitSelling(ctx context.Context, nodes int) (time.Duration, error) {
	return await(ctx, time.Minute, fmt.Sprint(nodes, " nodes sell"), func(ctx context.Context) bool {
		for _, allocator := range allocators {
			if names, err := p.selling(ctx, allocator); err != nil || len(names) != nodes {
				return false
			}
		}
		return true
	})
}

// awaitKnown waits until every node knows a sale that was just opened: that takes up to a second.
func (p *project) awaitKnown(ctx context.Context, sale string) error {
	nodes, err := p.containers(ctx, "node")
	if err != nil {
		return err
	}
	for _, id := range nodes {
		ip, err := address(ctx, id)
		if err != nil {
			return err
		}
		if _, err := await(ctx, time.Minute, "node "+id+" knows the sale", func(ctx context.Context) bool {
			_, err := get(ctx, "http://"+ip+":8081/v1/sales/"+sale)
			return err == nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// claims is how many claims a node has sent to Redis, which has decided them.
func claims(ctx context.Context, ip string) (total int) {
	text, err := get(ctx, "http://"+ip+":9081/metrics")
	if err != nil {
		return 0 // it has not begun to listen
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "onsale_remotestock_claims_total{") {
			if n, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:len(line)-1], 64); err == nil {
				total += int(n)
			}
		}
	}
	return total
}

// firstSale waits until a container has sold, and returns how long that took since it was started.
func (p *project) firstSale(ctx context.Context, id string) (time.Duration, error) {
	since, err := started(ctx, id)
	if err != nil {
		return 0, err
	}
	ip, err := address(ctx, id)
	if err != nil {
		return 0, err
	}
	if _, err := await(ctx, time.Minute, "container "+id+" sells", func(ctx context.Context) bool { return claims(ctx, ip) > 0 }); err != nil {
		return 0, err
	}
	return time.Since(since), nil
}
