package ratelimit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"onsale/internal/ratelimit"
	"onsale/internal/sale"
)

// A node has as much memory for its buyers as it had before the first one came.
const memory = 8 << 20

func TestABuyerGetsABurstAndThenTheRate(t *testing.T) {
	b := ratelimit.NewBuyers(ratelimit.Rate{PerSecond: 4, Burst: 3})
	for i, c := range []struct{ at, wait time.Duration }{
		{0, 0}, {0, 0}, {0, 0},
		{0, 250 * time.Millisecond},
		{200 * time.Millisecond, 50 * time.Millisecond}, // what was refused does not count
		{250 * time.Millisecond, 0},
		{250 * time.Millisecond, 250 * time.Millisecond},
		{time.Hour, 0}, {time.Hour, 0}, {time.Hour, 0}, // nobody saves up more than a burst
		{time.Hour, 250 * time.Millisecond},
	} {
		if got := b.Take("alice", c.at); got != c.wait {
			t.Errorf("request %d at %v: got a wait of %v, want %v", i, c.at, got, c.wait)
		}
	}
	if got := b.Take("bob", 0); got != 0 {
		t.Errorf("another buyer: got a wait of %v, want none", got)
	}
}

// The limiter agrees with one that keeps each buyer apart, as long as no others fill both cells.
func TestBuyersAreCountedAsIfEachHadAMap(t *testing.T) {
	const rate, burst, buyers = 5, 10, 2000
	b := ratelimit.NewBuyers(ratelimit.Rate{PerSecond: rate, Burst: burst})
	exact := map[sale.Buyer]time.Duration{}
	random := rand.New(rand.NewPCG(1, 2))
	differ, now := 0, time.Duration(0)
	const requests = 200_000
	for range requests {
		now += time.Duration(random.IntN(int(200 * time.Microsecond)))
		buyer := sale.Buyer(fmt.Sprint("buyer-", random.IntN(buyers)))
		next := max(exact[buyer], now) + time.Second/rate
		passes := next-now <= burst*time.Second/rate
		if passes {
			exact[buyer] = next
		}
		switch got := b.Take(buyer, now) == 0; {
		case got && !passes:
			t.Fatalf("%s at %v: got a pass, want a refusal", buyer, now)
		case !got && passes:
			differ++
		}
	}
	if bound := 2*ratelimit.Collisions(buyers)*requests + 10; float64(differ) > bound {
		t.Errorf("got %d refusals within the limit, want at most %.0f", differ, bound)
	}
}

// A million buyers come while 10,000 others ask without pause. The others are refused; of the million at most as
// many as the page promises; and the memory is what it was.
func TestAMillionBuyersFitIntoTheMemory(t *testing.T) {
	if got := unsafe.Sizeof(ratelimit.Buyers{}); got < memory || got > memory+4096 {
		t.Errorf("got %d bytes, want the arrays' %d", got, memory)
	}
	const others, honest, perSecond = 10_000, 1_000_000, 50_000
	b := ratelimit.NewBuyers(ratelimit.Rate{PerSecond: 5, Burst: 10})
	hostile := make([]sale.Buyer, others)
	for i := range hostile {
		hostile[i] = sale.Buyer(fmt.Sprint("hostile-", i))
	}
	refused, passed := 0, 0
	for i := range honest {
		now := time.Duration(i) * time.Second / perSecond
		if i%(perSecond/10) == 0 { // each of them has up to half a request saved up meanwhile
			for _, h := range hostile {
				for b.Take(h, now) == 0 {
					passed++
				}
			}
		}
		if b.Take(sale.Buyer("honest-"+strconv.Itoa(i)), now) != 0 {
			refused++
		}
	}
	if most := float64(others) * (10 + 5*honest/perSecond); float64(passed) > most {
		t.Errorf("got %d requests of those who ask too often, want at most %.0f", passed, most)
	}
	// The number of refusals is spread like Poisson's: four deviations are one test in 30,000.
	expected := ratelimit.Collisions(others) * honest
	if low, high := expected-4*math.Sqrt(expected), expected+4*math.Sqrt(expected); float64(refused) > high || float64(refused) < low/2 {
		t.Errorf("got %d of %d refused within their limit, want at most %.0f, and about %.0f", refused, honest, high, expected)
	}
	t.Logf("%d of %d refused within their limit, %.4f %% (stated: %.4f %%)", refused, honest, 100*float64(refused)/honest, 100*ratelimit.Collisions(others))
}

// A million buyers who all ask once in the same moment are no reason to refuse one.
func TestAMillionBuyersAtOnceAreServed(t *testing.T) {
	b := ratelimit.NewBuyers(ratelimit.Rate{PerSecond: 5, Burst: 10})
	refused := 0
	for i := range 1_000_000 {
		if b.Take(sale.Buyer("buyer-"+strconv.Itoa(i)), 0) != 0 {
			refused++
		}
	}
	if refused > 0 {
		t.Errorf("got %d of a million refused, want none", refused)
	}
}

func TestRequestsAtTheSameTimeAreCounted(t *testing.T) {
	const burst, workers = 1000, 8
	b := ratelimit.NewBuyers(ratelimit.Rate{PerSecond: 0.001, Burst: burst})
	var passed atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range burst {
				if b.Take("alice", 0) == 0 {
					passed.Add(1)
				}
			}
		})
	}
	group.Wait()
	// Each of two requests within the same nanoseconds may count once.
	if got := passed.Load(); got < burst || got > 2*burst {
		t.Errorf("got %d of %d passed, want about the burst of %d", got, burst*workers, burst)
	}
	t.Logf("%d of a burst of %d", passed.Load(), burst)
}

func TestTakingAllocatesNothing(t *testing.T) {
	l, err := ratelimit.New(ratelimit.Limits{Buyer: ratelimit.Rate{PerSecond: 1, Burst: 10}, Node: ratelimit.Rate{PerSecond: 10, Burst: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(1000, func() { l.Take("alice", false) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func BenchmarkTake(b *testing.B) {
	l, err := ratelimit.New(ratelimit.Limits{Buyer: ratelimit.Rate{PerSecond: 50, Burst: 250}})
	if err != nil {
		b.Fatal(err)
	}
	buyers := make([]sale.Buyer, 1<<16)
	for i := range buyers {
		buyers[i] = sale.Buyer(fmt.Sprint("buyer-", i))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.Take(buyers[i%len(buyers)], false)
	}
}
