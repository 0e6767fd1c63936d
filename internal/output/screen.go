package output

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/sys/unix"
)

// Screen is a terminal that is drawn over again and again. Its user's lines come back when it is closed.
type Screen struct {
	out    *os.File
	in     *os.File
	before *unix.Termios // of in; nil: it is no terminal
	closed chan struct{} // by Close
	read   chan struct{} // closed: no key is read any more
	once   sync.Once
	err    error
}

const (
	enter = "\x1b[?1049h\x1b[?25l\x1b[2J" // the other screen, no cursor, empty
	leave = "\x1b[?25h\x1b[?1049l"
	home  = "\x1b[H"
	rest  = "\x1b[K" // of a line, is emptied
	below = "\x1b[J" // all below is emptied
)

// NewScreen takes over the terminal out, and reads keys from in if that is a terminal. ok is false if out is none: then
// nothing was changed.
func NewScreen(in, out *os.File) (s *Screen, ok bool, err error) {
	if _, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ); err != nil || os.Getenv("TERM") == "dumb" {
		return nil, false, nil
	}
	s = &Screen{out: out, in: in, closed: make(chan struct{}), read: make(chan struct{})}
	if t, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err == nil {
		before := *t
		// Keys come one by one and are not shown; Ctrl-C is still a signal.
		t.Lflag &^= unix.ICANON | unix.ECHO
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, t); err != nil {
			return nil, false, fmt.Errorf("terminal: %w", err)
		}
		s.before = &before
	}
	if _, err := out.WriteString(enter); err != nil {
		close(s.read)
		return nil, false, errors.Join(err, s.Close())
	}
	return s, true, nil
}

// Size is the terminal's, now. A terminal that does not know its own has 80 columns and 24 lines.
func (s *Screen) Size() (columns, lines int) {
	size, err := unix.IoctlGetWinsize(int(s.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 80, 24
	}
	return int(size.Col), int(size.Row)
}

// ErrHungUp is returned by Draw if the terminal is gone.
var ErrHungUp = errors.New("the terminal has hung up")

// Draw shows these lines in place of what was there. What is wider or longer than the terminal is cut off.
func (s *Screen) Draw(lines []string) error {
	columns, rows := s.Size()
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines[:min(len(lines), rows)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(text.Trim(line, columns))
		// In the last column the cursor waits on the line, and what empties its rest would take that character.
		if text.StringWidth(line) < columns {
			b.WriteString(rest)
		}
	}
	if len(lines) < rows {
		b.WriteString("\r\n" + below)
	}
	_, err := s.out.WriteString(b.String())
	if errors.Is(err, unix.EIO) {
		return ErrHungUp
	}
	return err
}

// keyPoll is how long it takes at most until the reader of keys notices that the screen was closed.
const keyPoll = 100 * time.Millisecond

// Keys has what is typed, until the screen is closed. gone is closed once the terminal has hung up, which a program may
// get no signal of. It is called once, before Close.
func (s *Screen) Keys() (keys <-chan byte, gone <-chan struct{}) {
	typed, hungUp := make(chan byte), make(chan struct{})
	polled := []unix.PollFd{{Fd: int32(s.out.Fd())}} // of it a hangup alone matters
	if s.before != nil {
		polled = append(polled, unix.PollFd{Fd: int32(s.in.Fd()), Events: unix.POLLIN})
	}
	go func() {
		defer close(s.read)
		key := make([]byte, 1)
		for {
			select {
			case <-s.closed:
				return
			default:
			}
			if n, err := unix.Poll(polled, int(keyPoll.Milliseconds())); n == 0 || errors.Is(err, unix.EINTR) {
				continue
			}
			for _, p := range polled {
				if p.Revents&^unix.POLLIN != 0 {
					close(hungUp)
					return
				}
			}
			if n, err := s.in.Read(key); n == 0 || err != nil {
				close(hungUp)
				return
			}
			select {
			case typed <- key[0]:
			case <-s.closed:
				return
			}
		}
	}()
	return typed, hungUp
}

// Close gives the terminal back as it was, if it is still there. It may be called twice.
func (s *Screen) Close() error {
	s.once.Do(func() {
		close(s.closed)
		_, s.err = s.out.WriteString(leave)
		<-s.read
		if s.before != nil {
			if err := unix.IoctlSetTermios(int(s.in.Fd()), unix.TCSETS, s.before); s.err == nil {
				s.err = err
			}
		}
		if errors.Is(s.err, unix.EIO) { // it has hung up
			s.err = nil
		}
	})
	return s.err
}
