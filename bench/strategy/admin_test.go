package strategy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

func TestAdmin(t *testing.T) {
	for _, count := range []int{0, 1, 30_000} {
		t.Run(fmt.Sprint(count, " orders arrive as they are"), func(t *testing.T) {
			want := []Order{}
			for i := range count {
				want = append(want, Order{ID: fmt.Sprint("order-", i), Buyer: fmt.Sprint(`b"`, i), At: time.UnixMilli(int64(i)).UTC()})
			}
			x := serve(t, fake{orders: func(string) ([]Order, error) { return want, nil }})
			got, err := x.Orders(t.Context(), "s")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("orders (-want +got):\n%.2000s", diff)
			}
		})
	}
	t.Run("names and numbers arrive as they are", func(t *testing.T) {
		var asked []any
		x := serve(t, fake{
			open:      func(name string, total int64) error { asked = append(asked, name, total); return nil },
			remaining: func(name string) (int64, error) { asked = append(asked, name); return -3, nil },
			orders:    func(name string) ([]Order, error) { asked = append(asked, name); return nil, nil },
		})
		if err := x.Open(t.Context(), "a-1", 70); err != nil {
			t.Error(err)
		}
		if n, err := x.Remaining(t.Context(), "a&b=c"); n != -3 || err != nil {
			t.Errorf("remaining: got %d, %v, want -3", n, err)
		}
		if _, err := x.Orders(t.Context(), "ü %"); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]any{"a-1", int64(70), "a&b=c", "ü %"}, asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
	t.Run("errors keep their kind and their text", func(t *testing.T) {
		for _, kind := range []error{sale.ErrNoSale, sale.ErrConflict, sale.ErrUnavailable, errors.New("a fault")} {
			failed := func() error { return fmt.Errorf("what happened: %w", kind) }
			x := serve(t, fake{
				open:      func(string, int64) error { return failed() },
				remaining: func(string) (int64, error) { return 0, failed() },
				orders:    func(string) ([]Order, error) { return nil, failed() },
			})
			_, err1 := x.Remaining(t.Context(), "s")
			_, err2 := x.Orders(t.Context(), "s")
			for _, err := range []error{x.Open(t.Context(), "s", 1), err1, err2} {
				kept := kind != sale.ErrNoSale && kind != sale.ErrConflict || errors.Is(err, kind)
				if err == nil || !kept || !strings.Contains(err.Error(), "what happened: "+kind.Error()) {
					t.Errorf("got %v, want %v", err, kind)
				}
			}
		}
	})
	t.Run("what is no sale is never opened", func(t *testing.T) {
		x := serve(t, fake{})
		for name, total := range map[string]int64{`a"b`: 1, "": 1, "a": -1, "b": sale.MaxTotal + 1} {
			if err := x.Open(t.Context(), name, total); err == nil {
				t.Errorf("%q of %d: got no error", name, total)
			}
		}
		if a, err := x.send(t.Context(), "POST", openPath, "", "{"); err != nil || a.status != 422 {
			t.Errorf("got %d, %v, want 422", a.status, err)
		}
	})
}
