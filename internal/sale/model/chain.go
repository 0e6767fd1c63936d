package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"onsale/internal/sale"
)

// ring is how many links Redis keeps.
const ring = sale.LinksKept

// append adds an event to the chain; payload is what its link covers, names and
// values in turn, or a single text.
func (m *Sale) append(e sale.Event, payload ...string) {
	e.Covered = strings.Join(payload, "\n")
	m.mark = m.mark.Next(e.Covered)
	e.At, e.Mark, e.ID = m.Now, m.mark, fmt.Sprintf("%d-%d", m.Now, m.mark.Seq)
	m.events = append(m.events, e)
}

// AppendUnknown appends an event of a kind that this version does not know, as a later one
// may write: it changes nothing.
func (m *Sale) AppendUnknown(kind string) { m.append(sale.Event{}, kind) }

// Chain is how far the sale's events go.
func (m *Sale) Chain() sale.Chain { return sale.Chain{Life: m.life, Mark: m.mark} }

// Read is the last event that a ledger has committed.
func (m *Sale) Read() int64 { return m.read }

// Lost is why the sale is shut, or "".
func (m *Sale) Lost() string { return m.lost }

// Events are all events of this epoch, oldest first.
func (m *Sale) Events() []sale.Event { return slices.Clone(m.events) }

// Stream are the events that no ledger has committed, oldest first.
func (m *Sale) Stream() []sale.Event {
	return slices.DeleteFunc(m.Events(), func(e sale.Event) bool { return e.Mark.Seq <= m.read })
}

// Page is a page of the stream, as remotestock's Page. It reads a sale that is shut.
func (m *Sale) Page(after string, limit int) sale.Page {
	stream := m.Stream()
	p := sale.Page{At: m.Now, Chain: m.Chain(), Read: m.read, Lost: m.lost, Waiting: int64(len(stream))}
	if i := slices.IndexFunc(stream, func(e sale.Event) bool { return e.ID == after }); i >= 0 {
		stream = stream[i+1:]
	}
	p.Events = stream[:min(limit, len(stream))]
	return p
}

// See compares the sale with a mark that somebody has seen; the zero Mark is none.
// Where the sale is behind it, or has other content under it, the sale is shut from
// now on. The error is [sale.ErrLost] where it is shut, also from before.
func (m *Sale) See(seen sale.Mark) error {
	if m.lost == "" && seen != (sale.Mark{}) {
		if m.lost = m.behind(seen); m.lost != "" {
			m.witness = seen
		}
	}
	if m.lost != "" {
		return m.shut()
	}
	return nil
}

func (m *Sale) behind(seen sale.Mark) string {
	switch link, known := m.linkAt(seen.Seq); {
	case seen.Epoch < m.mark.Epoch && seen.Seq <= m.base:
		return ""
	case seen.Epoch < m.mark.Epoch:
		return fmt.Sprintf("event %d of epoch %d was seen, epoch %d began after %d", seen.Seq, seen.Epoch, m.mark.Epoch, m.base)
	case seen.Epoch > m.mark.Epoch:
		return fmt.Sprintf("epoch %d was seen, this is %d", seen.Epoch, m.mark.Epoch)
	case seen.Seq > m.mark.Seq:
		return fmt.Sprintf("event %d was seen, the last is %d", seen.Seq, m.mark.Seq)
	case known && link != seen.Link:
		return fmt.Sprintf("event %d is another than was seen", seen.Seq)
	}
	return ""
}

// linkAt is the link of an event, and whether Redis can know it.
func (m *Sale) linkAt(seq int64) (link string, known bool) {
	if seq < 1 || seq > m.mark.Seq || seq <= m.mark.Seq-ring {
		return "", false
	}
	for _, e := range m.events {
		if e.Mark.Seq == seq {
			return e.Mark.Link, true
		}
	}
	return "", true // of an epoch before: nothing is kept of it
}

// links are the links of this epoch's last events, in the ring that Redis keeps: see
// [sale.Snapshot.LinkAt].
func (m *Sale) links() string {
	var b []byte
	for _, e := range m.events {
		at := int(e.Mark.Seq%ring) * sale.LinkLength
		for len(b) < at+sale.LinkLength {
			b = append(b, 0)
		}
		copy(b[at:], e.Mark.Link)
	}
	return string(b)
}

// Shut marks the sale as having lost data.
func (m *Sale) Shut(why string) {
	if m.lost == "" {
		m.lost = why
	}
}

func (m *Sale) shut() error {
	return fmt.Errorf("%w: %w: %s", sale.ErrLost, sale.ErrUnavailable, m.lost)
}

// Forget takes the events that a ledger has committed from the stream. Where it has
// committed others than these, the sale is shut. A chain of an earlier epoch is
// from before the sale was reconciled, and changes nothing.
func (m *Sale) Forget(committed sale.Chain) error {
	if m.lost != "" {
		return m.shut()
	}
	link, known := m.linkAt(committed.Seq)
	switch {
	case committed.Life == m.life && committed.Epoch < m.mark.Epoch:
		return nil
	case committed.Life != m.life, committed.Epoch > m.mark.Epoch, committed.Seq > m.mark.Seq, known && link != committed.Link:
		m.lost = fmt.Sprintf("the ledger has committed another event %d", committed.Seq)
		return m.shut()
	}
	m.read = max(m.read, committed.Seq)
	return nil
}

// Adopt replaces the sale by records that were reconciled: a new epoch begins, with
// one event; of a buyer's ended orders the last three stay. chain has the life, the epoch that begins, and the last event of any
// record. Fence names the reconciliation.
func (m *Sale) Adopt(r sale.Records, chain sale.Chain, fence string) {
	r = r.Clone()
	m.definition, m.closed = r.Sale, r.Sale.Closed
	m.definition.Total = r.Opened
	m.orders, m.payments, m.restocks = r.Orders, r.Payments, r.Restocks
	m.life, m.lost, m.witness, m.read, m.events = chain.Life, "", sale.Mark{}, 0, nil
	m.stock = max(m.stock+1, sale.Generation(m.Now))
	m.ended, m.past, m.lapsed = map[sale.OrderID]int64{}, nil, r.Lapsed()
	later := map[sale.Buyer]int{}
	for _, o := range slices.Backward(slices.SortedFunc(maps.Values(m.orders), byAge)) {
		if o.State.Live() {
			continue
		}
		if later[o.Buyer]++; later[o.Buyer] > kept { // the ledger has it, and shows it
			delete(m.orders, o.ID)
			continue
		}
		m.ended[o.ID], m.past = chain.Seq, append([]sale.OrderID{o.ID}, m.past...)
	}
	m.mark, m.base = sale.Mark{Epoch: chain.Epoch, Seq: chain.Seq, Link: chain.Life}, chain.Seq
	m.append(sale.Event{Reconciled: fence}, "reconciled", fence)
}
