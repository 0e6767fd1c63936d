package allocator

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/app/gossip"
	"onsale/internal/lease"
	"onsale/internal/pause"
)

const (
	// announceEvery is how often an allocator registers. Raised, operators see an older state; lowered, Redis gets more calls.
	announceEvery = time.Second
	// announced is for how long one that does not register again is listed. Raised, operators see a dead one for longer;
	// lowered, a Redis that is slow hides one that lives.
	announced = 5 * time.Second
)

// state is what an allocator registers of itself. Hooks of several goroutines change it.
type state struct {
	mu    sync.Mutex
	leads bool
	nginx *adminapi.Nginx // nil: it writes no upstream
}

func (s *state) setLeads(leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leads = leads
}

// published notes a change of the upstream, and inForce what a look at it has found.
func (s *state) published(now time.Time) {
	s.nginxIs(func(n *adminapi.Nginx) { n.Since = &now })
}

func (s *state) inForce(nodes, selling int) {
	s.nginxIs(func(n *adminapi.Nginx) { n.Current, n.Nodes, n.Selling = true, nodes, selling })
}

func (s *state) owed() {
	s.nginxIs(func(n *adminapi.Nginx) { n.Current = false })
}

func (s *state) nginxIs(change func(*adminapi.Nginx)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var next adminapi.Nginx
	if s.nginx != nil {
		next = *s.nginx
	}
	change(&next)
	s.nginx = &next // another one: whoever has read the last may still use it
}

// registration is the value that is registered.
func (a *Allocator) registration() string {
	a.state.mu.Lock()
	defer a.state.mu.Unlock()
	text, err := json.Marshal(adminapi.AllocatorState{
		Admin: gossip.Beside(a.config.Admin, a.gossip.LocalAddr()), Ready: a.Ready(), Leads: a.state.leads, Nginx: a.state.nginx,
	})
	if err != nil {
		panic(err) // texts, numbers and times can be encoded
	}
	return string(text)
}

// announce keeps the allocator registered until ctx ends. That a call failed is no news: those for the lease fail beside it.
func (a *Allocator) announce(ctx context.Context) error {
	me := a.registry("allocator").Member(a.holder, "", announced)
	call := func(ctx context.Context, do func(context.Context) error) {
		ctx, cancel := context.WithTimeout(ctx, announceEvery)
		defer cancel()
		_ = do(ctx) // it lapses, or is there again with the next call
	}
	for {
		me.Update(a.registration())
		call(ctx, func(ctx context.Context) error { _, err := me.Register(ctx); return err })
		if !pause.For(ctx, announceEvery) {
			call(context.WithoutCancel(ctx), me.Leave)
			return nil
		}
	}
}

func (a *Allocator) registry(name string) *lease.Registry {
	return lease.NewRegistry(a.client, a.config.Redis.Prefix, name)
}

// parts lists the allocators and ledgers that run, by name.
func (a *Allocator) parts(ctx context.Context) (p adminapi.Parts, err error) {
	allocators, err := a.registry("allocator").Members(ctx)
	if err != nil {
		return p, err
	}
	ledgers, err := a.registry("ledger").Members(ctx)
	if err != nil {
		return p, err
	}
	p = adminapi.Parts{Allocators: []adminapi.Allocator{}, Ledgers: []adminapi.Ledger{}}
	for member, value := range allocators {
		p.Allocators = append(p.Allocators, adminapi.Allocator{Name: called(member), AllocatorState: decoded[adminapi.AllocatorState](value)})
	}
	for member, value := range ledgers {
		p.Ledgers = append(p.Ledgers, adminapi.Ledger{Name: called(member), LedgerState: decoded[adminapi.LedgerState](value)})
	}
	slices.SortFunc(p.Allocators, func(a, b adminapi.Allocator) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Ledgers, func(a, b adminapi.Ledger) int { return cmp.Compare(a.Name, b.Name) })
	return p, nil
}

// called is the name in a member, which is name and instance.
func called(member string) string {
	if i := strings.LastIndexByte(member, '/'); i >= 0 {
		return member[:i]
	}
	return member
}

// decoded is nil for what another version has registered.
func decoded[State any](value string) *State {
	s := new(State)
	if json.Unmarshal([]byte(value), s) != nil {
		return nil
	}
	return s
}
