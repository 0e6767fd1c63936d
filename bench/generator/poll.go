package generator

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// poll waits for connections and for a point in time. The time is a timerfd because
// epoll itself waits in whole milliseconds; it is precise to some tens of
// microseconds, without spinning.
type poll struct {
	epoll, timer int
	armed        time.Duration // when the timer fires; it has to be set only when that changes
	events       []unix.EpollEvent
}

// timerIndex stands for the timer among the connections' indices.
const timerIndex = -1

func newPoll(connections int) (*poll, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("timer: %w", err), unix.Close(epoll))
	}
	p := &poll{epoll: epoll, timer: timer, events: make([]unix.EpollEvent, connections+1)}
	// Edge-triggered: each expiry is reported once, and the timer need not be read.
	if err := p.add(timer, timerIndex, unix.EPOLLIN|unix.EPOLLET); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// add watches a descriptor. Closing the descriptor ends that.
func (p *poll) add(fd, index int, events uint32) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, index, events)
}

// change watches a descriptor for other events.
func (p *poll) change(fd, index int, events uint32) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, index, events)
}

func (p *poll) control(what, fd, index int, events uint32) error {
	if err := unix.EpollCtl(p.epoll, what, fd, &unix.EpollEvent{Events: events, Fd: int32(index)}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// wakeAt has wait return at that time, if nothing else happens before.
func (p *poll) wakeAt(at, now time.Duration) error {
	if at == p.armed && at > now {
		return nil
	}
	p.armed = at
	// Zero would disarm the timer, so what is due already fires a nanosecond from now.
	in := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, (at - now).Nanoseconds()))}
	if err := unix.TimerfdSettime(p.timer, 0, &in, nil); err != nil {
		return fmt.Errorf("timer: %w", err)
	}
	return nil
}

// wait returns what has happened; of several events none is of the same connection.
func (p *poll) wait() ([]unix.EpollEvent, error) {
	for {
		n, err := unix.EpollWait(p.epoll, p.events, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("epoll: %w", err)
		}
		return p.events[:n], nil
	}
}

func (p *poll) close() error {
	return errors.Join(unix.Close(p.timer), unix.Close(p.epoll))
}
