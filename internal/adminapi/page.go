package adminapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"onsale/internal/sale"
)

// pageSize is how many entries a list has if the request sets no limit.
const pageSize = 100

// page is the part of a list that a request asks for.
type page struct {
	after string
	limit int
}

// pageWanted reads ?limit= and ?cursor=.
func pageWanted(r *http.Request) (page, error) {
	p, query := page{limit: pageSize}, r.URL.Query()
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > sale.MaxPage {
			return p, fmt.Errorf("%w: limit %.20q: want 1 to %d", errInput, text, sale.MaxPage)
		}
		p.limit = n
	}
	after, err := base64.RawURLEncoding.DecodeString(query.Get("cursor"))
	if err != nil {
		return p, fmt.Errorf("%w: cursor: want next of an earlier answer, unchanged", errInput)
	}
	p.after = string(after)
	return p, nil
}

// cursor is a place in a list, as its next page is asked for.
func cursor(place string) string { return base64.RawURLEncoding.EncodeToString([]byte(place)) }

// paged is an answer with one page of a list. Anyone who wants all follows next, or the Link
// header of RFC 8288, until there is none.
func (h *Handler) paged(w http.ResponseWriter, r *http.Request, name string, list any, next string) {
	answer := map[string]any{name: list}
	if next != "" {
		answer["next"] = cursor(next)
		linkNext(w, r, answer["next"].(string))
	}
	h.write(w, http.StatusOK, "application/json", answer)
}

func linkNext(w http.ResponseWriter, r *http.Request, cursor string) {
	query := r.URL.Query()
	query.Set("cursor", cursor)
	u := url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: query.Encode()}
	w.Header().Set("Link", "<"+u.String()+`>; rel="next"`)
}
