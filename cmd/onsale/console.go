package main

import (
	"fmt"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// console is where a command speaks to the person who watches: results go to
// out, all else to err. What runs inside this process logs there too, only
// errors at first, because a site that starts or ends has much to warn of.
type console struct {
	out   io.Writer
	err   zapcore.WriteSyncer
	log   *zap.Logger
	level zap.AtomicLevel
	args  []string // of the command
}

func newConsole(out, err io.Writer, args ...string) *console {
	// A line may be logged while another is.
	c := &console{out: out, err: zapcore.Lock(zapcore.AddSync(err)), level: zap.NewAtomicLevelAt(zap.ErrorLevel), args: args}
	encoder := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	c.log = zap.New(zapcore.NewCore(encoder, c.err, c.level))
	return c
}

// logLine prints a line of progress.
func (c *console) logLine(what string) { fmt.Fprintln(c.err, what) }
