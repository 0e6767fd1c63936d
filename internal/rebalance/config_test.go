package rebalance

import (
	"math"
	"strings"
	"testing"
)

func TestDefaultConfigIsValid(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("got %v, want no fault", err)
	}
}

func TestValidateReportsEveryFaultAtOnce(t *testing.T) {
	cfg := Config{Coalesce: -1, LeaseRenew: -1, LeaseTime: -4, LowMark: math.NaN(), ExpireBatch: maxExpireBatch + 1}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("got no fault, want all")
	}
	for _, want := range []string{"tick", "coalesce", "lease renewal", "lease time", "call timeout", "low mark", "expire batch"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want a fault of the %s in it", err, want)
		}
	}
}
