package generator

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is a distribution of durations, in microseconds with three digits. What is
// below 1 µs counts as that, and what is above a minute as a minute. A nil Latency
// can be read, and is empty.
type Latency struct{ histogram *hdrhistogram.Histogram }

const longest = time.Minute

// NewLatency is an empty one.
func NewLatency() *Latency {
	return &Latency{hdrhistogram.New(1, longest.Microseconds(), 3)}
}

// Record adds a duration.
func (l *Latency) Record(d time.Duration) {
	if err := l.histogram.RecordValue(min(max(d, time.Microsecond), longest).Microseconds()); err != nil {
		panic(err) // it was brought into range
	}
}

// Quantile is the duration that the share q of all, from 0 to 1, does not exceed.
func (l *Latency) Quantile(q float64) time.Duration {
	if l == nil {
		return 0
	}
	return time.Duration(l.histogram.ValueAtQuantile(q*100)) * time.Microsecond
}

// Count is how many were recorded.
func (l *Latency) Count() int64 {
	if l == nil {
		return 0
	}
	return l.histogram.TotalCount()
}

// Within is how many took no longer than that.
func (l *Latency) Within(d time.Duration) (n int64) {
	if l == nil {
		return 0
	}
	for _, bar := range l.histogram.Distribution() {
		if bar.From <= d.Microseconds() {
			n += bar.Count
		}
	}
	return n
}

// Max is the longest.
func (l *Latency) Max() time.Duration {
	if l == nil {
		return 0
	}
	return time.Duration(l.histogram.Max()) * time.Microsecond
}

// Merge adds all that the other one has.
func (l *Latency) Merge(other *Latency) {
	if other != nil {
		l.histogram.Merge(other.histogram)
	}
}

// Reset empties it.
func (l *Latency) Reset() { l.histogram.Reset() }

// MarshalJSON writes HdrHistogram's own compressed encoding, as a string.
func (l *Latency) MarshalJSON() ([]byte, error) {
	encoded, err := l.histogram.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("latency: %w", err)
	}
	return json.Marshal(string(encoded))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (l *Latency) UnmarshalJSON(raw []byte) error {
	var encoded string
	if err := json.Unmarshal(raw, &encoded); err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	histogram, err := hdrhistogram.Decode([]byte(encoded))
	if err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	l.histogram = histogram
	return nil
}
