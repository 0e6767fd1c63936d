package membership

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests and looks for leaked goroutines, unless the binary
// was started by a test to be a member of its own: one that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(runChild())
	}
	goleak.VerifyTestMain(m)
}
