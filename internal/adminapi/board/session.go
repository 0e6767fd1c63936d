package board

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// sessionCookie is good for the board alone. It is made of a token and is no token, because a browser sends it to every port
	// of the host.
	sessionCookie = "onsale_board"
	// sessionLives is for how long a browser need not be given the token again. Raised, a lost one can look for longer; lowered,
	// a screen on a wall asks for the token more often.
	sessionLives = 7 * 24 * time.Hour
	cookiePath   = "/board"
)

// session is the cookie's value: until when it is good, and a proof that whoever made it has the token.
func session(token string, until time.Time) string {
	expires := strconv.FormatInt(until.Unix(), 10)
	return expires + "." + hex.EncodeToString(sessionProof(token, expires))
}

func sessionProof(token, expires string) []byte {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("onsale board session until " + expires))
	return mac.Sum(nil)
}

// open reports whether the request has a session that is good now. A token that is taken out of the file ends the sessions
// that were made of it.
func (b *Board) open(r *http.Request, now time.Time) bool {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		return strings.EqualFold(scheme, "Bearer") && b.known(token) != ""
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return false
	}
	expires, proof, _ := strings.Cut(c.Value, ".")
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || now.Unix() >= seconds || seconds > now.Add(sessionLives).Unix() {
		return false
	}
	given, err := hex.DecodeString(proof)
	if err != nil {
		return false
	}
	same := false
	for _, token := range b.tokens { // all of them, whichever fits
		if hmac.Equal(given, sessionProof(token, expires)) {
			same = true
		}
	}
	return same
}

// known returns the operators' token that is the same as this one, or "". It takes the same time whichever it is, and wherever
// it differs.
func (b *Board) known(token string) (found string) {
	given := sha256.Sum256([]byte(token))
	for _, t := range b.tokens {
		sum := sha256.Sum256([]byte(t))
		if hmac.Equal(given[:], sum[:]) {
			found = t
		}
	}
	return found
}

// showSession answers whether the browser may look, so that a page can ask without an error.
func (b *Board) showSession(w http.ResponseWriter, r *http.Request) {
	b.reply(w, http.StatusOK, b.open(r, time.Now()))
}

// begin takes the token and answers with a session.
func (b *Board) begin(w http.ResponseWriter, r *http.Request) {
	var given struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&given); err != nil {
		http.Error(w, "send the admin token: {\"token\": \"...\"}", http.StatusUnprocessableEntity)
		return
	}
	now := time.Now()
	token := b.known(strings.TrimSpace(given.Token))
	if token == "" {
		b.reply(w, http.StatusOK, false)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: session(token, now.Add(sessionLives)), Path: cookiePath, MaxAge: int(sessionLives.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	b.reply(w, http.StatusOK, true)
}

// end has the browser forget its session.
func (b *Board) end(w http.ResponseWriter, _ *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: cookiePath, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	b.reply(w, http.StatusOK, false)
}

func (b *Board) reply(w http.ResponseWriter, status int, open bool) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(encoded(map[string]bool{"open": open})) // a browser that hangs up needs no answer
}
