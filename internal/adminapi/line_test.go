package adminapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"onsale/internal/sale"
)

const (
	lineOfS   = "/admin/v1/sales/s/line"
	beaconOfS = lineOfS + "/beacon"
)

// drawn is a stock of one sale whose line is drawn, with a beacon or without.
func drawn(beacon string, l *sale.Line) *stock {
	d := concert("s")
	d.Admission, d.Beacon, d.DrawAt = sale.AdmitLine, beacon, noon
	d.LineSeed, d.LineSecret = sale.Secret(strings.Repeat("07", 32)), sale.Secret(strings.Repeat("08", 32))
	s := with(open(d))
	s.line = l
	return s
}

func TestABeaconIsRecordedOnceTheListIsPublished(t *testing.T) {
	published := func() *sale.Line { return &sale.Line{Joined: 3, Drawn: 3, Over: true, List: "11"} }
	for name, c := range map[string]struct {
		stock *stock
		body  string
		code  string
		want  string // in the problem
	}{
		"a sale without a line":      {with(open(concert("s"))), `{"value":"v"}`, "conflict", "names no beacon"},
		"a sale without a beacon":    {drawn("", published()), `{"value":"v"}`, "conflict", "names no beacon"},
		"before the list":            {drawn("drand 7", &sale.Line{Joined: 3}), `{"value":"v"}`, "conflict", "the list of sale s is not published yet"},
		"no value":                   {drawn("drand 7", published()), `{}`, "invalid-request", "want 1 to 1000 bytes"},
		"a value too long":           {drawn("drand 7", published()), `{"value":"` + strings.Repeat("v", 1001) + `"}`, "invalid-request", "want 1 to 1000 bytes"},
		"a member that nobody knows": {drawn("drand 7", published()), `{"value":"v","seed":"1"}`, "invalid-request", "seed"},
	} {
		t.Run(name, func(t *testing.T) {
			status := map[string]int{"conflict": http.StatusConflict, "invalid-request": http.StatusUnprocessableEntity}[c.code]
			a := ask(t, serve(t, c.stock, nil), "POST", beaconOfS, c.body)
			wantProblem(t, a, status, c.code)
			if !strings.Contains(a.text, c.want) {
				t.Errorf("got %s, want %s", a.text, c.want)
			}
			if c.stock.line != nil && c.stock.line.BeaconValue != "" {
				t.Errorf("got the beacon %q recorded, want none", c.stock.line.BeaconValue)
			}
		})
	}
	s := drawn("drand 7", published())
	server := serve(t, s, nil)
	if a := ask(t, server, "GET", lineOfS, ""); a.document["list"] != "11" || a.document["seed"] != nil {
		t.Errorf("before the beacon: got %s, want the list and no seed", a.text)
	}
	if a := ask(t, server, "POST", beaconOfS, `{"value":"v"}`); a.StatusCode != http.StatusOK || a.document["beacon_value"] != "v" || a.document["seed"] == nil {
		t.Errorf("got %s %s, want the value, and so the seed", a.Status, a.text)
	}
}

func TestASaleWithoutALineShowsNone(t *testing.T) {
	wantProblem(t, ask(t, serve(t, with(open(concert("s"))), nil), "GET", lineOfS, ""), http.StatusConflict, "conflict")
}

// TestTheListOfADrawIsShown: as it was published, or not at all.
func TestTheListOfADrawIsShown(t *testing.T) {
	zeros := sha256.Sum256(make([]byte, 32))
	s := drawn("", &sale.Line{Joined: 1, Drawn: 1, Over: true, List: hex.EncodeToString(zeros[:])})
	a := ask(t, serve(t, s, nil), "GET", lineOfS+"?entries=1", "")
	if list, _ := a.document["entries"].([]any); a.StatusCode != http.StatusOK || len(list) != 1 || list[0] != strings.Repeat("0", 64) {
		t.Errorf("got %s %s, want the entry", a.Status, a.text)
	}
	d := drawn("", &sale.Line{Joined: 1, Drawn: 1, Over: true, List: "11"})
	wantProblem(t, ask(t, serve(t, d, nil), "GET", lineOfS+"?entries=1", ""), http.StatusConflict, "conflict")
}
