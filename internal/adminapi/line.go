package adminapi

import (
	"fmt"
	"net/http"
	"unicode/utf8"

	"go.uber.org/zap"

	"onsale/internal/draw"
	"onsale/internal/line"
	"onsale/internal/sale"
)

// Line is a sale's line and its draw, as far as they are public, and the list of the drawn once that is public.
type Line struct {
	Sale        string   `json:"sale"`
	Joined      int64    `json:"joined"`
	Front       int64    `json:"front"`
	Frozen      bool     `json:"frozen"` // who joins now is behind all who were drawn
	Drawn       int64    `json:"drawn"`
	Commitment  string   `json:"commitment,omitempty"`
	List        string   `json:"list,omitempty"`
	Beacon      string   `json:"beacon,omitempty"`
	BeaconValue string   `json:"beacon_value,omitempty"`
	Seed        string   `json:"seed,omitempty"`
	Entries     []string `json:"entries,omitempty"` // sorted, in hexadecimal digits
}

// Record is what the line publishes of its draw. The error names the first member that is missing or malformed.
func (l Line) Record() (r line.Record, err error) {
	var seed line.Hash
	for _, of := range []struct {
		name, digits string
		to           *line.Hash
	}{{"commitment", l.Commitment, &r.Commitment}, {"list", l.List, &r.List}, {"seed", l.Seed, &seed}} {
		if *of.to, err = line.ParseHash(of.digits); err != nil {
			return r, fmt.Errorf("%s: %w", of.name, err)
		}
	}
	r.Seed, r.Beacon, r.Entries = line.Seed(seed), []byte(l.BeaconValue), make([]line.Entry, len(l.Entries))
	for i, digits := range l.Entries {
		e, err := line.ParseHash(digits)
		if err != nil {
			return r, fmt.Errorf("entries: number %d: %w", i, err)
		}
		r.Entries[i] = line.Entry(e)
	}
	return r, nil
}

// line shows a sale's line, with ?entries=1 and the list of its draw.
func (h *Handler) line(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	return h.showLine(w, r, id, r.URL.Query().Get("entries") == "1")
}

func (h *Handler) showLine(w http.ResponseWriter, r *http.Request, id sale.ID, entries bool) error {
	v, err := h.stock.Survey(r.Context(), id)
	if err != nil {
		return err
	}
	l := v.Reading.Line
	if l == nil {
		return sale.Conflict("sale %s has no line", id)
	}
	d := Line{Sale: string(id), Joined: l.Joined, Front: l.Front, Frozen: l.Over, Drawn: l.Drawn, List: l.List, BeaconValue: l.BeaconValue}
	if v.Sale.DrawAt != 0 {
		d.Commitment, d.Beacon = v.Sale.LineSeed.Commitment(), v.Sale.Beacon
	}
	if l.Settled(&v.Sale) {
		d.Seed = string(v.Sale.LineSeed)
		if entries {
			// The list of a million has 67 MB. One that could not be kept is read from the places again, in pieces.
			if err := takeLong(w); err != nil {
				return err
			}
			list, _, err := draw.Entries(r.Context(), h.stock, &v.Sale, l)
			if err != nil {
				return err
			}
			for _, e := range list {
				d.Entries = append(d.Entries, line.Hash(e).String())
			}
		}
	}
	h.write(w, http.StatusOK, "application/json", d)
	return nil
}

// beacon records what the sale's beacon has published, once and for ever.
func (h *Handler) beacon(w http.ResponseWriter, r *http.Request) error {
	id, err := saleID(r)
	if err != nil {
		return err
	}
	var given struct {
		Value string `json:"value"`
	}
	if err := decode(r, &given); err != nil {
		return err
	}
	if n := len(given.Value); n == 0 || n > sale.MaxBeaconValueLength || !utf8.ValidString(given.Value) {
		return fmt.Errorf("%w: value: want 1 to %d bytes", errInput, sale.MaxBeaconValueLength)
	}
	v, err := h.stock.Survey(r.Context(), id)
	if err != nil {
		return err
	}
	if v.Sale.Beacon == "" {
		return sale.Conflict("sale %s names no beacon", id)
	}
	l, err := h.stock.Draw(r.Context(), id, sale.DrawBeacon, given.Value)
	if err != nil {
		return err
	}
	if l.BeaconValue == "" {
		return sale.Conflict("the list of sale %s is not published yet: record the beacon after it", id)
	}
	h.log.Info("beacon recorded", zap.String("sale", string(id)), zap.String("value", given.Value))
	return done(h.showLine(w, r, id, false))
}
