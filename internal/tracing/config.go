package tracing

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Config is where spans go, and whose they are.
type Config struct {
	// Endpoint is the base URL of a collector that takes OTLP over HTTP, such as http://10.0.0.9:4318: spans are
	// posted to /v1/traces there, or to the URL itself if it has a path. Empty: nothing is recorded.
	Endpoint string
	// Sample is the share of purchases that is recorded, 0 to 1. Raised, each recorded one costs
	// some 10 microseconds of processor time beside its export, and the collector memory; lowered, less is seen.
	Sample float64

	Service  string // such as onsale-node
	Instance string // the program's name
	Version  string
}

// Validate reports every fault at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.Sample < 0 || c.Sample > 1 || c.Sample != c.Sample {
		faults = append(faults, fmt.Errorf("--trace-sample %v: want a share of the purchases from 0 to 1, such as 0.001", c.Sample))
	}
	if _, err := c.target(); c.Endpoint != "" && err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// target is the URL that spans are posted to.
func (c Config) target() (string, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("--otlp-endpoint %q: want the URL of a collector that takes OTLP over HTTP, such as http://10.0.0.9:4318", c.Endpoint)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

const (
	// queued is how many spans wait for export at most; one has some kilobytes. Raised, a collector that is away
	// costs more memory; lowered, a burst loses spans.
	queued = 2048
	// batched is how many spans one request carries. Raised, requests are larger; lowered, there are more of them.
	batched = 256
	// every is after how long spans are sent that are no whole batch. Raised, they are seen later; lowered, there are more requests.
	every = time.Second
	// exporting bounds the export of one batch, with all tries. Raised, more spans are dropped behind a collector that is
	// slow; lowered, one that is started again loses more.
	exporting = 4 * time.Second
	// flushing bounds the export of what waits at shutdown. Raised, a program whose collector is away ends later;
	// lowered, the last spans are lost more often.
	flushing = 2 * time.Second
	// wishes is how many purchases a second a node records because their senders wish it, and how many plans an allocator. Raised,
	// anyone who sends traceparent with each purchase costs a node more; lowered, who traces clients sees fewer of them whole.
	wishes = 100
	// linked is how many spans another one has links to.
	linked = 128
)
