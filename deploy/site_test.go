package deploy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

// watched is a real site, scraped by a Prometheus with the files that are shipped, and an
// Alertmanager with the example.
type watched struct {
	*testbed.Site
	ctx          context.Context
	bin          string
	prometheus   *process.Prometheus
	alertmanager *process.Prometheus
	disk         disk // of Redis
	sold         atomic.Int64
}

func startWatched(t *testing.T) *watched {
	t.Helper()
	redisDisk := mount(t)
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	bin := t.TempDir()
	out, err := exec.CommandContext(ctx, "go", "build", "-o", bin+"/", "onsale/cmd/...").CombinedOutput()
	if err != nil {
		cancel()
		t.Fatalf("%v\n%s", err, out)
	}
	s, err := testbed.Start(ctx, testbed.Options{
		Nodes: 2, Allocators: 1, Ledgers: 1, Binaries: bin,
		NodeArgs: []string{"--drain-delay", "0s"}, RedisArgs: []string{"--dir", redisDisk.dir},
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	w := &watched{Site: s, ctx: ctx, bin: bin, disk: redisDisk}
	t.Cleanup(func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Open(ctx, adminapi.Definition{ID: "demo", Title: "Demo", Currency: "EUR", Price: 100, Total: 1_000_000, Limit: 4}); err != nil {
		t.Fatal(err)
	}
	w.watch(t)
	return w
}

// watch starts Prometheus and Alertmanager. Of what is shipped only the targets are changed.
func (w *watched) watch(t *testing.T) {
	t.Helper()
	dir, running := t.TempDir(), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("prometheus")); err != nil {
		t.Fatal(err)
	}
	manager, err := filepath.Abs("alertmanager/alertmanager.yml")
	if err != nil {
		t.Fatal(err)
	}
	if w.alertmanager, err = process.StartAlertmanager(w.ctx, running, manager); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.alertmanager.Kill() }) // it may have ended
	for file, members := range map[string][]*testbed.Member{"nodes": w.Nodes, "allocators": w.Allocators, "ledgers": w.Ledgers, "alertmanagers": {{Admin: w.alertmanager.Addr()}}} {
		var targets []string
		for _, m := range members {
			targets = append(targets, m.Admin)
		}
		text, err := json.Marshal([]map[string]any{{"targets": targets}})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "targets", file+".yml"), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if w.prometheus, err = process.StartPrometheus(w.ctx, running, filepath.Join(dir, "prometheus.yml")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.prometheus.Kill() })
}

// sell has buyers come until the test ends, so that every metric of the sale moves.
func (w *watched) sell(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil; n++ {
			w.buy(ctx, fmt.Sprintf("buyer-%d", n))
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func (w *watched) buy(ctx context.Context, buyer string) {
	token, err := w.Issuer.Token(buyer, time.Hour)
	if err != nil {
		panic(err) // the issuer has signed before
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Front()+"/v1/sales/demo/orders", strings.NewReader(`{"quantity":1}`))
	if err != nil {
		panic(err) // the address is this test's own
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return // the site is ending
	}
	answer.Body.Close()
	if answer.StatusCode == http.StatusCreated {
		w.sold.Add(1)
	}
	select { // ten a second are enough
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
}

// sample is one series of an answer of Prometheus's.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// query asks Prometheus, which has to answer without error. A series without a number is left out.
func (w *watched) query(t *testing.T, expr string) []sample {
	t.Helper()
	var answer struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     []sample
		}
	}
	status := w.get(t, w.prometheus.URL()+"/api/v1/query?query="+url.QueryEscape(expr), &answer)
	if status != http.StatusOK || answer.Status != "success" {
		t.Fatalf("%s: got %d %s", expr, status, answer.Error)
	}
	return slices.DeleteFunc(answer.Data.Result, func(s sample) bool { return s.Value[1] == "NaN" })
}

func (w *watched) get(t *testing.T, address string, into any) (status int) {
	t.Helper()
	status, body, err := process.Fetch(address)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", address, err, body)
	}
	return status
}

// firing are the alerts that Alertmanager would send, with the label that names what they are of.
func (w *watched) firing(t *testing.T) []string {
	t.Helper()
	var alerts []struct{ Labels map[string]string }
	w.get(t, w.alertmanager.URL()+"/api/v2/alerts?active=true&silenced=false&inhibited=false", &alerts)
	var names []string
	for _, a := range alerts {
		name := a.Labels["alertname"]
		for _, label := range []string{"instance", "sale", "setting"} {
			if v := a.Labels[label]; v != "" {
				name += " " + v
			}
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// nothingYet are targets of panels that a site where all goes well has no data for.
var nothingYet = map[string]string{
	"Refills per second {{result}}":                     "no node has been dry",
	"Buffers begun, plans adopted buffers begun":        "no slice has run out",
	"Holds that ran out per second expired":             "no hold is overdue",
	"Faults lost (nodes)":                               "no sale has lost data",
	"Faults lost (allocators)":                          "no sale has lost data",
	"Faults lost (ledgers)":                             "no sale has lost data",
	"Faults quarantined":                                "every entry was read",
	"Faults not recorded":                               "every sale is recorded",
	"Failed calls, claims sent again failed {{script}}": "no call has failed",
	"Failed calls of planning {{operation}}":            "no call has failed",
	"Failed calls of ledgers {{operation}}":             "no call has failed",
}

// This test and the next one have a target of their own: make alerts-test.
func TestOnARunningSite(t *testing.T) {
	w := startWatched(t)
	w.sell(t)
	t.Run("each panel has data", w.panelsHaveData)
	t.Run("no alert fires", func(t *testing.T) {
		if got := w.query(t, `ALERTS{alertstate="firing"}`); len(got) != 0 {
			t.Errorf("got %v, want none on a site where all goes well", got)
		}
	})
	t.Run("first looks can be followed", w.firstLooksRun)
}

// It takes minutes, as rules wait before they fire.
func TestOutagesFireTheirAlerts(t *testing.T) {
	w := startWatched(t)
	w.sell(t)
	w.outages(t)
	if w.sold.Load() < 100 {
		t.Errorf("got %d tickets sold, want far more", w.sold.Load())
	}
}

func (w *watched) panelsHaveData(t *testing.T) {
	fill := strings.NewReplacer("$sale", "demo", "$__rate_interval", "20s")
	known := map[string]bool{}
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			name := strings.TrimSpace(p.Title + " " + target.LegendFormat)
			known[name] = true
			if nothingYet[name] != "" {
				w.query(t, fill.Replace(target.Expr))
				continue
			}
			await.Until(t, "data for the panel "+name, func() bool { return len(w.query(t, fill.Replace(target.Expr))) > 0 })
		}
	}
	for name := range nothingYet {
		if !known[name] {
			t.Errorf("no panel has the target %s", name)
		}
	}
}
