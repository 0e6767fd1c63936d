package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// The phases of a comparison. Others are shown too, after these.
const (
	PhaseHit     = "hit"      // tickets are left for every buyer
	PhaseSoldOut = "sold-out" // none are, and buyers keep coming
	PhaseSpike   = "spike"    // a sale opens, sells and is sold out
)

// The loops of a generator.
const (
	LoopOpen   = "open"   // sends on schedule, whatever the answers do
	LoopClosed = "closed" // sends when it is answered, which finds the capacity
)

// The classes of answers.
const (
	ClassSold    = "sold"
	ClassSoldOut = "sold-out"
	ClassLimited = "limited"
	ClassBusy    = "busy"
	ClassError   = "error"
)

// Generator is the process that sends the load. Its processor time and memory are
// reported, and belong to no strategy.
const Generator = "generator"

// Report is the outcome of one comparison.
type Report struct {
	Title string `json:"title,omitempty"` // of the page; empty: a comparison
	Header
	Rows   []Row    `json:"rows"`
	Curves []Curve  `json:"curves"`
	Stock  []Series `json:"stock"`
	Marks  []Mark   `json:"marks"`
	Notes  []string `json:"notes"`
}

// Row is one run of one strategy in one phase.
type Row struct {
	Strategy string `json:"strategy"` // a stable name
	Title    string `json:"title"`    // the same for people
	Phase    string `json:"phase"`
	Loop     string `json:"loop"`
	Repeat   int    `json:"repeat"`

	Intended  int64 `json:"intended"` // requests that the run was to send
	Sent      int64 `json:"sent"`
	Completed int64 `json:"completed"` // answered, whatever the answer
	Dropped   int64 `json:"dropped"`   // never sent, since no connection was free in time

	Rate    float64 `json:"rate"`    // completed a second
	Offered float64 `json:"offered"` // open loop: the rate asked for, the same in every repeat; closed: 0

	Classes map[string]Quantiles `json:"classes"`      // latency of the answers, by class
	CPU     map[string]float64   `json:"cpu_us"`       // µs of processor time a request, by process
	Memory  map[string]int64     `json:"memory_bytes"` // resident at the end, by process

	Oversold     int64 `json:"oversold"`
	Unsold       int64 `json:"unsold"`
	Duplicates   int64 `json:"duplicates"`
	LostAcks     int64 `json:"lost_acks"`
	FalseSoldOut int64 `json:"false_sold_out"`

	Durability    string   `json:"durability"`
	Lacks         []string `json:"lacks"`  // duties that the strategy does not do
	Faults        []string `json:"faults"` // any makes the row INVALID
	GeneratorBusy float64  `json:"generator_busy"`
	// GeneratorBehind is by how many ms the generator itself was late at worst, in an
	// open loop: such a run shows less about the server than it seems to.
	GeneratorBehind float64 `json:"generator_behind_ms"`
}

// Quantiles are a latency distribution in ms.
type Quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// Curve is the latency distribution of one row's answers of one class. Its first fields
// name the row.
type Curve struct {
	Strategy string  `json:"strategy"`
	Phase    string  `json:"phase"`
	Loop     string  `json:"loop"`
	Offered  float64 `json:"offered"`
	Repeat   int     `json:"repeat"`
	Class    string  `json:"class"`
	Points   []Point `json:"points"` // by rising quantile
}

// Point means that Quantile of the answers took at most Millis.
type Point struct {
	Quantile float64 `json:"quantile"` // 0 to 1
	Millis   float64 `json:"ms"`
}

// Series is the stock left on one node over time.
type Series struct {
	Node   string  `json:"node"`
	Levels []Level `json:"levels"` // by rising time
}

// Level is the stock left at a time after the start.
type Level struct {
	Seconds float64 `json:"seconds"`
	Left    int64   `json:"left"`
}

// Mark is something that happened in the run that Stock shows.
type Mark struct {
	Seconds float64 `json:"seconds"`
	What    string  `json:"what"`
}

// WriteJSON writes all of the report, so that [Load] can bring it back. A number that
// is not finite is an error that names no place: [Report.Validate] does.
func (r *Report) WriteJSON(w io.Writer) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}

// Load reads what [Report.WriteJSON] wrote. A file that holds something else is an
// error with all its faults.
func Load(from io.Reader) (*Report, error) {
	var r Report
	d := json.NewDecoder(from)
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("report: more follows its end")
	}
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return &r, nil
}
