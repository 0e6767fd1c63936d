package board

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed page
var files embed.FS

// policy lets the page load what this folder has, and nothing from anywhere else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// Register adds the board to an admin port.
func (b *Board) Register(mux *http.ServeMux) {
	RegisterPage(mux, "", nil)
	same := http.NewCrossOriginProtection()
	mux.HandleFunc("GET /board/session", b.showSession)
	mux.Handle("POST /board/session", same.Handler(http.HandlerFunc(b.begin)))
	mux.Handle("DELETE /board/session", same.Handler(http.HandlerFunc(b.end)))
	mux.HandleFunc("GET /board/events", func(w http.ResponseWriter, r *http.Request) {
		if !b.open(r, time.Now()) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="onsale-admin"`)
			http.Error(w, "open /board and give it the admin token, or send Authorization: Bearer with it", http.StatusUnauthorized)
			return
		}
		b.events(w, r)
	})
}

// RegisterPage adds the page alone, which has no secrets. more is a script of the caller's that the page loads as well, by
// its name beside the others, and its text; "" is none.
func RegisterPage(mux *http.ServeMux, more string, script []byte) {
	page, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // it is embedded
	}
	serve := func(name string, text []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy", policy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Cache-Control", "no-cache") // an upgraded allocator has another page
			http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
		}
	}
	_ = fs.WalkDir(page, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			panic(err)
		}
		if d.IsDir() {
			return nil
		}
		text, err := fs.ReadFile(page, name)
		if err != nil {
			panic(err)
		}
		if name == "index.html" {
			if more != "" {
				text = bytes.Replace(text, []byte("</head>"), fmt.Appendf(nil, "<script type=\"module\" src=\"board/%s\"></script>\n</head>", more), 1)
			}
			mux.HandleFunc("GET /board", serve(name, text))
			return nil
		}
		mux.HandleFunc("GET /board/"+path.Base(name), serve(name, text))
		return nil
	})
	if more != "" {
		mux.HandleFunc("GET /board/"+more, serve(more, script))
	}
}
