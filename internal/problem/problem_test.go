package problem_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"onsale/internal/problem"
)

func TestADocumentHasWhatTheTableHas(t *testing.T) {
	for detail, want := range map[string]string{"": problem.SoldOut.Detail, `with "quotes"`: `with "quotes"`} {
		w := httptest.NewRecorder()
		if err := problem.SoldOut.Write(w, detail); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Type, Title, Code, Detail string
			Status                    int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
		if got.Type != problem.TypeBase+"sold-out" || got.Title != "Sold out" || got.Code != "sold-out" || got.Status != 409 || got.Detail != want {
			t.Errorf("got %+v", got)
		}
		if w.Code != 409 || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Retry-After") != "" {
			t.Errorf("got status %d and headers %v", w.Code, w.Header())
		}
	}
	w := httptest.NewRecorder()
	if err := problem.Busy.Write(w, ""); err != nil || w.Header().Get("Retry-After") != "1" {
		t.Errorf("got %v, Retry-After %q, want 1 where waiting helps", err, w.Header().Get("Retry-After"))
	}
}
