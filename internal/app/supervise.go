package app

import (
	"context"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
)

// starting is how often a program that starts looks whether it is ready. Raised, systemctl start takes longer than
// the program; lowered, the start costs more.
const starting = 100 * time.Millisecond

// supervise reports to systemd, if that has started the program (sd_notify(3), Type=notify): READY once its /readyz is
// ready, so that systemctl restart ends when a node sells again; STOPPING when it drains; and a line of status, with
// the reason while it is not ready. It answers the watchdog as long as the admin port answers, ready or not: a
// program that waits for Redis is well. The function that it returns ends all that.
func supervise(ctx context.Context, admin string, log *zap.Logger) (stop func()) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return func() {}
	}
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		log.Warn("systemd can't be reached", zap.Error(err))
		return func() {}
	}
	s := &supervised{conn: conn, admin: admin, every: watchdog()}
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() { s.run(ctx) })
	return func() {
		cancel()
		wait.Wait()
		_ = conn.Close() // nothing more to report
	}
}

// watchdog is how often systemd wants an answer, three times over; a second if it wants none.
func watchdog() time.Duration {
	pid, limited := os.LookupEnv("WATCHDOG_PID")
	limit, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || limited && pid != strconv.Itoa(os.Getpid()) {
		return time.Second
	}
	return min(time.Second, time.Duration(limit)*time.Microsecond/3)
}

// supervised is a program that systemd looks after.
type supervised struct {
	conn   net.Conn
	admin  string
	every  time.Duration
	status string
}

func (s *supervised) run(ctx context.Context) {
	for pause, up := starting, false; ; {
		ready, line, err := readiness(ctx, s.admin)
		if err != nil {
			line = "the admin port does not answer"
		}
		switch {
		case ctx.Err() != nil:
		case ready && !up:
			up, pause = true, s.every
			s.report("READY=1")
		case up && err == nil:
			s.report("WATCHDOG=1")
		}
		if ctx.Err() == nil && line != s.status {
			s.status = line
			s.report("STATUS=" + line)
		}
		select {
		case <-ctx.Done():
			s.report("STOPPING=1\nSTATUS=stopping")
			return
		case <-time.After(pause):
		}
	}
}

// report sends one datagram. systemd that is away, because it starts itself again, misses it; the watchdog's next one comes.
func (s *supervised) report(state string) { _, _ = s.conn.Write([]byte(state)) }
