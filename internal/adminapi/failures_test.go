package adminapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// onsale top asks every second: a fault that lasts must not make a line each time.
func TestCallsThatFailAreLoggedWhenThatBeginsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := with(rush("good"), rush("lost"))
		s.others = &adminapi.Parts{}
		away := false
		s.before = func(_ string, m *model.Sale) error {
			switch {
			case away:
				return sale.ErrUnavailable
			case m != nil && m.Definition().ID == "lost":
				return errors.New("a fault")
			}
			return nil
		}
		core, logged := observer.New(zap.InfoLevel)
		h, err := adminapi.New(s, func() sale.View { return nil }, s.parts, adminapi.Tokens{token}, zap.New(core))
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		h.Register(mux)
		get := func(path string, want int) {
			t.Helper()
			r, w := httptest.NewRequest("GET", "/admin/v1"+path, nil), httptest.NewRecorder()
			r.Header.Set("Authorization", "Bearer "+token)
			if mux.ServeHTTP(w, r); w.Code != want {
				t.Errorf("%s: got %d: %s, want %d", path, w.Code, w.Body, want)
			}
		}
		var lines []string
		since := func(what string, want ...string) {
			t.Helper()
			lines = nil
			for _, e := range logged.TakeAll() {
				lines = append(lines, e.Level.String()+" "+e.Message+" "+e.ContextMap()["code"].(string))
			}
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Errorf("%s: lines (-want +got):\n%s", what, diff)
			}
		}
		const begins, over = "warn admin calls fail, or are answered in part ", "info admin calls succeed again "

		for range 300 { // five minutes of calls, of which every other one fails, and lists that lack a sale
			get("/sales/lost", http.StatusInternalServerError)
			get("/sales/good", http.StatusOK)
			get("/sales", http.StatusOK)
			time.Sleep(time.Second)
		}
		since("one sale can't be read", begins+"internal")

		away, s.others = true, nil
		for range 300 {
			get("/sales/good", http.StatusServiceUnavailable)
			get("/nodes", http.StatusOK)
			get("/sales/unknown%20id", http.StatusUnprocessableEntity)
			time.Sleep(time.Second)
		}
		since("Redis is away, and nobody asks for the broken sale", begins+"store-unavailable", over+"internal")

		away, s.others = false, &adminapi.Parts{}
		for range 59 {
			get("/sales/good", http.StatusOK)
			time.Sleep(time.Second)
		}
		since("for less than a minute")
		time.Sleep(2 * time.Second)
		get("/sales/unknown%20id", http.StatusUnprocessableEntity)
		since("a call that proves nothing")
		get("/sales/good", http.StatusOK)
		since("after a minute", over+"store-unavailable")
		get("/sales/lost", http.StatusInternalServerError)
		since("again", begins+"internal")
	})
}
