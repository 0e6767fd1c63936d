package web_test

import (
	"time"

	"onsale/internal/testbed/browser"
)

// A state of the page: what the site answers, and what a buyer does to get there.
type state struct {
	name   string
	screen string // as the page names it
	site   func(*site)
	steps  func(*site, *browser.Window)
}

var states = []state{
	{"not-open", "countdown", func(s *site) { scheduled(s, 12*time.Minute); s.buyer = "alice" }, nil},
	{"not-signed-in", "countdown", func(s *site) { scheduled(s, 50*time.Hour) }, nil},
	{"sign-in", "sign-in", func(s *site) {}, nil},
	{"join", "join", func(s *site) { lined(s); scheduled(s, 40*time.Minute); s.buyer = "alice" }, nil},
	{"joining", "joining", func(s *site) {
		lined(s)
		s.buyer = "alice"
		s.answers["POST /line"] = []answer{{wait: make(chan struct{})}}
	}, func(s *site, w *browser.Window) { w.Click("#primary") }},
	{"drawing", "drawing", func(s *site) {
		lined(s)
		scheduled(s, 40*time.Minute)
		s.buyer, s.place = "alice", place("d", 0)
	}, join},
	{"waiting", "waiting", func(s *site) {
		lined(s)
		s.sale["line"] = map[string]any{"joined": 81240, "drawn": 79000, "front": 12730, "rate": 100, "seed": "0f", "commitment": commitment}
		s.buyer, s.place = "alice", place("d", 44057)
	}, join},
	{"waiting-again", "waiting", func(s *site) {
		lined(s)
		s.sale["line"] = map[string]any{"joined": 812, "front": 55, "rate": 100}
		s.buyer, s.place, s.known = "alice", place("57", 57), true
	}, join},
	{"waiting-sold-out", "waiting", func(s *site) {
		lined(s)
		s.sale["state"], s.sale["remaining"] = "sold-out", 0
		s.sale["line"] = map[string]any{"joined": 81240, "drawn": 79000, "front": 43950, "rate": 100, "seed": "0f", "commitment": commitment}
		s.buyer, s.place = "alice", place("d", 44057)
	}, join},
	{"turn", "turn", turn, join},
	{"next", "next", func(s *site) { turn(s); s.sale["state"], s.sale["remaining"] = "sold-out", 0 }, join},
	{"buy", "buy", func(s *site) { s.buyer = "alice" }, more},
	{"buying", "buying", func(s *site) {
		s.buyer = "alice"
		busy := answer{status: 503, code: "busy", header: map[string]string{"Retry-After": "1"}}
		for range 50 {
			s.answers["POST /orders"] = append(s.answers["POST /orders"], busy)
		}
	}, func(s *site, w *browser.Window) {
		w.Click("#primary")
		w.Wait("!document.querySelector('#secondary').hidden")
	}},
	{"not-enough", "buy", func(s *site) {
		s.buyer = "alice"
		s.answers["POST /orders"] = []answer{{status: 409, code: "not-enough", members: map[string]any{"remaining": 2}}}
	}, func(s *site, w *browser.Window) {
		more(s, w)
		w.Click("#primary")
		w.Wait("!document.querySelector('#notice').hidden")
	}},
	{"held", "held", func(s *site) { s.buyer, s.order = "alice", held(2, 9*time.Minute+42*time.Second) }, nil},
	{"giving", "giving", func(s *site) { s.buyer, s.order = "alice", held(2, 9*time.Minute) }, func(s *site, w *browser.Window) { w.Click("#secondary") }},
	{"paid", "paid", func(s *site) { s.buyer, s.order = "alice", ended("paid") }, nil},
	{"cancelled", "cancelled", func(s *site) { s.buyer, s.order = "alice", held(2, 9*time.Minute) }, func(s *site, w *browser.Window) {
		w.Click("#secondary")
		w.Wait("document.querySelector('#primary').dataset.act === 'release'")
		w.Click("#primary")
	}},
	{"expired", "expired", func(s *site) { s.buyer, s.order = "alice", held(2, 2*time.Second) }, func(s *site, w *browser.Window) {
		w.Wait("document.body.dataset.screen === 'held'")
		s.set(func(s *site) { s.order["state"] = "expired" })
	}},
	{"sold-out", "sold-out", func(s *site) { s.sale["state"], s.sale["remaining"] = "sold-out", 0 }, nil},
	{"closed", "closed", func(s *site) { s.sale["state"] = "closed" }, nil},
	{"unreachable", "unreachable", func(s *site) {
		for range 50 {
			s.answers["GET "] = append(s.answers["GET "], answer{status: 502, code: "node-unreachable"})
		}
	}, nil},
	{"no-such-sale", "unreachable", func(s *site) { s.answers["GET "] = []answer{{status: 404, code: "sale-unknown"}} }, nil},
}

const commitment = "131edc050d8ee8fad0a2622522cdcbc1b837b65a602e3ebc23730401951e72d5"

func scheduled(s *site, left time.Duration) {
	s.sale["state"], s.sale["opens_at"] = "scheduled", at(left)
	if s.sale["admission"] == "line" {
		s.sale["draw_at"] = at(left / 2)
		s.sale["line"] = map[string]any{"joined": 812, "front": 0, "rate": 100, "commitment": commitment}
	}
}

func lined(s *site) {
	s.sale["admission"] = "line"
	s.sale["line"] = map[string]any{"joined": 812, "front": 0, "rate": 100}
}

func turn(s *site) {
	lined(s)
	s.sale["line"] = map[string]any{"joined": 812, "front": 60, "rate": 100}
	s.buyer, s.place = "alice", place("7", 57)
}

func ended(state string) map[string]any {
	o := held(2, 9*time.Minute)
	o["state"] = state
	return o
}

func join(s *site, w *browser.Window) { w.Click("#primary") }
func more(s *site, w *browser.Window) { w.Click("#more") }

// open shows a state in a window.
func (st state) open(s *site, w *browser.Window) {
	s.set(st.site)
	w.Go(s.URL + "/sales/demo")
	w.Wait("document.body.dataset.screen && document.body.dataset.screen !== 'loading'")
	if st.steps != nil {
		st.steps(s, w)
	}
	w.Wait("document.body.dataset.screen === '" + st.screen + "'")
}
