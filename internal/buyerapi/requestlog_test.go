package buyerapi_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/buyerapi"
)

func TestARequestIsFoundInTheLogByItsIdsWhileTheLevelIsDebug(t *testing.T) {
	level := zap.NewAtomicLevelAt(zap.InfoLevel)
	core, logged := observer.New(level)
	s := soldOut()
	s.log = zap.New(core)
	server := buyerapi.NewServer(s.open(t).handler, time.Minute)
	request := []byte("POST /v1/sales/s/orders?" + strings.Repeat("x", 1000) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nX-Request-Id: 5b0f4a7a0c6a4d0f9d5d1c4ddc8a4a44\r\n" +
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n")
	answer := func() {
		var out bytes.Buffer
		if err := server.ServeConn(&wire{request: request, n: 1, answers: &out}); err != nil || !strings.Contains(out.String(), "sold-out") {
			t.Fatalf("got %v, %s", err, &out)
		}
	}
	if answer(); logged.Len() != 0 {
		t.Errorf("got %v at the level info, want no line", logged.All())
	}
	level.SetLevel(zap.DebugLevel)
	answer()
	lines := logged.FilterMessage("answered").FilterField(zap.String("request", "5b0f4a7a0c6a4d0f9d5d1c4ddc8a4a44")).
		FilterField(zap.String("trace", "4bf92f3577b34da6a3ce929d0e0e4736")).FilterField(zap.String("path", "/v1/sales/s/orders"))
	if lines.Len() != 1 {
		t.Errorf("got %v, want one line with both ids", logged.All())
	}
}
