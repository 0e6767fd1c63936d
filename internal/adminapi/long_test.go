package adminapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/sale"

	"go.uber.org/zap"
)

// limited is an answer whose time the server limits.
type limited struct {
	*httptest.ResponseRecorder
	until time.Time // as the handler set it
}

func (l *limited) SetWriteDeadline(t time.Time) error {
	l.until = t
	return nil
}

// A list of a million has 67 MB, and is read in pieces: in the time that other answers have it was cut off.
func TestTheListOfADrawMayTakeLong(t *testing.T) {
	d := concert("s")
	d.Admission, d.DrawAt, d.LineSecret, d.LineSeed = sale.AdmitLine, noon, sale.NewSecret(), sale.NewSecret()
	s := with(open(d))
	s.line = &sale.Line{Joined: 3, Drawn: 3, Over: true, List: "11"}
	h, err := adminapi.New(s, func() sale.View { return s.heeded(nil) }, s.parts, tokens(token), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	h.Register(mux)
	for path, long := range map[string]bool{lineOfS: false, lineOfS + "?entries=1": true} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := &limited{ResponseRecorder: httptest.NewRecorder()}
		mux.ServeHTTP(w, r)
		if is := time.Until(w.until) > time.Minute; w.Code != http.StatusOK || is != long {
			t.Errorf("%s: got %d %s until %v, want more than a minute: %v", path, w.Code, w.Body, w.until, long)
		}
	}
}
