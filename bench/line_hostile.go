package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"onsale/bench/generator"
)

// hostileResult is what hostile buyers tried, and got by it, by role.
type hostileResult struct {
	Buyers  map[role]int     `json:"buyers"`
	Tried   map[role]int     `json:"tried"`
	Got     map[role]int     `json:"succeeded"` // orders, or places of others, that nobody may get so
	Answers map[string]int64 `json:"answers"`
}

// hostilePerSecond is how many tries hostile buyers make in a second, beside those who hoard.
const hostilePerSecond = 100

// attack has hostile buyers try until ctx ends.
func (p *linePeople) attack(ctx context.Context) {
	if p.roles.hostile == 0 {
		return
	}
	limiter := rate.NewLimiter(hostilePerSecond, 1)
	random := mathrand.New(mathrand.NewPCG(p.Seed, 99))
	var group sync.WaitGroup
	for limiter.Wait(ctx) == nil {
		buyer, kind, node := random.IntN(p.roles.hostile), random.IntN(len(forgeries)), p.cluster.Nodes[random.IntN(len(p.cluster.Nodes))]
		who := p.person(buyer)
		if random.IntN(2) == 0 {
			who.addr = "http://" + node.Listen
		}
		group.Go(func() {
			if err := p.try(ctx, who, kind); err != nil && ctx.Err() == nil {
				p.failed(fmt.Errorf("hostile %s: %w", generator.Buyer(buyer), err))
			}
		})
	}
	group.Wait()
}

// try is one attempt to buy.
func (p *linePeople) try(ctx context.Context, who person, kind int) error {
	is := p.roles.of(who.buyer)
	own, err := who.join(ctx, "")
	if err != nil {
		return err
	}
	token := own.Token
	switch is {
	case forger:
		token = forgeries[kind](p, who, own)
	case thief:
		p.mu.Lock()
		if len(p.tokens) > 0 {
			token = p.tokens[mathrand.IntN(len(p.tokens))]
		}
		p.mu.Unlock()
		if token == own.Token {
			return nil // nobody was served yet
		}
		// As a proof of a lost place it is worth nothing either.
		joined, err := who.join(ctx, token)
		if err != nil {
			return err
		}
		if joined.Place != own.Place || joined.Position != own.Position {
			p.count(is, "another's place", true)
		}
	case jumper:
		if p.positions[who.buyer] <= p.watch.now().front {
			return nil // it may buy
		}
	default:
		return nil
	}
	a, err := who.buy(ctx, token, 1)
	if err != nil {
		return err
	}
	// While it was on its way, the front may have come to one who tried too early.
	got := a.status < 300 && (is != jumper || p.positions[who.buyer] > p.watch.now().front)
	p.count(is, fmt.Sprintf("%d %s", a.status, a.Code), got)
	if a.status < 300 && !got {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.visits = append(p.visits, visited{buyer: who.buyer, end: endServed, order: a.ID, decided: time.Now()})
	}
	return nil
}

func (p *linePeople) count(is role, answer string, got bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := &p.result.Hostile
	h.Tried[is]++
	h.Answers[answer]++
	if got {
		h.Got[is]++
	}
}

// forgeries make place tokens that prove nothing.
var forgeries = []func(p *linePeople, who person, own answered) string{
	func(_ *linePeople, _ person, own answered) string { return altered(own.Token, own.Place, "1") },
	func(_ *linePeople, _ person, own answered) string {
		return signedByOther(altered(own.Token, own.Place, "1"))
	},
	func(_ *linePeople, _ person, own answered) string {
		return unsigned(altered(own.Token, own.Place, "1"))
	},
	func(p *linePeople, who person, _ answered) string {
		bearer, _ := p.cluster.Issuer.Token(generator.Buyer(who.buyer), time.Hour) // an empty one is as worthless
		return bearer
	},
	func(*linePeople, person, answered) string { return rand.Text() },
}

// altered is a token with another place, and the signature of before.
func altered(token, place, by string) string {
	parts := strings.Split(token, ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return token + "x"
	}
	claim := `"place":"%s"`
	text := strings.Replace(string(claims), fmt.Sprintf(claim, place), fmt.Sprintf(claim, by), 1)
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(text))
	return strings.Join(parts, ".")
}

// signedByOther is a token with a whole signature by another key.
func signedByOther(token string) string {
	signed := token[:strings.LastIndexByte(token, '.')]
	mac := hmac.New(sha256.New, []byte(rand.Text()))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// unsigned is a token of the algorithm none.
func unsigned(token string) string {
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"place+jwt"}`))
	return header + token[strings.IndexByte(token, '.'):strings.LastIndexByte(token, '.')] + "."
}

// hoard is somebody who buys as much as can be as soon as the turn has come: at all nodes at the same time, and more than is allowed.
func (p *linePeople) hoard(ctx context.Context, v *visited, _ bool) error {
	placed, err := p.person(v.buyer).join(ctx, "")
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	orders, codes := map[string]answered{}, map[string]int{}
	for i := range 2 * len(p.cluster.Nodes) {
		group.Go(func() {
			who := person{site: p.lineSite, buyer: v.buyer, addr: "http://" + p.cluster.Nodes[i%len(p.cluster.Nodes)].Listen}
			quantity := 1
			if i == len(p.cluster.Nodes) {
				quantity = 2
			}
			a, err := who.buy(ctx, placed.Token, quantity)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				codes[err.Error()]++
				return
			}
			codes[fmt.Sprintf("%d %s", a.status, a.Code)]++
			if a.status == http.StatusCreated || a.status == http.StatusOK {
				orders[a.ID] = a
			}
		})
	}
	group.Wait()
	v.decided = time.Now()
	for answer, n := range codes {
		for range n {
			p.count(hoarder, answer, false)
		}
	}
	for id, a := range orders {
		if v.order != "" || a.Quantity != 1 {
			p.count(hoarder, "a second ticket", true)
		}
		v.order, v.end = id, endServed
	}
	if v.order == "" {
		return p.refuse(ctx, v, answered{sent: v.decided})
	}
	return nil
}
