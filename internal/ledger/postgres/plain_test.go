package postgres

import (
	"net/url"
	"strings"
	"testing"
)

// TestPostgreSQLsErrorsNameWhatToDo: operators read `relation "sales" does not exist`, or how Go
// reads URLs.
func TestPostgreSQLsErrorsNameWhatToDo(t *testing.T) {
	for name, c := range map[string]struct{ url, want string }{
		"a database without tables": {database(t), "start a ledger on it"},
		"a wrong password":          {with(t, func(u *url.URL) { u.User = url.UserPassword("onsale", "hidden") }), "mend the database's URL"},
		"no such database":          {with(t, func(u *url.URL) { u.Path = "/nowhere" }), "create it"},
		"no such port":              {"postgres://onsale:hidden@host:port/onsale", "want postgres://user:password@host:port/database"},
		"no URL":                    {"postgres://onsale:hid%den@%zz", "want postgres://user:password@host:port/database"},
		"no such setting":           {with(t, func(u *url.URL) { u.RawQuery += "&pool_max_conns=many" }), "pool_max_conns"},
		"no such way":               {with(t, func(u *url.URL) { u.RawQuery += "&default_query_exec_mode=fast" }), "default_query_exec_mode"},
	} {
		s, err := Open(t.Context(), c.url)
		if err == nil {
			_, err = s.Sales(t.Context())
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
			continue
		}
		for _, jargon := range []string{"relation", "SQLSTATE", "strconv", "parse ", "hidden", "hid%den"} {
			if strings.Contains(err.Error(), jargon) {
				t.Errorf("%s: got %v, want no %q in it", name, err, jargon)
			}
		}
	}
}
