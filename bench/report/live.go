package report

import (
	"fmt"
	"io"
	"sync"

	"github.com/cheggaaa/pb/v3"
)

// barTemplate leaves the step's name for last: it is what may be cut off.
const barTemplate = `{{counters . }} {{bar . }} {{percent . }} {{etime . }} {{string . "what"}}`

// wipe returns to the start of the terminal's line, and empties it.
const wipe = "\r\x1b[K"

// Live shows how far a comparison is: with a progress bar where a person watches, and
// in plain lines elsewhere, so that a log stays readable. It may be used by several
// goroutines and starts none: the bar is drawn anew with each step and row.
type Live struct {
	w io.Writer

	mu    sync.Mutex
	bar   *pb.ProgressBar // nil where nobody watches, before Begin and after End
	total int
	step  int // the one under way, from 1
}

// NewLive shows on w, usually standard error: standard output is for results.
func NewLive(w io.Writer) *Live { return &Live{w: w} }

// Begin sets how many steps follow.
func (l *Live) Begin(total int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total, l.step = total, 0
	if terminal(l.w) {
		l.bar = pb.New(total).SetWriter(l.w).SetTemplateString(barTemplate).Set(pb.Static, true).Start()
	}
}

// Step shows that the next step begins, and what it is. The ones before it are done.
func (l *Live) Step(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.step++
	if l.bar == nil {
		fmt.Fprintf(l.w, "[%d/%d] %s\n", l.step, l.total, plain(what))
		return
	}
	l.bar.SetCurrent(int64(l.step-1)).Set("what", plain(what)).Write()
}

// Row shows what came of a run.
func (l *Live) Row(r Row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bar == nil {
		fmt.Fprintln(l.w, line(r, false))
		return
	}
	fmt.Fprintln(l.w, wipe+line(r, colored(l.w)))
	l.bar.Write()
}

// End takes the bar away, also that of a comparison that was broken off. It may be
// called twice.
func (l *Live) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bar != nil {
		fmt.Fprint(l.w, wipe)
		l.bar = nil
	}
}

// line is the row in one line.
func line(r Row, color bool) string {
	head := plain(fmt.Sprintf("%s, %s: ", r.Strategy, Group{Phase: r.Phase, Loop: r.Loop, Offered: r.Offered}.Heading()))
	if r.Invalid() {
		return red(head+"INVALID: "+plain(r.Faults[0]), color)
	}
	figures := fmt.Sprintf("%s served a second, p99 %s ms, %s served", decimal(r.Throughput()), millis(r.Decisive(), r.Decisive().P99), percent(r.Served()))
	if r.GeneratorBusy >= Saturated {
		figures += ", generator saturated"
	}
	return head + figures
}
