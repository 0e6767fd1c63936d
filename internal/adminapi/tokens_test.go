package adminapi_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
)

// A new token had every program and every operator change at the same moment.
func TestTokensAreRotatedOneAfterTheOther(t *testing.T) {
	first, second := strings.Repeat("1", 32), strings.Repeat("2", 32)
	all, err := adminapi.ParseTokens("# of May\n" + first + "\n\n  " + second + "\r\n")
	if err != nil || !slices.Equal(all, adminapi.Tokens{first, second}) || all.First() != first {
		t.Fatalf("got %q, %v, want both, the first one first", all, err)
	}
	h, err := adminapi.New(&stock{}, nil, nil, all, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	h.Register(mux)
	for token, want := range map[string]int{
		first: http.StatusOK, second: http.StatusOK, first + "\n" + second: http.StatusUnauthorized, first + second: http.StatusUnauthorized,
		first[1:]: http.StatusUnauthorized, "# of May": http.StatusUnauthorized, "": http.StatusUnauthorized,
	} {
		r := httptest.NewRequest("GET", "/admin/v1/sales", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		if mux.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%q: got %d, want %d", token, w.Code, want)
		}
	}
}

func TestFaultyTokensAreNamedByTheirLine(t *testing.T) {
	long := strings.Repeat("secret", 5)
	for text, want := range map[string]string{
		"": "got 0", "# nothing\n": "got 0", "short": "token 1", long + "\nshort": "token 2", long + "\n" + long: "line 2",
		strings.Join([]string{long + "1", long + "2", long + "3", long + "4", long + "5", long + "6", long + "7", long + "8", long + "9"}, "\n"): "got 9",
	} {
		if _, err := adminapi.ParseTokens(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.40q: got %v, want an error with %q and without the token", text, err, want)
		}
	}
}
