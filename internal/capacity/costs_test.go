package capacity

import (
	"strings"
	"testing"
)

const connectionsResult = `{"command": "go run ./bench connections 10", "commit": "c0ffee", "bytes_a_connection": 20000`

func TestCostsOfOnesOwnMachineTakeTheDefaultsPlace(t *testing.T) {
	c := defaults(t)
	before := c
	if err := c.Read(strings.NewReader(connectionsResult + `, "faults": []}`)); err != nil {
		t.Fatal(err)
	}
	if c.NodeConnection != 20000 || c.RedisClaim != before.RedisClaim {
		t.Errorf("got %v bytes and %v µs, want 20000 and %v", c.NodeConnection, c.RedisClaim, before.RedisClaim)
	}
	for _, one := range c.List() {
		if own := strings.Contains(one.Source, "c0ffee"); own != (one.Name == "node: an idle connection") {
			t.Errorf("%s is from %s", one.Name, one.Source)
		}
	}
}

func TestCostsThatDoNotCountAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":                 {"figures", "want what a command of bench writes"},
		"another command":         {`{"command": "go run ./bench headline"}`, "with one of edge, waiting, ratios, connections, redis"},
		"an interrupted run":      {connectionsResult + `, "interrupted": true}`, "run it again"},
		"a broken promise":        {connectionsResult + `, "faults": ["oversold"]}`, "oversold"},
		"a result without figure": {`{"command": "go run ./bench connections 10", "bytes_a_connection": 0}`, "lacks node: an idle connection"},
	} {
		costs := defaults(t)
		before := costs.NodeConnection
		if err := costs.Read(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if costs.NodeConnection != before {
			t.Errorf("%s: got another figure, want the one of before", name)
		}
	}
}

func TestEveryCostHasASource(t *testing.T) {
	for _, one := range defaults(t).List() {
		if one.Value < 0 || !strings.Contains(one.Source, "commit ") && !strings.HasSuffix(one.Source, ".md") {
			t.Errorf("got %+v, want a source", one)
		}
	}
}
