package gossip

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A container that is put back on its network has another address: it sold nothing from then on,
// and flapped in the others' views.
func TestAMachineWithAnotherAddressIsNoticed(t *testing.T) {
	before := machine("172.20.0.5", running("127.0.0.1"), running("172.20.0.5"))
	for name, c := range map[string]struct {
		listen string
		after  network
		want   string
	}{
		"it has another one alone":         {":8081", machine("172.20.0.9", running("172.20.0.9")), "172.20.0.5:8081"},
		"it has none":                      {":8081", machine("", running("127.0.0.1")), ""},
		"it has both":                      {":8081", machine("172.20.0.9", running("172.20.0.5"), running("172.20.0.9")), ""},
		"the operator named the address":   {"172.20.0.5:8081", machine("172.20.0.9", running("172.20.0.9")), ""},
		"it has the same one, another way": {":8081", machine("", running("172.20.0.5")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now atomic.Pointer[network]
				now.Store(&before)
				watched := network{func() (net.IP, error) { return now.Load().route() }, func() ([]link, error) { return now.Load().links() }}
				time.AfterFunc(10*time.Second+time.Millisecond, func() { now.Store(&c.after) })
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begin := time.Now()
				err := watched.moved(ctx, c.listen)
				switch {
				case c.want == "" && err != nil:
					t.Errorf("got %v, want nothing", err)
				case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || time.Since(begin) > 12*time.Second):
					t.Errorf("got %v after %v, want the address lost within a second", err, time.Since(begin))
				}
			})
		})
	}
}
