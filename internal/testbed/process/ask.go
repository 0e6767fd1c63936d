package process

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/pause"
)

// ask sends one command on a connection of its own.
func ask(ctx context.Context, addr string, args ...any) *redis.Cmd {
	client := redis.NewClient(&redis.Options{
		Addr: addr, MaxRetries: -1, DialerRetries: 1, PoolSize: 1, DisableIdentity: true, Protocol: 2,
		DialTimeout: time.Second, ReadTimeout: time.Second,
	})
	defer client.Close()
	return client.Do(ctx, args...)
}

func replication(ctx context.Context, addr string) (string, error) {
	return ask(ctx, addr, "info", "replication").Text()
}

// role is master or slave, or empty if the server does not report one.
func role(ctx context.Context, addr string) string {
	text, err := replication(ctx, addr)
	if err != nil {
		return ""
	}
	return infoField(text, "role")
}

// infoField is the value of a field in a text that INFO returned, or empty.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, is := strings.CutPrefix(line, name+":"); is {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// fields reads names and values in turn.
func fields(raw any) map[string]string {
	m := map[string]string{}
	list, _ := raw.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		m[fmt.Sprint(list[i])] = fmt.Sprint(list[i+1])
	}
	return m
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// lookAgain waits until it is time for another look.
func lookAgain(ctx context.Context) error {
	if !pause.For(ctx, 10*time.Millisecond) {
		return ctx.Err()
	}
	return nil
}
