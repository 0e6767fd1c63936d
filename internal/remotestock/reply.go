package remotestock

import (
	"fmt"
	"strconv"
	"time"

	"onsale/internal/sale"
)

// reply is what a script of a sale sent back, names and values in turn: its
// header, decoded, and the rest.
type reply struct {
	reading sale.Reading
	now     sale.Instant // the time that the script went by
	clock   sale.Instant // Redis's own, which may have been set
	mark    sale.Mark
	lost    string // why the sale is shut, of scripts that read one that is
	rest    []any  // names and values in turn
}

// parse reads a reply. It tolerates names that it does not know: a later
// version's scripts may return more.
func parse(raw []any, sent time.Time) (reply, error) {
	r := reply{rest: make([]any, 0, len(raw))}
	r.reading.Sent = sent
	var h header
	if len(raw)%2 != 0 {
		return reply{}, fmt.Errorf("%w: %d elements, want names and values", ErrReply, len(raw))
	}
	for i := 0; i < len(raw); i += 2 {
		name, ok := raw[i].(string)
		if !ok {
			return reply{}, fmt.Errorf("%w: element %d is a %T, want a name", ErrReply, i, raw[i])
		}
		switch name {
		case "link":
			r.mark.Link, _ = raw[i+1].(string)
			continue
		case "share":
			h.share, h.replanned = raw[i+1].(string)
			continue
		case "lost":
			r.lost, _ = raw[i+1].(string)
		}
		into := h.field(name)
		if into == nil {
			r.rest = append(r.rest, raw[i], raw[i+1])
			continue
		}
		if *into, ok = raw[i+1].(int64); !ok {
			return reply{}, fmt.Errorf("%w: %s is a %T, want an integer", ErrReply, name, raw[i+1])
		}
		h.found++
	}
	return r, r.take(h)
}

// header is what every reply opens with.
type header struct {
	now, remaining, stock, plan, epoch, seq int64
	replanned                               bool // the plan is newer than the caller's:
	share                                   string
	claimed                                 int64
	found                                   int
}

func (h *header) field(name string) *int64 {
	switch name {
	case "now":
		return &h.now
	case "remaining":
		return &h.remaining
	case "stock":
		return &h.stock
	case "plan":
		return &h.plan
	case "epoch":
		return &h.epoch
	case "seq":
		return &h.seq
	case "claimed":
		return &h.claimed
	}
	return nil
}

func (r *reply) take(h header) error {
	const always = 6
	if h.found < always || r.mark.Link == "" {
		return fmt.Errorf("%w: the header is not whole", ErrReply)
	}
	if h.now <= 0 || h.stock <= 0 || h.plan < 0 || h.claimed < 0 || h.epoch < 1 || h.seq < 1 {
		return fmt.Errorf("%w: the header %+v is out of range", ErrReply, h)
	}
	r.mark.Epoch, r.mark.Seq = h.epoch, h.seq
	r.now, r.reading.Remaining = sale.Instant(h.now), h.remaining
	r.reading.Stock, r.reading.Plan = sale.Generation(h.stock), sale.Generation(h.plan)
	if h.replanned {
		share := sale.DecodeShare(h.share)
		share.Claimed = h.claimed
		r.reading.Allotment = share.Left(r.reading.Plan)
	}
	return nil
}

// value returns what the reply holds under a name.
func (r reply) value(name string) (any, error) {
	for i := 0; i+1 < len(r.rest); i += 2 {
		if r.rest[i] == name {
			return r.rest[i+1], nil
		}
	}
	return nil, fmt.Errorf("%w: %s is missing", ErrReply, name)
}

func (r reply) text(name string) (string, error) {
	v, err := r.value(name)
	if err != nil {
		return "", err
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%w: %s is a %T, want a string", ErrReply, name, v)
	}
	return s, nil
}

// number accepts an integer or one in decimal text.
func (r reply) number(name string) (int64, error) {
	v, err := r.value(name)
	if err != nil {
		return 0, err
	}
	return number(name, v)
}

func number(name string, v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: %s is %v, want an integer", ErrReply, name, v)
}

func (r reply) list(name string) ([]any, error) {
	v, err := r.value(name)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: %s is a %T, want a list", ErrReply, name, v)
	}
	return list, nil
}

// texts returns a list of strings.
func (r reply) texts(name string) ([]string, error) {
	list, err := r.list(name)
	if err != nil {
		return nil, err
	}
	return texts(list)
}

// texts is a list of strings in a script's reply.
func texts(raw any) ([]string, error) {
	list, ok := raw.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: a %T, want a list", ErrReply, raw)
	}
	out := make([]string, len(list))
	for i, v := range list {
		if out[i], ok = v.(string); !ok {
			return nil, fmt.Errorf("%w: element %d is a %T, want a string", ErrReply, i, v)
		}
	}
	return out, nil
}
