package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// smith is the hammer's process, seen from the bench.
type smith struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startHammer starts the process and returns once its tokens are signed.
func startHammer(dir string, buyers, connections int) (*smith, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "hammer", "--keys", filepath.Join(dir, "keys.json"),
		"--buyers", strconv.Itoa(buyers), "--connections", strconv.Itoa(connections))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return nil, err
	}
	s := &smith{cmd, in, bufio.NewReader(out)}
	if line, err := s.out.ReadString('\n'); err != nil || line != "ready\n" {
		return nil, fmt.Errorf("the hammer said %q: %w", line, errors.Join(err, cmd.Wait()))
	}
	return s, nil
}

// hit sends so many requests for the sale.
func (s *smith) hit(addr, saleID string, requests int) (blow, error) {
	var b blow
	if _, err := fmt.Fprintln(s.in, addr, saleID, requests); err != nil {
		return b, err
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return b, fmt.Errorf("the hammer fell: %w", err)
	}
	if err := json.Unmarshal(line, &b); err != nil {
		return b, err
	}
	if b.Error != "" {
		return b, errors.New(b.Error)
	}
	return b, nil
}

func (s *smith) stop() {
	s.in.Close()
	if err := s.cmd.Wait(); err != nil {
		say("hammer: " + err.Error())
	}
}
