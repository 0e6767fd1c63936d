package main

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/bench/report"
)

func TestCompiledBenchKnowsItsCommit(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "b10cca300739aaaabbbbccccddddeeeeffff0000"}
	for _, test := range []struct {
		settings []debug.BuildSetting
		want     string
	}{
		{nil, ""},
		{[]debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}, ""},
		{[]debug.BuildSetting{revision, {Key: "vcs.modified", Value: "false"}}, "b10cca300739"},
		{[]debug.BuildSetting{revision, {Key: "vcs.modified", Value: "true"}}, "b10cca300739+"},
	} {
		if got := stampedCommit(test.settings); got != test.want {
			t.Errorf("%v: got %q, want %q", test.settings, got, test.want)
		}
	}
}

func TestNoiseIsWhatOthersTook(t *testing.T) {
	before := machineUsage{all: 100, busy: 50, stolen: 1, own: 10, load: 0.25}
	after := machineUsage{all: 120, busy: 62, stolen: 2, own: 18, load: 3}
	want := &report.Noise{Load: 0.25, Others: 20, Stolen: 5}
	if diff := cmp.Diff(want, noise(before, after)); diff != "" {
		t.Errorf("noise (-want +got):\n%s", diff)
	}
	if got := noise(machineUsage{}, after); got != nil {
		t.Errorf("got %v of a kernel without figures, want nil", got)
	}
	if u := usageOfMachine(); u.all <= 0 || u.busy <= 0 || u.own <= 0 {
		t.Errorf("got %+v of this machine, want figures", u)
	}
}
