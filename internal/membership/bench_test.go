package membership

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/testbed/await"
)

// usualRejoin keeps a hundred members from exchanging whole states with their seed all the time, as tests have few of them do.
func usualRejoin(c *Config) { c.Rejoin = DefaultConfig().Rejoin }

// BenchmarkCrashKnown measures from a member's silence to the moment when
// every survivor's view is without it.
func BenchmarkCrashKnown(b *testing.B) {
	for _, count := range []int{5, 20, 100} {
		b.Run(fmt.Sprintf("%d members", count), func(b *testing.B) {
			var worst time.Duration
			for b.Loop() {
				b.StopTimer()
				nodes := startNodes(b, count, usualRejoin)
				crashed, survivors := nodes[count-1], nodes[:count-1]
				b.StartTimer()
				begin := time.Now()
				crashed.crash()
				await.Within(b, 10*time.Second, "the crash known", func() bool { return allSee(survivors, count-1) })
				b.StopTimer()
				worst = max(worst, time.Since(begin))
				for _, m := range nodes {
					m.cancel()
				}
				for _, m := range nodes {
					m.stop(b)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/crash")
			b.ReportMetric(float64(worst.Milliseconds()), "ms/worst")
		})
	}
}

// BenchmarkFalseFailures counts live members declared failed while every
// core is kept busy by four times as many spinning goroutines.
func BenchmarkFalseFailures(b *testing.B) {
	const count = 20
	nodes := startNodes(b, count)
	var stop atomic.Bool
	var spinning sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		spinning.Go(func() {
			for !stop.Load() {
			}
		})
	}
	for b.Loop() {
		time.Sleep(10 * time.Second)
	}
	stop.Store(true)
	spinning.Wait()
	wrong := 0
	for _, m := range nodes {
		m.mu.Lock()
		for _, e := range m.events {
			if len(e) > 6 && e[:6] == "failed" {
				wrong++
			}
		}
		m.mu.Unlock()
	}
	b.ReportMetric(float64(wrong), "failures")
}
