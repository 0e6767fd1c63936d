package board

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

const (
	// MaxViewers is how many browsers may look at once. Each takes one of the admin port's connections, so it has to stay well
	// below their number.
	MaxViewers = 16
	// sendLimit is for how long one frame may take to be sent: who has not read it by then is let go, and comes back.
	sendLimit = 10 * time.Second
)

// message is what a viewer gets with each frame.
type message struct {
	Site   json.RawMessage `json:"site"`
	Chosen string          `json:"chosen"` // sale
	Sale   json.RawMessage `json:"sale"`   // null: there is none, or it is not known here
	// Curve is with the first message of a sale alone; the browser goes on with what it gets.
	Curve  []point `json:"curve,omitempty"`
	Events []Event `json:"events"` // since the last message
}

// events sends frames until the viewer goes.
func (b *Board) events(w http.ResponseWriter, r *http.Request) {
	var id sale.ID
	if wanted := r.URL.Query().Get("sale"); wanted != "" {
		parsed, err := sale.ParseID(wanted)
		if err != nil {
			http.Error(w, "sale: "+err.Error(), http.StatusUnprocessableEntity)
			return
		}
		id = parsed
	}
	if !b.enter(id) {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many browsers look at this board: close one, or look at another allocator's", http.StatusServiceUnavailable)
		return
	}
	v := viewer{board: b, id: id}
	defer func() { b.leave(v.id) }()
	c := http.NewResponseController(w)
	// The admin port's limits are for requests that end. Without one for reading, it would end this one.
	_ = c.SetReadDeadline(time.Time{})
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy must not collect frames
	w.WriteHeader(http.StatusOK)
	send := func(m message) error {
		_ = c.SetWriteDeadline(time.Now().Add(sendLimit))
		if _, err := w.Write(append(append([]byte("data: "), encoded(m)...), '\n', '\n')); err != nil {
			return err
		}
		return c.Flush()
	}
	if err := v.follow(r.Context(), send); err != nil {
		b.log.Debug("a viewer of the board went away", zap.Error(err))
	}
}

// viewer is one browser that looks.
type viewer struct {
	board *Board
	id    sale.ID
	begun bool  // it has the sale's curve
	last  int64 // event that it has
}

// follow sends the newest frame whenever there is one. While one is being sent, those that come are skipped but the newest:
// events are not, as each frame has those of some time.
func (v *viewer) follow(ctx context.Context, send func(message) error) error {
	for f := v.board.latest.Load(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-f.next:
		}
		if f = v.board.latest.Load(); f.site == nil {
			return nil // the board ends
		}
		if v.id == "" && f.first != "" {
			v.id = f.first
			v.board.choose(v.id)
		}
		shown, known := f.sales[v.id]
		if v.id != "" && !known {
			continue // the next frame has it
		}
		m := message{Site: f.site, Chosen: string(v.id), Sale: shown, Events: merged(f.events, f.of[v.id], v.last)}
		if shown == nil {
			m.Sale = json.RawMessage("null")
		}
		if !v.begun && v.id != "" {
			m.Curve = v.board.feed.curve(v.id)
			v.begun = true
		}
		if n := len(m.Events); n > 0 {
			v.last = m.Events[n-1].Number
		}
		if err := send(m); err != nil {
			return err
		}
	}
}

// curve is a sale's, as far as it is known.
func (f *Feed) curve(id sale.ID) []point {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sales[id]; s != nil && s.history != nil {
		return append([]point(nil), s.history.curve.points...)
	}
	return nil
}

// enter lets a viewer in unless there are too many. leave must follow, with the sale that the viewer has by then.
func (b *Board) enter(id sale.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.viewers >= MaxViewers {
		return false
	}
	b.viewers++
	if id != "" {
		b.chosen[id]++
	}
	b.wake()
	return true
}

func (b *Board) choose(id sale.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chosen[id]++
	b.wake()
}

func (b *Board) leave(id sale.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.viewers--
	if id == "" {
		return
	}
	if b.chosen[id]--; b.chosen[id] == 0 {
		delete(b.chosen, id)
	}
}

// wake has Run make a frame soon. The caller holds mu.
func (b *Board) wake() {
	select {
	case b.came <- struct{}{}:
	default:
	}
}

// close lets all viewers go, those too that have entered and have not begun to follow.
func (b *Board) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	end := &frame{next: make(chan struct{})}
	close(end.next)
	close(b.latest.Swap(end).next)
}
