package remotestock_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

func TestWhatIsSetForNodesIsKept(t *testing.T) {
	ctx := t.Context()
	redis := processtest.Redis(t, "--appendfsync", "no")
	s, client := newStore(t, redis.Addr(), "a1")
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(want map[string]sale.NodeSetting) {
		t.Helper()
		got, err := s.NodeSettings(ctx)
		do(err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("all (-want +got):\n%s", diff)
		}
		for _, name := range []string{"n1", "n2", "n3"} {
			if got, err := s.NodeSetting(ctx, name); err != nil || got != want[name] {
				t.Errorf("%s: got %+v, %v, want %+v", name, got, err, want[name])
			}
		}
	}
	want(map[string]sale.NodeSetting{})
	for range 2 { // again it changes nothing
		do(s.DrainNode(ctx, "n1", true))
	}
	do(s.WeighNode(ctx, "n1", 3))
	do(s.WeighNode(ctx, "n2", sale.MaxWeight))
	want(map[string]sale.NodeSetting{"n1": {Drained: true, Weight: 3}, "n2": {Weight: sale.MaxWeight}})

	// It can be changed also where Redis's memory is full.
	do(client.ConfigSet(ctx, "maxmemory", "1").Err())
	do(s.DrainNode(ctx, "n3", true))
	do(s.DrainNode(ctx, "n1", false))
	do(client.ConfigSet(ctx, "maxmemory", "0").Err())
	do(s.WeighNode(ctx, "n2", 0))
	want(map[string]sale.NodeSetting{"n1": {Weight: 3}, "n3": {Drained: true}})

	// What another version writes does not give a node a weight that the others ignore.
	do(client.HSet(ctx, "onsale:nodes", "weight:n1", "1000001", "weight:n2", "many", "zone:n2", "b", "drained:n3", "").Err())
	want(map[string]sale.NodeSetting{"n1": {}, "n2": {}, "n3": {}})

	do(redis.Kill())
	if _, err := s.NodeSetting(ctx, "n1"); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("without Redis: got %v, want ErrUnavailable", err)
	}
	if _, err := s.NodeSettings(ctx); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("without Redis: got %v, want ErrUnavailable", err)
	}
}
