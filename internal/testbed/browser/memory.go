package browser

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Memory is what a page has, once its garbage is collected.
type Memory struct {
	Heap      float64 // bytes of JavaScript's heap in use
	Nodes     int64   // of the DOM
	Listeners int64   // of events
}

// Memory collects garbage and counts what is left.
func (w *Window) Memory() (m Memory) {
	w.t.Helper()
	w.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
			return err
		}
		heap, err := cdp.Call(ctx, target, runtime.GetHeapUsage, cdp.Empty{})
		if err != nil {
			return err
		}
		dom, err := cdp.Call(ctx, target, memory.GetDOMCounters, cdp.Empty{})
		if err != nil {
			return err
		}
		m = Memory{Heap: heap.UsedSize, Nodes: dom.Nodes, Listeners: dom.JsEventListeners}
		return nil
	}))
	return m
}
