package apidoc

import (
	"bytes"
	"io"
	"net/http"
)

// Watch serves h, and checks each of its answers.
func (c *Checks) Watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent bytes.Buffer
		if r.Body != nil {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.TeeReader(r.Body, &sent), r.Body}
		}
		answer := &watched{ResponseWriter: w, status: http.StatusOK}
		target := r.RequestURI
		h.ServeHTTP(answer, r)
		if r.Method != http.MethodHead {
			c.Seen(Exchange{Method: r.Method, Target: target, RequestBody: sent.String(), Status: answer.status, Header: w.Header(), Body: answer.body.Bytes()})
		}
	})
}

// watched keeps what is written to it.
type watched struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(b []byte) (int, error) {
	w.body.Write(b)
	return w.ResponseWriter.Write(b)
}

// Unwrap lets an http.ResponseController reach the writer.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
