package membership

import (
	"slices"
	"sync"
)

// local is this member's description of itself. Setters change it and signal;
// Run's announcer passes it on, so that no caller waits for the network.
type local struct {
	changed chan struct{} // capacity 1: something to announce

	mu   sync.Mutex
	meta meta
	data []byte // meta, encoded
}

func newLocal(m meta) *local {
	return &local{changed: make(chan struct{}, 1), meta: m, data: m.encode()}
}

// update applies change and signals if it made a difference.
func (l *local) update(change func(*meta)) {
	l.mu.Lock()
	before := l.meta
	change(&l.meta)
	differs := l.meta != before
	if differs {
		l.data = l.meta.encode()
	}
	l.mu.Unlock()
	if differs {
		notify(l.changed)
	}
}

// NodeMeta implements memberlist.Delegate. The limit is a constant that
// checked metas stay below.
func (l *local) NodeMeta(int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.data)
}

// The rest of memberlist.Delegate is for messages of an application's own,
// and there are none: the meta is complete.

func (l *local) NotifyMsg([]byte)                {}
func (l *local) GetBroadcasts(int, int) [][]byte { return nil }
func (l *local) LocalState(bool) []byte          { return nil }
func (l *local) MergeRemoteState([]byte, bool)   {}

// notify fills a channel of capacity one; a signal that is already waiting
// covers this one too.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
