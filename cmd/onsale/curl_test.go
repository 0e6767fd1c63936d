package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// curl is a printed command, taken apart.
type curl struct {
	host, path, body string
	header           http.Header
}

func parseCurl(t *testing.T, greeting string) *curl {
	t.Helper()
	found := regexp.MustCompile(`(?m)^ +curl -s (http://[^/]+)(\S+) -H '(\S+): ([^']+)' -d '([^']+)' -H '(\S+): ([^']+)' -w '\\n' \| tee order.json$`).FindStringSubmatch(greeting)
	if found == nil {
		t.Fatalf("got no curl command in:\n%s", greeting)
	}
	return &curl{host: found[1], path: found[2], body: found[5], header: http.Header{found[3]: {found[4]}, found[6]: {found[7]}}}
}

// do returns the answer and its body.
func (c *curl) do(client *http.Client, header http.Header) (*http.Response, string, error) {
	r, err := http.NewRequest(http.MethodPost, c.host+c.path, strings.NewReader(c.body))
	if err != nil {
		return nil, "", err
	}
	r.Header = header
	return answered(client, r)
}

// answered sends a request, and reads the answer to its end.
func answered(client *http.Client, r *http.Request) (answer *http.Response, body string, err error) {
	if answer, err = client.Do(r); err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	return answer, string(raw), err
}

// send sends the command as it was printed.
func (c *curl) send(t *testing.T, client *http.Client) (*http.Response, string) {
	t.Helper()
	answer, body, err := c.do(client, c.header)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

// as sends it with another buyer's token, and wants an order.
func (c *curl) as(t *testing.T, client *http.Client, token string) (order string) {
	t.Helper()
	answer, body, err := c.do(client, http.Header{"Authorization": {"Bearer " + token}})
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("got %v, %s, want 201", err, body)
	}
	return body
}

// sendAll has many buyers come at once, each asking again while the answer is
// to try again, and returns how many bought.
func (c *curl) sendAll(t *testing.T, client *http.Client, tokens []string) int64 {
	t.Helper()
	var sold atomic.Int64
	var buyers sync.WaitGroup
	waiting := make(chan string)
	for range 32 {
		buyers.Go(func() {
			for token := range waiting {
				switch status := c.insist(t, client, token); status {
				case http.StatusCreated, http.StatusOK: // 200 where it went through in spite of a 503
					sold.Add(1)
				case http.StatusConflict:
				default:
					t.Errorf("got %d, want 201, 200 or 409", status)
				}
			}
		})
	}
	for _, token := range tokens {
		waiting <- token
	}
	close(waiting)
	buyers.Wait()
	return sold.Load()
}

// insist sends the purchase until the answer is another one than 503.
func (c *curl) insist(t *testing.T, client *http.Client, token string) (status int) {
	header := http.Header{"Authorization": {"Bearer " + token}}
	for deadline := time.Now().Add(patience / 2); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		answer, _, err := c.do(client, header)
		if err != nil {
			t.Error(err)
			return 0
		}
		if status = answer.StatusCode; status != http.StatusServiceUnavailable {
			break
		}
	}
	return status
}

// get wants a 200, and its JSON in v if there is one.
func get(t *testing.T, client *http.Client, url string, v any, header ...string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, body, err := answered(client, r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("got %s from %s, want 200", answer.Status, url)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(body), v); err != nil {
			t.Fatal(err)
		}
	}
}
