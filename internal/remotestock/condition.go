package remotestock

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/sale"
)

// What Redis's servers are configured to, and how full their memory is. Both change while
// they run, by CONFIG SET, a restart or a failover, and no script can see either.

// Condition is what the masters answered at the last look, merged.
type Condition struct {
	// Faults are the settings that break a promise, each with what is wrong and what to do.
	Faults map[Setting]string
	// Unread are settings that no master let us read.
	Unread []Setting
	// Used is the share of maxmemory that the fullest master uses; 0 where none has a limit.
	Used float64
	// Memory is what follows from it.
	Memory Memory
	// Step is by how much a master's clock was set since this program knows it, the largest
	// of all; 0 where none was.
	Step time.Duration
}

// Memory is how full Redis's memory is.
type Memory uint8

// The states of memory. Only new holds, openings and restocks are refused by a full one.
const (
	MemoryEnough Memory = iota
	MemoryLow           // above the configured share of maxmemory
	MemoryFull
)

func (m Memory) String() string { return [...]string{"enough", "low", "full"}[m] }

// ErrFull is the error of a claim for which Redis has no memory. Nothing was sold.
var ErrFull = fmt.Errorf("%w: Redis's memory is full", sale.ErrUnavailable)

// ErrEvicts is the error of a claim where Redis may delete a sale's keys when its memory is
// full. Nothing was sold.
var ErrEvicts = fmt.Errorf("%w: Redis may evict a sale's keys", sale.ErrUnavailable)

const (
	// lookEvery is how often the servers are asked. Raised, a setting that is changed live,
	// or memory that fills up, is reported later; lowered, each program costs each master
	// more than its 0.1 ms every five seconds.
	lookEvery = 5 * time.Second
	// lookSoon is the same while something is wrong, or nobody answered.
	lookSoon = time.Second
	// calmLooks is how many looks in a row memory must be better before that is reported:
	// at the limit each hold and each ending crosses it.
	calmLooks = 3
)

// observer asks the masters, and remembers their answers.
type observer struct {
	last    atomic.Pointer[Condition]
	broken  atomic.Bool   // a call failed as it does where a server went away
	refused atomic.Bool   // a claim was refused for want of memory since the last look
	again   chan struct{} // look at once: a server may be another one than before

	mu     sync.Mutex // held for one look
	calm   int        // looks in a row at which memory was better than is reported
	faults string     // as logged last
	unread string
}

// Condition is what the masters answered last; nothing before the first look.
func (s *Store) Condition() Condition {
	if c := s.observer.last.Load(); c != nil {
		return *c
	}
	return Condition{}
}

// Unfit is why nothing should be sold from this Redis although it answers, or nil: it would
// lose what it acknowledged, or has no memory for it.
func (s *Store) Unfit() error {
	c := s.Condition()
	if c.Memory == MemoryFull {
		return ErrFull
	}
	return s.Unsafe()
}

// Unsafe is which settings of Redis break a promise, or nil.
func (s *Store) Unsafe() error {
	c := s.Condition()
	var faults []string
	for _, setting := range Settings {
		fault, wrong := c.Faults[setting]
		if _, known := durable[setting]; wrong && !(known && s.config.AllowDataLoss) {
			faults = append(faults, fault)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}

// Notes are what an operator should know of Redis although nothing is refused for it.
func (s *Store) Notes() []string {
	c := s.Condition()
	var notes []string
	if step := s.Step(); step != 0 {
		notes = append(notes, fmt.Sprintf("Redis's clock was set by %v; this program goes by the time that it had before", step))
	}
	if c.Memory != MemoryEnough {
		notes = append(notes, fmt.Sprintf("Redis uses %.0f %% of its maxmemory", 100*c.Used))
	}
	for _, setting := range Settings {
		if fault, wrong := c.Faults[setting]; wrong && s.config.AllowDataLoss {
			notes = append(notes, fault)
		}
	}
	if len(c.Unread) > 0 {
		notes = append(notes, unreadable(c.Unread))
	}
	return notes
}

func unreadable(unread []Setting) string {
	names := make([]string, len(unread))
	for i, setting := range unread {
		names[i] = string(setting)
	}
	return "Redis does not let its settings be read, so nobody checks them here: " + strings.Join(names, ", ") +
		". Give the user +config|get and +info, or make sure of them where Redis is managed"
}

// Refuses is why no claim of the sale need be sent now, or nil. Where its last call found
// memory full, one call a second tries whether it still is.
func (s *Store) Refuses(id sale.ID) error {
	if c := s.observer.last.Load(); c != nil && c.Faults[MaxmemoryPolicy] != "" {
		return ErrEvicts
	}
	if until := s.seen(id).full.Load(); until != nil && time.Now().Before(*until) {
		return ErrFull
	}
	return nil
}

// fullFor is for how long a sale's claims are refused unsent after Redis had no memory for one.
const fullFor = time.Second

// Watch looks at the masters until ctx ends: now and then, and as soon as a server that was
// away answers again. Each change is logged once.
func (s *Store) Watch(ctx context.Context) error {
	for ctx.Err() == nil {
		every := lookEvery
		if err := s.Look(ctx); err != nil || s.Condition().Memory != MemoryEnough || s.Unsafe() != nil {
			every = lookSoon
		}
		select {
		case <-ctx.Done():
		case <-s.observer.again:
		case <-time.After(every):
		}
	}
	return nil
}

// note has the servers looked at again once calls succeed after some that failed as they do
// where a server goes away: the one that answers may be another, or configured otherwise.
func (o *observer) note(err error) {
	switch {
	case misdirected(err):
		o.broken.Store(true)
	case err == nil && o.broken.Load() && o.broken.CompareAndSwap(true, false):
		o.lookNow()
	}
}

// full notes that Redis had no memory for a claim.
func (o *observer) full() {
	if !o.refused.Swap(true) {
		o.lookNow()
	}
}

func (o *observer) lookNow() {
	select {
	case o.again <- struct{}{}:
	default: // asked for already
	}
}

// Look asks every master once, and reports what changed. The error is of masters that did
// not answer, of which nothing is known.
func (s *Store) Look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	o := &s.observer
	o.mu.Lock()
	defer o.mu.Unlock()
	var mu sync.Mutex
	var servers []server
	err := s.masters(ctx, func(ctx context.Context, client redis.Cmdable) error {
		v, err := askServer(ctx, client)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			servers = append(servers, v)
		}
		return err
	})
	if len(servers) == 0 {
		return err
	}
	c := s.merge(servers)
	c.Step = s.Step()
	if o.refused.Swap(false) { // INFO comes too late to see what the call has met
		c.Memory = MemoryFull
	}
	o.settle(&c)
	s.report(c)
	o.last.Store(&c)
	if s.hooks.Looked != nil {
		s.hooks.Looked(c)
	}
	return err
}

// settle keeps the worse state of memory until a few looks in a row were better.
func (o *observer) settle(c *Condition) {
	last := o.last.Load()
	if last == nil || c.Memory >= last.Memory {
		o.calm = 0
		return
	}
	if o.calm++; o.calm < calmLooks {
		c.Memory = last.Memory
		return
	}
	o.calm = 0
}

// report logs what changed since the last look.
func (s *Store) report(c Condition) {
	o := &s.observer
	var before Memory
	if last := o.last.Load(); last != nil {
		before = last.Memory
	}
	used := zap.Int("percent", int(100*c.Used))
	switch {
	case c.Memory == before:
	case c.Memory == MemoryFull:
		s.log.Error("Redis's memory is full: new holds, openings and restocks are refused; raise maxmemory, or have the ledgers and onsale archive take out what is there", used)
	case c.Memory == MemoryLow && before == MemoryEnough:
		s.log.Warn("Redis's memory is nearly full: when it is, new holds are refused; raise maxmemory, or archive sales that are over", used)
	case c.Memory == MemoryLow:
		s.log.Warn("Redis's memory is no longer full, but nearly so", used)
	default:
		s.log.Info("Redis has enough memory again", used)
	}
	var lines []string
	for _, setting := range slices.Sorted(maps.Keys(c.Faults)) {
		lines = append(lines, c.Faults[setting])
	}
	if faults := strings.Join(lines, "; "); faults != o.faults {
		o.faults = faults
		switch {
		case faults == "":
			s.log.Info("Redis's settings keep what is acknowledged again")
		case s.Unsafe() == nil && c.Faults[MaxmemoryPolicy] == "" && c.Faults[MinReplicas] == "":
			s.log.Warn("Redis's settings may lose what is acknowledged, which was allowed", zap.Strings("faults", lines))
		default:
			s.log.Error("Redis's settings may lose what is acknowledged", zap.Strings("faults", lines))
		}
	}
	unread := ""
	if len(c.Unread) > 0 {
		unread = unreadable(c.Unread)
	}
	if unread != o.unread {
		if o.unread = unread; unread != "" {
			s.log.Warn(unread)
		}
	}
}
