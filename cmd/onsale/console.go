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
	out, err io.Writer
	log      *zap.Logger
	level    zap.AtomicLevel
}

func newConsole(out, err io.Writer) *console {
	c := &console{out: out, err: err, level: zap.NewAtomicLevelAt(zap.ErrorLevel)}
	encoder := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	c.log = zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(err)), c.level))
	return c
}

// logLine prints a line of progress.
func (c *console) logLine(what string) { fmt.Fprintln(c.err, what) }
