package main

import (
	"os"
	"testing"
	"time"

	"onsale/internal/testbed/process"
)

// PostgreSQL's memory is in the children that serve its connections.
func TestResidentMemoryCountsChildren(t *testing.T) {
	alone, err := resident(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const size = 64 << 20
	child, err := process.StartChild(t.Context(), "dd", process.ChildOptions{}, "dd", "if=/dev/zero", "bs=64M", "count=1000000", "of=/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	for range 500 {
		time.Sleep(10 * time.Millisecond)
		with, err := resident(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if with-alone > size*3/4 {
			return
		}
	}
	t.Error("a child that holds 64 MiB is not counted")
}
