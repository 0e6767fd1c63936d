package adminapi_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/sale"
)

func (s *stock) NodeSettings(context.Context) (map[string]sale.NodeSetting, error) {
	if s.before != nil {
		if err := s.before("nodes", nil); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	set := map[string]sale.NodeSetting{}
	maps.Copy(set, s.set)
	return set, nil
}

func (s *stock) DrainNode(_ context.Context, name string, drained bool) error {
	return s.setNode(fmt.Sprintf("drain %s %v", name, drained), name, func(n *sale.NodeSetting) { n.Drained = drained })
}

func (s *stock) WeighNode(_ context.Context, name string, weight int) error {
	return s.setNode(fmt.Sprintf("weigh %s %d", name, weight), name, func(n *sale.NodeSetting) { n.Weight = weight })
}

// setNode keeps no entry of a node for which nothing is set, as Redis does.
func (s *stock) setNode(call, name string, change func(*sale.NodeSetting)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
	if s.set == nil {
		s.set = map[string]sale.NodeSetting{}
	}
	n := s.set[name]
	if change(&n); n == (sale.NodeSetting{}) {
		delete(s.set, name)
		return nil
	}
	s.set[name] = n
	return nil
}

// heeded is the view once its nodes have heeded what is set.
func (s *stock) heeded(view sale.View) sale.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	view = slices.Clone(view)
	for i := range view {
		if set := s.set[view[i].Name]; !s.deaf {
			view[i].Drained = set.Drained
			if set.Weight != 0 {
				view[i].Weight = set.Weight
			}
		}
	}
	return view
}

// threeNodes are two that sell, and one that is not ready.
var threeNodes = sale.View{
	{Name: "n1", Address: "10.0.0.1:8081", Weight: 1, Ready: true},
	{Name: "n2", Address: "10.0.0.2:8081", Weight: 1, Ready: true},
	{Name: "n3", Address: "10.0.0.3:8081", Weight: 1},
}

func TestNodesAreDrainedAndReturn(t *testing.T) {
	s := with()
	server := serve(t, s, threeNodes)
	c := client.Client{Addr: server.Listener.Addr().String(), Token: token, HTTP: server.Client()}
	want := adminapi.Node{Name: "n1", Address: "10.0.0.1:8081", Weight: 1, Ready: true, Drained: true}
	for range 2 { // again it changes nothing, though it is no loss then
		if got, err := c.DrainNode(t.Context(), "n1", false); err != nil || got != want {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	}
	_, err := c.DrainNode(t.Context(), "n2", false)
	if err == nil || !strings.Contains(err.Error(), "409 conflict") || !strings.Contains(err.Error(), "no other node sells than n2") {
		t.Errorf("the last node: got %v, want a refusal that names it", err)
	}
	if got, err := c.DrainNode(t.Context(), "n2", true); err != nil || !got.Drained {
		t.Errorf("with force: got %+v, %v, want it drained", got, err)
	}
	want.Drained = false
	if got, err := c.UndrainNode(t.Context(), "n1"); err != nil || got != want {
		t.Errorf("undrained: got %+v, %v, want %+v", got, err, want)
	}
	if diff := cmp.Diff([]string{"drain n1 true", "drain n1 true", "drain n2 true", "drain n1 false"}, s.calls); diff != "" {
		t.Errorf("calls of Redis (-want +got):\n%s", diff)
	}
}

func TestANodeThatDoesNotSellIsNoOther(t *testing.T) {
	for name, view := range map[string]sale.View{"not ready": threeNodes[1:], "alone": threeNodes[:1]} {
		s := with()
		wantProblem(t, ask(t, serve(t, s, view), "POST", "/admin/v1/nodes/"+view[0].Name+"/drain", ""), http.StatusConflict, "conflict")
		if len(s.calls) > 0 {
			t.Errorf("%s: got %v, want nothing changed", name, s.calls)
		}
	}
	// It is drained already, which gossip does not know yet.
	s := with()
	s.deaf, s.set = true, map[string]sale.NodeSetting{"n2": {Drained: true}}
	wantProblem(t, ask(t, serve(t, s, threeNodes), "POST", "/admin/v1/nodes/n1/drain", ""), http.StatusConflict, "conflict")
}

func TestNodesAreWeighed(t *testing.T) {
	s := with()
	server := serve(t, s, threeNodes)
	c := client.Client{Addr: server.Listener.Addr().String(), Token: token, HTTP: server.Client()}
	for _, weight := range []int{3, sale.MaxWeight} {
		if got, err := c.WeighNode(t.Context(), "n2", weight); err != nil || got.Weight != weight || got.SetWeight != weight {
			t.Errorf("got %+v, %v, want weight %d", got, err, weight)
		}
	}
	if got, err := c.WeighNode(t.Context(), "n2", 0); err != nil || got.SetWeight != 0 || len(s.set) != 0 {
		t.Errorf("its own: got %+v, %v and %v kept, want nothing set", got, err, s.set)
	}
	s.calls = nil
	for body, want := range map[string]string{
		`{"weight":0}`:              "weight 0: want 1 to 1000000; to have a node get no buyers, drain it",
		`{"weight":-1}`:             "weight -1: want 1",
		`{"weight":1000001}`:        "weight 1000001: want 1",
		`{"weight":"x"}`:            "weight: want a whole number",
		`{"weight":null}`:           "weight: null is no value",
		`{}`:                        "send a weight",
		`{"own":false}`:             "send a weight",
		`{"weight":3,"own":true}`:   "send a weight",
		`{"weight":3,"wieght":"x"}`: "wieght",
	} {
		a := ask(t, server, "POST", "/admin/v1/nodes/n2/weight", body)
		wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
		if detail, _ := a.document["detail"].(string); !strings.Contains(detail, want) {
			t.Errorf("%s: got %q, want %q in it", body, detail, want)
		}
	}
	if len(s.calls) > 0 {
		t.Errorf("got %v, want nothing changed", s.calls)
	}
}

func TestAnUnknownNodeIsNamedBesideTheKnown(t *testing.T) {
	s := with()
	s.set = map[string]sale.NodeSetting{"n9": {Drained: true}}
	server := serve(t, s, threeNodes)
	for _, call := range []string{"drain", "undrain", "weight"} {
		body := map[string]string{"weight": `{"weight":2}`}[call]
		a := ask(t, server, "POST", "/admin/v1/nodes/n4/"+call, body)
		wantProblem(t, a, http.StatusNotFound, "node-unknown")
		if got, want := a.document["detail"], `no such node: "n4"; known are n1, n2, n3, n9`; got != want {
			t.Errorf("%s: got %q, want %q", call, got, want)
		}
	}
	var many sale.View
	for i := range 25 {
		many = append(many, sale.Node{Name: fmt.Sprintf("m%02d", i)})
	}
	a := ask(t, serve(t, with(), many), "POST", "/admin/v1/nodes/n4/drain", "")
	if detail := fmt.Sprint(a.document["detail"]); !strings.HasSuffix(detail, "m18, m19 and 5 more") {
		t.Errorf("got %q, want twenty names, and how many more there are", detail)
	}
	a = ask(t, serve(t, with(), nil), "POST", "/admin/v1/nodes/n4/drain", "")
	if detail := fmt.Sprint(a.document["detail"]); !strings.HasSuffix(detail, "no node is known") {
		t.Errorf("got %q, want that no node is known", detail)
	}
	if len(s.calls) > 0 {
		t.Errorf("got %v, want nothing changed", s.calls)
	}
}

// What is set for a node outlives its process, so it is listed, and can be taken back.
func TestWhatIsSetForANodeThatIsAwayIsListed(t *testing.T) {
	s := with()
	s.set = map[string]sale.NodeSetting{"n0": {Drained: true, Weight: 4}, "n2": {Weight: 2}}
	server := serve(t, s, threeNodes[1:])
	c := client.Client{Addr: server.Listener.Addr().String(), Token: token, HTTP: server.Client()}
	got, err := c.Nodes(t.Context())
	want := []adminapi.Node{
		{Name: "n0", Weight: 4, SetWeight: 4, Drained: true, Away: true},
		{Name: "n2", Address: "10.0.0.2:8081", Weight: 2, SetWeight: 2, Ready: true},
		{Name: "n3", Address: "10.0.0.3:8081", Weight: 1},
	}
	if diff := cmp.Diff(want, got.Nodes); err != nil || diff != "" {
		t.Errorf("got %v (-want +got):\n%s", err, diff)
	}
	if got, err := c.UndrainNode(t.Context(), "n0"); err != nil || got.Drained || !got.Away || got.SetWeight != 4 {
		t.Errorf("got %+v, %v, want it undrained", got, err)
	}
	if got := s.set["n0"]; got != (sale.NodeSetting{Weight: 4}) {
		t.Errorf("got %+v kept, want the weight alone", got)
	}
}

func TestNodesWithoutRedis(t *testing.T) {
	s := with().failing("nodes", sale.ErrUnavailable)
	server := serve(t, s, threeNodes)
	a := ask(t, server, "GET", "/admin/v1/nodes", "")
	if nodes, _ := a.document["nodes"].([]any); a.StatusCode != http.StatusOK || len(nodes) != 3 {
		t.Errorf("got %s %s, want the three nodes of gossip", a.Status, a.text)
	}
	wantProblem(t, ask(t, server, "POST", "/admin/v1/nodes/n1/drain", ""), http.StatusServiceUnavailable, "store-unavailable")
}

// A node that hangs does not hold up the operator for long, who sees that it has not heeded yet.
func TestANodeThatHeedsNothingIsShownAsItIs(t *testing.T) {
	s := with()
	s.deaf = true
	a := ask(t, serve(t, s, threeNodes), "POST", "/admin/v1/nodes/n1/drain", "{}")
	if a.StatusCode != http.StatusOK || a.document["drained"] != false || !s.set["n1"].Drained {
		t.Errorf("got %s %s, and %v kept, want it set and not heeded", a.Status, a.text, s.set)
	}
}
