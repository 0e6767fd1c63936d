package compose

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"onsale/internal/pause"
)

const (
	// asked is after how long allocators know that buyers ask for a sale: nodes publish that every three seconds.
	asked = 6 * time.Second
	// forgotten is after how long Nginx has no answer of a node any more.
	forgotten = 3 * time.Second
)

// soldOut sells a sale out, and pauses all nodes: from then on each Nginx can answer only by the leases that its allocator writes
// into the volume of the two.
func (t *test) soldOut(ctx context.Context) (err error) {
	const few = "few"
	t.log("sold out, without a node")
	p := t.project
	if err := errors.Join(p.open(ctx, few, 2), p.awaitKnown(ctx, few)); err != nil {
		return err
	}
	b := newBuyers(t.buyers.issuer, few, perSecond)
	for _, addr := range p.fronts {
		var last error
		if _, err := await(ctx, 30*time.Second, addr+" answers sold out", func(ctx context.Context) bool {
			last = b.refused(ctx, addr)
			return last == nil
		}); err != nil {
			return fmt.Errorf("%w: %w", err, last)
		}
	}
	if !pause.For(ctx, asked) {
		return ctx.Err()
	}
	nodes, err := p.containers(ctx, "node")
	if err != nil {
		return err
	}
	if _, err := docker(ctx, append([]string{"pause"}, nodes...)...); err != nil {
		return err
	}
	defer func() {
		_, failed := docker(context.WithoutCancel(ctx), append([]string{"unpause"}, nodes...)...)
		err = errors.Join(err, failed)
	}()
	if !pause.For(ctx, forgotten) {
		return ctx.Err()
	}
	for _, addr := range p.fronts {
		if err := b.refused(ctx, addr); err != nil {
			return fmt.Errorf("%s, without a node: %w", addr, err)
		}
	}
	return nil
}

// refused is nil if another buyer is answered that the sale is sold out.
func (b *buyers) refused(ctx context.Context, addr string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_, request, err := b.next()
	if err != nil {
		return err
	}
	a, err := send(conn, bufio.NewReader(conn), request)
	if err == nil && (a.status != http.StatusConflict || a.Code != "sold-out") {
		err = fmt.Errorf("got %d %s, want sold-out", a.status, a.Code)
	}
	return err
}
