package browser

import "github.com/chromedp/cdproto/page"

// Before has a script run in every page of the window before the page's own.
func (w *Window) Before(script string) {
	w.t.Helper()
	w.do(call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}))
}
