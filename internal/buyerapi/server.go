package buyerapi

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"onsale/internal/problem"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

// Limits of what a buyer may send: what Nginx lets through. A purchase needs
// some hundred bytes. Below Nginx's own limits a node would hang up on it with
// bytes under way; above them nothing arrives.
const (
	maxBody   = 8 << 10
	maxHeader = 8 << 10
)

// slowFor is how long a client may take to send a request or to read an answer. Nginx sends whole requests, and reads answers at
// once. Raised, slow clients that get past Nginx hold their connections for longer; lowered, a node that stands still for a moment
// cuts off Nginx.
const slowFor = 10 * time.Second

// silentFor is how long a connection may be silent before its first request: as long as between two of them, as
// clients open connections ahead.
const silentFor = time.Minute

// NewServer makes the fasthttp server of a handler. idle is how long a
// keep-alive connection may be silent: longer than Nginx keeps its own, so
// that Nginx is the one to close, never the node while a request is on its way.
func NewServer(h *Handler, idle time.Duration) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:               h.Serve,
		Name:                  "onsale",
		ReadTimeout:           min(slowFor, idle), // applied only to a request that is not whole at once, see conn
		WriteTimeout:          min(slowFor, idle),
		IdleTimeout:           idle,
		MaxRequestBodySize:    maxBody,
		ReadBufferSize:        maxHeader,
		CloseOnShutdown:       true,
		NoDefaultContentType:  true,
		ErrorHandler:          h.unreadable,
		SecureErrorLogMessage: true,
		Logger:                quiet{h.log},
		// Nobody asks a request for its time, so nobody reads the clock for it.
		LazyRequestTime: true,
		// Orders are JSON. A form is refused like any other body, not unpacked.
		DisablePreParseMultipartForm: true,
	}
}

// Door counts the buyers' connections and lets in as many as there are places. Where the process has no file descriptor left
// for a buyer it waits: some come free. fasthttp takes the error for the listener's end, and so too many
// connections would end the node.
//
// Its connections are patient too: fasthttp sets three deadlines per request, which is a
// twentieth of what a sold-out answer costs. Here a deadline is only moved forward once it
// is a second behind, so a timeout may come up to a second early; and it is moved back, from that of an idle connection to
// that of a request, only when a request turns out not to have come whole.
type Door struct {
	most  int
	open  atomic.Int64
	short atomic.Int64 // when a buyer was last turned away, in Unix nanoseconds
	away  chan struct{}
	// refusals are those that may be answered.
	refusals *rate.Limiter
}

// refusalsPerSecond is how many connections are answered that find no place. The others wait in the kernel's queue, which costs
// nothing; an answer costs as much as a sale. Raised, a flood of connections keeps the node from
// selling; lowered, Nginx waits longer before it asks another node.
const refusalsPerSecond = 2000

// NewDoor makes a door with so many places; 0 means no bound.
func NewDoor(most int) *Door {
	return &Door{most: most, away: make(chan struct{}, 1), refusals: rate.NewLimiter(refusalsPerSecond, refusalsPerSecond/10)}
}

// shortFor is how long after the last buyer who found no place the door counts as short. Raised, a node stays out of the
// upstream longer than it has to; lowered, it comes and goes during a rush.
const shortFor = 2 * time.Second

// Short reports whether buyers found no place, or no file descriptor, a moment ago.
func (d *Door) Short() bool {
	at := d.short.Load()
	return at != 0 && time.Since(time.Unix(0, at)) < shortFor
}

// TurnedAway is signalled when a buyer found no place; several since the last signal are one.
func (d *Door) TurnedAway() <-chan struct{} { return d.away }

// turnAway notes that a buyer found no place.
func (d *Door) turnAway() {
	d.short.Store(time.Now().UnixNano())
	select {
	case d.away <- struct{}{}:
	default:
	}
}

// Open is how many connections there are, and Most how many there may be.
func (d *Door) Open() int { return int(d.open.Load()) }

// Most is how many connections there may be; 0 means no bound.
func (d *Door) Most() int { return d.most }

// full reports whether there is no place for another connection.
func (d *Door) full() bool { return d.most > 0 && d.open.Load() >= int64(d.most) }

// At puts the door before a listener.
func (d *Door) At(l net.Listener) net.Listener { return patient{l, d} }

// Patient is a door without a bound.
func Patient(l net.Listener) net.Listener { return NewDoor(0).At(l) }

type patient struct {
	net.Listener
	door *Door
}

// full is what a connection gets for which there is no place. Nginx passes it on: an answer of a
// node is not retried.
var full = func() []byte {
	body := append(problem.Busy.Document("Too many connections. Nothing was done, but by an earlier try if Nginx adds Onsale-Retried: then ask for your order first. Try again in a moment."), '}')
	return append([]byte("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n"+
		"Connection: close\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"), body...)
}()

// Accept implements net.Listener.
func (p patient) Accept() (net.Conn, error) {
	d := p.door
	for {
		if d.full() && !d.refusals.Allow() {
			d.turnAway()
			time.Sleep(time.Millisecond)
			continue
		}
		c, err := p.Listener.Accept()
		switch {
		case err == nil && (d.open.Add(1) <= int64(d.most) || d.most == 0):
			admitted := &conn{Conn: c, door: d}
			_ = admitted.SetReadDeadline(time.Now().Add(silentFor)) // if it is closed already, its first read shows that
			return admitted, nil
		case err == nil:
			d.open.Add(-1)
			d.turnAway()                                                  // before the client knows
			_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)) // its buffer is empty, so this waits for nobody
			_, _ = c.Write(full)
			_ = c.Close()
			continue
		case !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE):
			return nil, err
		}
		d.turnAway()
		time.Sleep(10 * time.Millisecond)
	}
}

// quiet takes fasthttp's own log, a line for each connection that breaks: at
// any louder level anybody could fill the disk. Answers are counted instead.
type quiet struct{ log *zap.Logger }

// Printf implements fasthttp.Logger.
func (q quiet) Printf(format string, args ...any) {
	if entry := q.log.Check(zap.DebugLevel, "fasthttp"); entry != nil {
		entry.Write(zap.String("text", fmt.Sprintf(format, args...)))
	}
}

// unreadable answers what fasthttp could not read as a request.
func (h *Handler) unreadable(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var network net.Error
	a := BadRequest
	switch {
	case errors.As(err, &small):
		a = HeaderTooLarge
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		a = BodyTooLarge
	case errors.As(err, &network) && network.Timeout():
		a = RequestTimeout
	}
	writeProblem(ctx, a)
	ctx.SetConnectionClose()
	if h.hooks.Answered != nil {
		h.hooks.Answered(Elsewhere, a, time.Time{})
	}
}
