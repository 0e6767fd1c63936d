package report

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Prometheus is a server whose HTTP API is asked.
type Prometheus struct {
	URL  string // of its root; a user and password in it are sent
	HTTP *http.Client
}

// series is what one set of labels came to over time.
type series struct {
	labels map[string]string
	points []point
}

type point struct {
	at    time.Time
	value float64
}

// UnmarshalJSON takes Prometheus's pair of seconds and a text.
func (p *point) UnmarshalJSON(text []byte) error {
	var seconds float64
	var value string
	if err := json.Unmarshal(text, &[]any{&seconds, &value}); err != nil {
		return err
	}
	var err error
	p.at = time.UnixMilli(int64(seconds * 1000)).UTC()
	p.value, err = strconv.ParseFloat(value, 64)
	return err
}

// at evaluates a query at one moment.
func (p Prometheus) at(ctx context.Context, query string, at time.Time) ([]series, error) {
	return p.ask(ctx, "query", url.Values{"query": {query}, "time": {unix(at)}})
}

// over evaluates a query again and again.
func (p Prometheus) over(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]series, error) {
	return p.ask(ctx, "query_range", url.Values{"query": {query}, "start": {unix(from)}, "end": {unix(to)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)}})
}

func unix(at time.Time) string { return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64) }

// maxAnswer bounds an answer: what is asked for has some hundred points of some dozen series.
const maxAnswer = 32 << 20

// ask evaluates a query.
func (p Prometheus) ask(ctx context.Context, path string, form url.Values) ([]series, error) {
	var d struct {
		Result []struct {
			Metric map[string]string
			Value  *point
			Values []point
		}
	}
	if err := p.call(ctx, path, form, &d); err != nil {
		return nil, err
	}
	all := make([]series, len(d.Result))
	for i, result := range d.Result {
		all[i] = series{result.Metric, result.Values}
		if result.Value != nil {
			all[i].points = []point{*result.Value}
		}
	}
	return all, nil
}

// hasRules reports whether the server evaluates rules, so that alerts can fire.
func (p Prometheus) hasRules(ctx context.Context) (bool, error) {
	var d struct{ Groups []json.RawMessage }
	err := p.call(ctx, "rules", nil, &d)
	return len(d.Groups) > 0, err
}

// call decodes the data of an answer. Without a form it is a GET.
func (p Prometheus) call(ctx context.Context, path string, form url.Values, into any) error {
	method := http.MethodPost
	if form == nil {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(p.URL, "/")+"/api/v1/"+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := cmp.Or(p.HTTP, http.DefaultClient).Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return err
	}
	var d struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(text, &d); err != nil || d.Status != "success" {
		return fmt.Errorf("%s: %s: %s", r.URL.Redacted(), answer.Status, cmp.Or(d.Error, "that is no answer of a Prometheus: give the address of one"))
	}
	return json.Unmarshal(d.Data, into)
}

// Count is a number, or that it is not known. Its zero value is not known.
type Count struct {
	Value float64
	Known bool
}

// sole is the only value of an answer. No series and one that is no number are not known.
func sole(all []series, err error) (Count, error) {
	if err != nil || len(all) != 1 || len(all[0].points) != 1 {
		return Count{}, err
	}
	v := all[0].points[0].value
	return Count{v, !math.IsNaN(v) && !math.IsInf(v, 0)}, nil
}

// CheckURL reports an address that is none.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("want the address of a Prometheus, such as http://10.0.0.6:9090")
	}
	return nil
}
