package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/remotestock"
	"onsale/internal/testbed/process"
)

// server is a private redis-server, and what it reports of itself.
type server struct {
	*process.Redis
	client redis.UniversalClient
	dir    string
}

func startServer(ctx context.Context) (_ *server, err error) {
	remotestock.SetLog(zap.NewNop())
	s := &server{}
	if s.dir, err = os.MkdirTemp("", "onsale-redis-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.Redis, err = process.StartRedis(ctx, s.dir, "--auto-aof-rewrite-percentage", "0"); err != nil {
		return nil, err
	}
	s.client, err = remotestock.Dial(s.config())
	return s, err
}

func (s *server) config() remotestock.Config {
	c := remotestock.DefaultConfig(s.Addr())
	c.Call = 10 * time.Second // a stall is no reason to measure anything else
	c.Ledger = true
	return c
}

func (s *server) close() error {
	var errs []error
	if s.client != nil {
		errs = append(errs, s.client.Close())
	}
	if s.Redis != nil {
		errs = append(errs, s.Kill())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// usage is what the server has used: its main thread's processor time, and its memory.
type usage struct {
	seconds float64
	bytes   float64
}

func (s *server) usage(ctx context.Context) (u usage, err error) {
	info, err := infoOf(ctx, s.client, "cpu", "memory")
	if err != nil {
		return u, err
	}
	for name, into := range map[string]*float64{
		"used_cpu_user_main_thread": &u.seconds, "used_cpu_sys_main_thread": &u.seconds, "used_memory": &u.bytes,
	} {
		v, err := strconv.ParseFloat(info[name], 64)
		if err != nil {
			return u, fmt.Errorf("redis reports no %s: %w", name, err)
		}
		*into += v
	}
	return u, nil
}

// infoOf returns the fields of INFO, by name.
func infoOf(ctx context.Context, client redis.UniversalClient, sections ...string) (map[string]string, error) {
	values := map[string]string{}
	for _, section := range sections {
		text, err := client.Info(ctx, section).Result()
		if err != nil {
			return nil, err
		}
		for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
				values[name] = value
			}
		}
	}
	return values, nil
}

// cost is what so many claims took.
func (u usage) cost(version string, claims int, calls int64, after usage, memory usage) redisTurn {
	return redisTurn{
		Version: version, Micros: (after.seconds - u.seconds) / float64(claims) * 1e6,
		Bytes: (memory.bytes - u.bytes) / float64(claims), ClaimsCall: float64(claims) / float64(max(1, calls)),
	}
}
