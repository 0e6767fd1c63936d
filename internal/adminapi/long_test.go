package adminapi_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
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
	zeros := sha256.Sum256(make([]byte, 32)) // of the entries that are kept
	s.line = &sale.Line{Joined: 1, Drawn: 1, Over: true, List: hex.EncodeToString(zeros[:])}
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
