package app

import (
	"strings"
	"testing"
)

// A node found out that it has too few descriptors when the sale had begun.
func TestTooFewDescriptorsAreKnownAtTheStart(t *testing.T) {
	limit, err := openFiles()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Places(16, 0); err != nil || got != limit-besides(16) {
		t.Errorf("got %d places, %v, want what the limit of %d leaves", got, err, limit)
	}
	if got, err := Places(16, 100); err != nil || got != 100 {
		t.Errorf("got %d places, %v, want the 100 that were asked for", got, err)
	}
	for name, err := range map[string]error{
		"a node":      func() error { _, err := Places(16, limit); return err }(),
		"its command": CheckFiles(limit, 0),
	} {
		if err == nil || !strings.Contains(err.Error(), "LimitNOFILE") {
			t.Errorf("%s: got %v, want an error that names what to raise", name, err)
		}
	}
}
