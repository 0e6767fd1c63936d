package compose

import (
	"os/exec"
	"syscall"
)

// interruptible gives a command a process group of its own: Ctrl-C in a terminal reaches this program
// alone, which then removes what it made. When its context ends, the whole group is terminated.
func interruptible(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
}
