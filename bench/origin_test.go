package main

import (
	"runtime/debug"
	"testing"
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
