package checkout

import (
	"encoding/hex"
	"fmt"
	"time"

	"onsale/internal/line"
	"onsale/internal/sale"
)

// Draw is where the draw of a line put buyers.
type Draw interface {
	// Position is where a buyer stands who was drawn, from 1 on; 0 if the draw does not have the
	// buyer.
	Position(id sale.ID, buyer sale.Buyer, nonce [32]byte) int64
}

// lineRead is a line as it was read by a call that was sent then.
type lineRead struct {
	sale.Line
	sent  time.Time
	moved time.Time // since when FrontAt is known as it is, or when this node moved the front
}

// turnFresh is how old a reading may be that has a buyer wait: whose turn has come learns it
// after so long at most.
const turnFresh = 200 * time.Millisecond

// noteLine takes the line of a reading. Replies overtake each other; the front does not fall.
func (s *Seller) noteLine(l sale.Line, sent time.Time) {
	for {
		old := s.line.Load()
		if old != nil && sent.Before(old.sent) {
			return
		}
		moved := sent
		if old != nil {
			l.Front = max(l.Front, old.Front)
			if l.FrontAt == old.FrontAt {
				moved = old.moved
			}
		}
		if s.line.CompareAndSwap(old, &lineRead{l, sent, moved}) {
			return
		}
	}
}

// Drawn takes the draw of the line, once it has taken place.
func (s *Seller) Drawn(d Draw) { s.draw.Store(&d) }

// Join gives the buyer a place in the line, or the one of before. proof is the place that the buyer
// can prove, if any. The error wraps sale.ErrUnavailable or sale.ErrUnknown; joining again is
// harmless after both.
func (s *Seller) Join(buyer sale.Buyer, proof sale.Place) (sale.Placed, sale.Proof, error) {
	s.warmth.ask(s.id)
	secret, err := hex.DecodeString(string(s.Sale().LineSecret))
	if err != nil || len(secret) == 0 {
		return sale.Placed{}, sale.Proof{}, fmt.Errorf("sale %s has no secret of a line: %w", s.id, sale.ErrUnavailable)
	}
	nonce := line.Nonce(secret, string(buyer))
	join := sale.Join{Buyer: buyer, Proof: proof}
	if d := s.draw.Load(); d != nil && (proof == 0 || proof == sale.Drawn) {
		// Whom the draw has needs no token, and whom it does not have joins behind the drawn.
		join.Proof = 0
		if join.Sure = (*d).Position(s.id, buyer, nonce) > 0; join.Sure {
			join.Proof = sale.Drawn
		}
	}
	placed, err := s.remote.Join(join)
	if err != nil {
		return sale.Placed{}, sale.Proof{}, err
	}
	return placed, sale.Proof{Place: placed.Place, Nonce: nonce}, nil
}

// Turn returns whether the buyer's place may buy. Before it has a buyer wait, it reads the sale
// again if the last reading is old; all who ask meanwhile wait for that. The error means that it
// can't be read.
func (s *Seller) Turn(buyer sale.Buyer, proof sale.Proof) (sale.Turn, error) {
	if s.Sale().Admission != sale.AdmitLine {
		return sale.Turn{Come: true}, nil
	}
	if t, sure := s.turn(buyer, proof); sure {
		return t, nil
	}
	asked := time.Now()
	for range 2 { // a flight that was under way may have read before
		err := s.warmth.flight.do(func() error {
			if l := s.line.Load(); l != nil && !l.sent.Before(asked) {
				return nil
			}
			return s.warmth.read()
		})
		if err != nil {
			return sale.Turn{}, err
		}
		if t, sure := s.turn(buyer, proof); sure {
			return t, nil
		}
	}
	t, _ := s.turn(buyer, proof)
	return t, nil
}

// Stands is where the buyer's place stands, by what is known here.
func (s *Seller) Stands(buyer sale.Buyer, proof sale.Proof) sale.Turn {
	t, _ := s.turn(buyer, proof)
	return t
}

// turn is where a place stands. It is sure where the turn has come, as the front never falls, and
// where the reading is fresh.
func (s *Seller) turn(buyer sale.Buyer, proof sale.Proof) (t sale.Turn, sure bool) {
	l := s.line.Load()
	if l == nil {
		return t, false
	}
	t = sale.Turn{Position: l.Position(proof.Place), Front: l.Front}
	if d := s.draw.Load(); d != nil && l.Over && proof.Place == sale.Drawn {
		t.Position = (*d).Position(s.id, buyer, proof.Nonce)
	}
	t.Come = t.Position > 0 && t.Position <= t.Front
	return t, t.Come || time.Since(l.sent) <= turnFresh
}
