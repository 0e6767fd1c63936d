package remotestock_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/draw"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// crowd is a sale whose draw is due, which so many have joined.
func crowd(t testing.TB, joined int) (s *remotestock.Store, client redis.UniversalClient, d sale.Sale) {
	t.Helper()
	ctx := context.Background()
	addr := processtest.Redis(t, "--appendfsync", "no").Addr()
	s, _ = newStore(t, addr, "n1", func(c *remotestock.Config) { c.Call = 10 * time.Second })
	patient := remotestock.DefaultConfig(addr)
	patient.Call = time.Minute
	client = dial(t, addr, patient)
	d = lined("crowd", 4_000_000_000_000)
	d.LineLimit, d.LineSecret, d.LineSeed = sale.MaxLineLimit, sale.NewSecret(), sale.NewSecret()
	open(t, s, d)
	const atOnce = 500
	for first := 0; first < joined; first += atOnce {
		fields := make([]any, 0, 2*atOnce)
		for i := first; i < min(joined, first+atOnce); i++ {
			fields = append(fields, fmt.Sprintf("buyer-%09d@example.com", i), "d")
		}
		if err := client.HSet(ctx, remotestock.Keys(d.ID)[12], fields...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	client.HSet(ctx, remotestock.Keys(d.ID)[0], "joined", joined)
	due(t, s, d.ID, func(fields ...any) { client.HSet(ctx, remotestock.Keys(d.ID)[0], fields...) })
	client.ConfigSet(ctx, "slowlog-max-len", "100000")
	client.ConfigSet(ctx, "slowlog-log-slower-than", "0")
	client.Do(ctx, "SLOWLOG", "RESET")
	return s, client, d
}

// calls are how long each call since the last time took in Redis, the longest last.
func calls(t testing.TB, client redis.UniversalClient) []time.Duration {
	t.Helper()
	logged, err := client.SlowLogGet(context.Background(), -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	client.Do(context.Background(), "SLOWLOG", "RESET")
	took := make([]time.Duration, 0, len(logged))
	longest := redis.SlowLog{Args: []string{"none"}}
	for _, l := range logged {
		if strings.EqualFold(l.Args[0], "slowlog") { // what the test itself asks
			continue
		}
		if took = append(took, l.Duration); l.Duration > longest.Duration {
			longest = l
		}
	}
	t.Logf("%d calls, the longest of %s: %v", len(took), longest.Args[0], longest.Duration)
	slices.Sort(took)
	return took
}

// TestADrawOfManyKeepsRedisFree: nobody's claims wait for more than a piece of it.
func TestADrawOfManyKeepsRedisFree(t *testing.T) {
	ctx := context.Background()
	const joined = 100_000
	s, client, d := crowd(t, joined)
	l, err := draw.Take(ctx, s, &d, d.DrawAt)
	if err != nil {
		t.Fatal(err)
	}
	if _, missed, err := draw.Compute(ctx, s, &d, &l); err != nil || missed != nil {
		t.Fatal(missed, err)
	}
	pieces := calls(t, client)
	if err := client.HGetAll(ctx, remotestock.Keys(d.ID)[12]).Err(); err != nil {
		t.Fatal(err)
	}
	all := calls(t, client)
	// The very longest is that of a machine which had other things to do.
	piece, whole := pieces[len(pieces)*98/100], all[len(all)-1]
	t.Logf("%d calls, 98 %% of them up to %v, the longest %v; all places at once %v", len(pieces), piece, pieces[len(pieces)-1], whole)
	if piece > whole/10 || len(pieces) < joined/1024 {
		t.Errorf("got %d calls of up to %v, want pieces: all places at once take %v", len(pieces), piece, whole)
	}
}

// peak is the most memory that is in use while do runs, beyond what was.
func peak(do func()) (bytes uint64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, done := m.HeapInuse, make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			runtime.ReadMemStats(&m)
			bytes = max(bytes, m.HeapInuse)
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	do()
	close(done)
	group.Wait()
	return bytes - min(bytes, before)
}

// BenchmarkDraw measures a draw: of the allocator that takes it, of a node that reads the list, and of one
// that reads the places. Run it with -benchtime=1x.
func BenchmarkDraw(b *testing.B) {
	for _, joined := range []int{10_000, 1_000_000} {
		b.Run(strconv.Itoa(joined), func(b *testing.B) {
			ctx := context.Background()
			for range b.N {
				s, client, d := crowd(b, joined)
				var l sale.Line
				measure := func(what string, do func() error) {
					begun := time.Now()
					bytes := peak(func() {
						if err := do(); err != nil {
							b.Fatal(err)
						}
					})
					took := time.Since(begun)
					pieces := calls(b, client)
					b.ReportMetric(took.Seconds(), what+"-s")
					b.ReportMetric(float64(bytes)/1e6, what+"-MB")
					b.ReportMetric(float64(pieces[len(pieces)*98/100].Microseconds())/1e3, what+"-98%-call-ms")
					b.ReportMetric(float64(pieces[len(pieces)-1].Microseconds())/1e3, what+"-longest-call-ms")
					var all time.Duration
					for _, p := range pieces {
						all += p
					}
					b.ReportMetric(all.Seconds(), what+"-redis-s")
				}
				measure("take", func() (err error) { l, err = draw.Take(ctx, s, &d, d.DrawAt); return err })
				compute := func() error {
					_, _, err := draw.Compute(ctx, s, &d, &l)
					return err
				}
				measure("list", compute)
				client.Del(ctx, remotestock.Keys(d.ID)[14])
				client.Do(ctx, "SLOWLOG", "RESET")
				measure("places", compute)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkJoin compares what a join costs Redis with what a purchase does, both in full batches on disk.
func BenchmarkJoin(b *testing.B) {
	ctx := context.Background()
	addr := processtest.Redis(b).Addr()
	s, client := newStore(b, addr, "n1", func(c *remotestock.Config) { c.Ledger = true }, patience(time.Minute))
	cpu := func() float64 {
		info, err := client.Info(ctx, "cpu").Result()
		if err != nil {
			b.Fatal(err)
		}
		var sum float64
		for line := range strings.Lines(info) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && (name == "used_cpu_user" || name == "used_cpu_sys") {
				f, err := strconv.ParseFloat(value, 64)
				if err != nil {
					b.Fatal(err)
				}
				sum += f
			}
		}
		return sum
	}
	recorded := func(id sale.ID) {
		p, err := s.Page(ctx, id, "", 1)
		if err == nil {
			err = s.Forget(ctx, id, p.Chain, []string{p.Events[0].ID})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	run := func(b *testing.B, one func(i int) error) {
		before, next := cpu(), make(chan int)
		var group sync.WaitGroup
		for range 256 {
			group.Go(func() {
				for i := range next {
					if err := one(i); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for i := range b.N {
			next <- i
		}
		close(next)
		group.Wait()
		b.ReportMetric((cpu()-before)*1e6/float64(b.N), "redis-µs/op")
	}
	turn := 0
	b.Run("join", func(b *testing.B) {
		turn++
		d := lined(sale.ID(fmt.Sprint("joined-", turn)), 0)
		d.LineLimit = sale.MaxLineLimit
		open(b, s, d)
		recorded(d.ID)
		j := s.Joiner(d.ID, watcher{}, remotestock.DefaultCommitConfig())
		run(b, func(i int) error {
			_, err := j.Join(sale.Join{Buyer: sale.Buyer(fmt.Sprintf("buyer-%09d@example.com", i))})
			return err
		})
		j.Wait()
	})
	b.Run("purchase", func(b *testing.B) {
		turn++
		d := newSale(fmt.Sprint("bought-", turn), int64(b.N))
		open(b, s, d)
		recorded(d.ID)
		c := s.Committer(d.ID, watcher{}, remotestock.DefaultCommitConfig())
		run(b, func(i int) error { _, err := c.Decide(claim(fmt.Sprintf("buyer-%09d@example.com", i), 1)); return err })
		c.Wait()
	})
	b.Run("purchase with a place", func(b *testing.B) {
		turn++
		d := lined(sale.ID(fmt.Sprint("placed-", turn)), 0)
		d.LineLimit, d.LineRate, d.Total, d.Limit = sale.MaxLineLimit, sale.MaxLineRate, 2*int64(b.N)+1000, 1
		open(b, s, d)
		recorded(d.ID)
		j := s.Joiner(d.ID, watcher{}, remotestock.DefaultCommitConfig())
		var group sync.WaitGroup
		for range 256 {
			group.Go(func() {
				for range b.N/256 + 1 {
					if _, err := j.Join(sale.Join{Buyer: sale.Buyer(rand.Text())}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		group.Wait()
		j.Wait()
		for front := int64(0); front < int64(b.N); time.Sleep(100 * time.Millisecond) {
			var err error
			if front, _, err = s.Advance(ctx, d.ID, 0); err != nil {
				b.Fatal(err)
			}
		}
		c := s.Committer(d.ID, watcher{}, remotestock.DefaultCommitConfig())
		b.ResetTimer()
		run(b, func(i int) error {
			one := claim(fmt.Sprintf("buyer-%09d@example.com", i), 1)
			one.Place = int64(i + 1)
			_, err := c.Decide(one)
			return err
		})
		c.Wait()
	})
}
