package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
)

// pageSize is how many entries a page has. Raised, a list takes fewer calls; lowered, its first entries come sooner.
const pageSize = 100

// pages yields the entries of a list, at most limit, or all if that is 0. A page is asked for once the entries before
// it are taken. After an error nothing follows.
func pages[T any](ctx context.Context, c Client, path, name string, query url.Values, limit int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		query := maps.Clone(query)
		for left := limit; ; {
			size := pageSize
			if limit > 0 {
				size = min(size, left)
			}
			query.Set("limit", strconv.Itoa(size))
			page, _, err := read[map[string]json.RawMessage](ctx, c, http.MethodGet, path+"?"+query.Encode(), nil)
			if err != nil {
				yield(none, err)
				return
			}
			var entries []T
			if err := json.Unmarshal(page[name], &entries); err != nil {
				yield(none, fmt.Errorf("%s of %s: %w", name, c.Addr, err))
				return
			}
			for _, entry := range entries {
				if !yield(entry, nil) {
					return
				}
			}
			left -= len(entries)
			var next string
			_ = json.Unmarshal(page["next"], &next) // the last page has none
			if next == "" || limit > 0 && left <= 0 {
				return
			}
			query.Set("cursor", next)
		}
	}
}
