package testbed_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// binaries has node and allocator, built once for all tests.
var binaries string

func TestMain(m *testing.M) {
	if os.Getenv(standInMark) != "" {
		os.Exit(serveAsStandIn())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "onsale-bin-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries)
	if err := testbed.Build(context.Background(), binaries); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// site is a cluster of real processes for one test.
type site struct {
	*testbed.Site
	ctx   context.Context
	store *remotestock.Store
}

func start(t *testing.T, o testbed.Options) *site {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	o.Binaries, o.NodeArgs = binaries, append(o.NodeArgs, "--drain-delay", "500ms")
	c, err := testbed.Start(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	config := c.StoreConfig()
	client, err := remotestock.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &site{c, ctx, remotestock.New(client, "test", config, remotestock.Hooks{}, zap.NewNop())}
}

// open opens the sale "demo" of so many tickets.
func (s *site) open(t *testing.T, tickets int64, hold time.Duration) {
	t.Helper()
	d := adminapi.Definition{ID: "demo", Title: "Demo", Currency: "EUR", Price: 4200, Total: tickets, Limit: 4, HoldSeconds: hold.Seconds()}
	if err := s.Open(s.ctx, d); err != nil {
		t.Fatal(err)
	}
}

// answer is what a buyer gets.
type answer struct {
	status  int
	code    string
	order   string
	retried bool
	header  http.Header
}

// ask sends a buyer's request, through the front unless path is a whole URL.
func (s *site) ask(t *testing.T, method, path, buyer, body string) answer {
	t.Helper()
	a, err := s.try(method, path, buyer, body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// request is a buyer's request.
func (s *site) request(method, path, buyer, body string) (*http.Request, error) {
	token, err := s.Issuer.Token(buyer, time.Hour)
	if err != nil {
		return nil, err
	}
	if path[0] == '/' {
		path = s.Front() + path
	}
	r, err := http.NewRequestWithContext(s.ctx, method, path, bytes.NewReader([]byte(body)))
	if err == nil {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r, err
}

func (s *site) try(method, path, buyer, body string) (answer, error) {
	r, err := s.request(method, path, buyer, body)
	if err != nil {
		return answer{}, err
	}
	got, raw, err := answered(r)
	if err != nil {
		return answer{}, err
	}
	var doc struct{ ID, Code string }
	if err := json.Unmarshal(raw, &doc); err != nil {
		return answer{}, fmt.Errorf("%s: %q: %w", got.Status, raw, err)
	}
	return answer{got.StatusCode, doc.Code, doc.ID, got.Header.Get("Onsale-Retried") != "", got.Header}, nil
}

// answered sends a request, and reads the answer to its end.
func answered(r *http.Request) (answer *http.Response, body []byte, err error) {
	// All requests are idempotent: http may send them again when Nginx closes an
	// idle connection, as it does at every reload.
	r.Header["Idempotency-Key"] = nil
	if answer, err = http.DefaultClient.Do(r); err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return answer, body, err
}

func (s *site) buy(t *testing.T, buyer string) answer {
	t.Helper()
	return s.ask(t, http.MethodPost, "/v1/sales/demo/orders", buyer, `{"quantity":1}`)
}

// audit fails the test on any broken promise about the sale "demo", and returns what was found.
func (s *site) audit(t *testing.T) operate.Audited {
	t.Helper()
	return s.auditOf(t, "demo")
}

func (s *site) auditOf(t *testing.T, id sale.ID) operate.Audited {
	t.Helper()
	a, err := operate.Audit(s.ctx, s.Stores(), id, 0, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Faults {
		t.Error("audit: " + f)
	}
	return a
}

// count adds up a counter over all nodes that run.
func (s *site) count(t *testing.T, series string) int64 {
	t.Helper()
	var sum int64
	for _, n := range s.Nodes {
		r, err := http.Get("http://" + n.Admin + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			if value, ok := strings.CutPrefix(lines.Text(), series+" "); ok {
				v, err := strconv.ParseFloat(value, 64)
				if err != nil {
					t.Fatal(err)
				}
				sum += int64(v)
			}
		}
	}
	return sum
}
