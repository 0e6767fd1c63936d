package compose

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// get reads what a page of the project answers with 200.
func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d", url, answer.StatusCode)
	}
	return io.ReadAll(answer.Body)
}

// awaitFronts waits until each Nginx takes buyers: one of them may be up seconds after the other.
func (p *project) awaitFronts(ctx context.Context) error {
	for _, front := range p.fronts {
		if _, err := await(ctx, time.Minute, "Nginx answers at "+front, func(ctx context.Context) bool {
			_, err := get(ctx, "http://"+front+"/nginx-health")
			return err == nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// awaitHealthy waits until the health check of every container has succeeded.
func (p *project) awaitHealthy(ctx context.Context) error {
	var rest string
	_, err := await(ctx, time.Minute, "all containers are healthy", func(ctx context.Context) bool {
		text, err := docker(ctx, "ps", "-a", "--filter", "label=com.docker.compose.project="+p.name, "--format", "{{.Names}} {{.Status}}")
		rest = ""
		for line := range strings.Lines(text) {
			if !strings.Contains(line, "(healthy)") {
				rest += " " + strings.TrimSpace(line)
			}
		}
		return err == nil && text != "" && rest == ""
	})
	if err != nil {
		return fmt.Errorf("%w; these are not:%s", err, rest)
	}
	return nil
}

// watched waits until all is healthy, and Prometheus reads every program and knows its Alertmanager.
func (t *test) watched(ctx context.Context) error {
	if err := t.project.awaitHealthy(ctx); err != nil {
		return err
	}
	nodes, err := t.project.containers(ctx, "node")
	if err != nil {
		return err
	}
	want := map[string]string{"onsale-node": fmt.Sprint(len(nodes)), "onsale-allocator": "2", "onsale-ledger": "1"}
	var got map[string]string
	if _, err := await(ctx, time.Minute, "Prometheus reads every program", func(ctx context.Context) bool {
		got, err = t.project.up(ctx)
		return err == nil && maps.Equal(got, want)
	}); err != nil {
		return fmt.Errorf("%w: it has %v, want %v", err, got, want)
	}
	_, err = await(ctx, time.Minute, "Prometheus knows its Alertmanager", func(ctx context.Context) bool {
		text, err := get(ctx, "http://"+t.project.metrics+"/api/v1/alertmanagers")
		var answer struct {
			Data struct{ ActiveAlertmanagers []any }
		}
		return err == nil && json.Unmarshal(text, &answer) == nil && len(answer.Data.ActiveAlertmanagers) == 1
	})
	return err
}

// up is how many programs Prometheus reads, by job.
func (p *project) up(ctx context.Context) (map[string]string, error) {
	text, err := get(ctx, "http://"+p.metrics+"/api/v1/query?query="+url.QueryEscape("sum by (job) (up)"))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric struct{ Job string }
				Value  [2]any // its time, and a number as text
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	up := map[string]string{}
	for _, r := range answer.Data.Result {
		up[r.Metric.Job] = fmt.Sprint(r.Value[1])
	}
	return up, nil
}
