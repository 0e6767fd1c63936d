package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/valyala/fasthttp"
)

// bare is the yardstick: a fasthttp server that reads a request and sends the
// bytes of one recorded answer, and does nothing else.
type bare struct {
	Listen string `required:"" help:"host:port."`
	Answer string `required:"" help:"File with the recorded answer."`
}

// Run serves until ctx ends.
func (b *bare) Run(ctx context.Context) error {
	raw, err := os.ReadFile(b.Answer)
	if err != nil {
		return err
	}
	var recorded fasthttp.Response
	if err := recorded.Read(bufio.NewReader(bytes.NewReader(raw))); err != nil {
		return fmt.Errorf("recorded answer: %w", err)
	}
	var names, values []string
	for line := range strings.Lines(string(recorded.Header.Header())) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "Server", "Date", "Content-Length", "Content-Type": // fasthttp writes these itself
		default:
			if ok {
				names, values = append(names, name), append(values, value)
			}
		}
	}
	status, contentType, body := recorded.StatusCode(), string(recorded.Header.ContentType()), recorded.Body()
	server := &fasthttp.Server{
		Name: string(recorded.Header.Server()), NoDefaultContentType: true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.SetStatusCode(status)
			ctx.Response.Header.SetContentType(contentType)
			for i, n := range names {
				ctx.Response.Header.Set(n, values[i])
			}
			ctx.Response.SetBodyRaw(body)
		},
	}
	l, err := net.Listen("tcp", b.Listen)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown() // the process ends with it
	}()
	return server.Serve(l)
}
