package adminapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

const creating = `{"id":"s","title":"Concert","currency":"EUR","total":100}`

var errLost = errors.New("LOST {s} event 7 was seen, the last is 3")

// direct has the API answer without a network, for tests in a bubble.
func direct(t *testing.T, s *stock, body string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := adminapi.New(s, nil, nil, tokens(token), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	h.Register(mux)
	r := httptest.NewRequest(http.MethodPost, "/admin/v1/sales", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

// looks has a stock count the surveys of a sale that nobody records, and do something at each.
func looks(look func(n int64, m *model.Sale) error) (*stock, *atomic.Int64) {
	var n atomic.Int64
	return &stock{unrecorded: true, before: func(call string, m *model.Sale) error {
		if !strings.HasPrefix(call, "survey") {
			return nil
		}
		return look(n.Add(1), m)
	}}, &n
}

func TestACreationReportsThatTheLedgerHasNotRecordedIt(t *testing.T) {
	s := &stock{wait: time.Nanosecond, unrecorded: true}
	server, logged := serveLogged(t, s)
	a := ask(t, server, "POST", "/admin/v1/sales", creating)
	if a.StatusCode != http.StatusCreated || a.document["recorded"] != false {
		t.Errorf("got %s %s, want 201 and that it is not recorded", a.Status, a.text)
	}
	if got := a.Header.Get("Warning"); !strings.Contains(got, "not selling until the ledger has recorded it") {
		t.Errorf("got Warning %q, want that it does not sell", got)
	}
	if n := logged.FilterMessageSnippet("does not sell until").Len(); n != 1 {
		t.Errorf("got %d lines logged of it, want 1", n)
	}
}

func TestACreationWaitsForTheLedger(t *testing.T) {
	s, asked := looks(func(n int64, m *model.Sale) error {
		if n < 3 {
			return nil
		}
		return m.Forget(m.Chain())
	})
	a := ask(t, serve(t, s, nil), "POST", "/admin/v1/sales", creating)
	if a.StatusCode != http.StatusCreated || a.document["recorded"] != true || a.Header.Get("Warning") != "" {
		t.Errorf("got %s %s, want 201, recorded and no warning", a.Status, a.text)
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("got %d surveys, want 3", n)
	}
}

// One look at a slow Redis timed out, and the creation was answered with 503 though the sale was
// opened and recorded a moment later.
func TestACreationLooksAgainAtASlowRedis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := errors.Join(sale.ErrUnknown, errors.New("i/o timeout"))
		s, _ := looks(func(n int64, m *model.Sale) error {
			if n < 3 {
				return slow
			}
			return m.Forget(m.Chain())
		})
		if got := direct(t, s, creating); got.Code != http.StatusCreated {
			t.Errorf("got %d %s, want 201", got.Code, got.Body)
		}
		for _, answer := range []error{sale.NoSale("read"), sale.Lost("read", errors.New("LOST"))} {
			s.failing("survey", answer)
			if begun := time.Now(); direct(t, s, creating).Code == http.StatusCreated || time.Since(begun) > 0 {
				t.Errorf("%v: waited %v, want it reported at once", answer, time.Since(begun))
			}
		}
		s.failing("survey", slow)
		begun := time.Now()
		if got := direct(t, s, creating); got.Code != http.StatusServiceUnavailable || time.Since(begun) < 5*time.Second {
			t.Errorf("got %d after %v of a Redis that stays away, want 503 after 5s", got.Code, time.Since(begun))
		}
	})
}

// The wait is five seconds, and no more.
func TestACreationWaitsFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stock{unrecorded: true}
		begun := time.Now()
		if got := direct(t, s, creating); got.Code != http.StatusCreated {
			t.Errorf("got %d %s, want 201", got.Code, got.Body)
		}
		if took := time.Since(begun); took < 5*time.Second || took > 5100*time.Millisecond {
			t.Errorf("got an answer after %v, want it after 5s", took)
		}
	})
}

// Redis came back empty, a deploy script created the sale again, and all that had been
// sold was sold once more.
func TestASaleIsNeverOpenedTwice(t *testing.T) {
	t.Run("where the ledger finds that it knows another of that id", func(t *testing.T) {
		s, _ := looks(func(n int64, m *model.Sale) error {
			if n > 2 {
				m.Shut("the ledger knows another sale of this id")
			}
			return nil
		})
		a := ask(t, serve(t, s, nil), "POST", "/admin/v1/sales", creating)
		wantProblem(t, a, http.StatusConflict, "conflict")
		for _, want := range []string{"opened before", "the ledger knows another sale of this id", "onsale reconcile s"} {
			if detail := a.document["detail"].(string); !strings.Contains(detail, want) {
				t.Errorf("got %q, want %q in it", detail, want)
			}
		}
	})
	t.Run("where it is shut already", func(t *testing.T) {
		s := with(open(concert("s")))
		s.sales["s"].Shut(errLost.Error())
		a := ask(t, serve(t, s, nil), "POST", "/admin/v1/sales", creating)
		wantProblem(t, a, http.StatusServiceUnavailable, "sale-lost")
	})
}

func TestASaleThatLostDataIsShownWithTheReason(t *testing.T) {
	s := with(rush("s"))
	s.sales["s"].Shut("event 7 was seen, the last is 3")
	a := ask(t, serve(t, s, nil), "GET", "/admin/v1/sales/s", "")
	if a.StatusCode != http.StatusOK || a.document["lost"] != "event 7 was seen, the last is 3" {
		t.Errorf("got %s %s, want 200 and why it is lost", a.Status, a.text)
	}
	wantProblem(t, ask(t, serve(t, s, nil), "POST", "/admin/v1/sales/s/close", ""), http.StatusServiceUnavailable, "sale-lost")
}
