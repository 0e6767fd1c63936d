package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Node is what a node measures.
type Node struct {
	lost      *prometheus.GaugeVec
	orphans   prometheus.Counter
	answers   []prometheus.Counter
	purchases prometheus.Histogram
	calls     *prometheus.CounterVec
	took      *prometheus.HistogramVec
	decided   []prometheus.Counter
	resent    prometheus.Counter
	buffered  *prometheus.CounterVec
	adopted   *prometheus.CounterVec
	draws     *prometheus.CounterVec
	levels    *levels
}

// Level is what a node knows of one sale at the moment of a scrape, in tickets.
type Level struct {
	Sale                     string
	Slice, Buffer, Remaining int64
	SoldOut                  bool // Redis last said so
}

// NewNode registers a node's metrics. answers and outcomes are the closed sets
// that count by index; levels is asked at every scrape.
func (m *Metrics) NewNode(answers, outcomes []string, ask func() []Level) *Node {
	f := m.factory
	n := &Node{
		orphans: f.NewCounter(prometheus.CounterOpts{Name: "onsale_buyerapi_orphan_payments_total",
			Help: "Payments for orders that are in no record: the money has to go back."}),
		lost: f.NewGaugeVec(prometheus.GaugeOpts{Name: "onsale_remotestock_sale_lost",
			Help: "1 while the sale has lost data and is shut until it is reconciled."}, []string{"sale"}),
		purchases: f.NewHistogram(prometheus.HistogramOpts{Name: "onsale_buyerapi_purchase_seconds",
			Help: "Time from a verified purchase request to its answer.", Buckets: latencies}),
		calls: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_remotestock_calls_total",
			Help: "Script calls by script and result."}, []string{"script", "result"}),
		took: f.NewHistogramVec(prometheus.HistogramOpts{Name: "onsale_remotestock_call_seconds",
			Help: "Time of one script call.", Buckets: latencies}, []string{"script"}),
		resent: f.NewCounter(prometheus.CounterOpts{Name: "onsale_remotestock_resent_claims_total",
			Help: "Claims sent again because their outcome was unknown."}),
		buffered: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_localstock_touched_buffers_total",
			Help: "How often a slice ran out and the buffer was begun."}, []string{"sale"}),
		adopted: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_localstock_adopted_plans_total",
			Help: "Plans that replaced this node's allotment."}, []string{"sale"}),
		draws: f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_localstock_draws_total",
			Help: "Draws of a dry node by result."}, []string{"sale", "result"}),
		levels: newLevels(ask),
	}
	answered := f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_buyerapi_answers_total",
		Help: "Answers to buyers by problem code, or ok, created, replayed."}, []string{"code"})
	for _, a := range answers {
		n.answers = append(n.answers, answered.WithLabelValues(a))
	}
	decided := f.NewCounterVec(prometheus.CounterOpts{Name: "onsale_remotestock_claims_total",
		Help: "Claims that Redis decided, by outcome."}, []string{"outcome"})
	for _, o := range outcomes {
		n.decided = append(n.decided, decided.WithLabelValues(o))
	}
	m.registry.MustRegister(n.levels)
	return n
}

// Answered counts an answer by its index.
func (n *Node) Answered(i int) { n.answers[i].Inc() }

// Bought records how long a purchase took.
func (n *Node) Bought(d time.Duration) { n.purchases.Observe(seconds(d)) }

// Called records one script call.
func (n *Node) Called(script string, d time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	n.calls.WithLabelValues(script, result).Inc()
	n.took.WithLabelValues(script).Observe(seconds(d))
}

// Decided counts a claim by its outcome's index.
func (n *Node) Decided(i int) { n.decided[i].Inc() }

// Resent counts claims sent again.
func (n *Node) Resent(claims int) { n.resent.Add(float64(claims)) }

// Buffered counts a buffer begun.
func (n *Node) Buffered(sale string) { n.buffered.WithLabelValues(sale).Inc() }

// Adopted counts a plan adopted.
func (n *Node) Adopted(sale string) { n.adopted.WithLabelValues(sale).Inc() }

// Drew counts a draw by its result: granted, an outcome, or error.
func (n *Node) Drew(sale, result string) { n.draws.WithLabelValues(sale, result).Inc() }

// levels reads the local stocks when it is scraped, so that the hot path
// maintains no gauges.
type levels struct {
	ask                      func() []Level
	slice, buffer, remaining *prometheus.Desc
	soldOut                  *prometheus.Desc
}

func newLevels(ask func() []Level) *levels {
	return &levels{
		ask:       ask,
		slice:     prometheus.NewDesc("onsale_localstock_slice_tickets", "Tickets left in this node's slice.", []string{"sale"}, nil),
		buffer:    prometheus.NewDesc("onsale_localstock_buffer_tickets", "Tickets left in this node's buffer.", []string{"sale"}, nil),
		remaining: prometheus.NewDesc("onsale_checkout_remaining_tickets", "Tickets left in Redis by this node's newest reading.", []string{"sale"}, nil),
		soldOut:   prometheus.NewDesc("onsale_localstock_sold_out", "1 since Redis last said that nothing remains.", []string{"sale"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (l *levels) Describe(c chan<- *prometheus.Desc) {
	c <- l.slice
	c <- l.buffer
	c <- l.remaining
	c <- l.soldOut
}

// Collect implements prometheus.Collector.
func (l *levels) Collect(c chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int64, sale string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), sale)
	}
	for _, v := range l.ask() {
		gauge(l.slice, v.Slice, v.Sale)
		gauge(l.buffer, v.Buffer, v.Sale)
		gauge(l.remaining, v.Remaining, v.Sale)
		c <- prometheus.MustNewConstMetric(l.soldOut, prometheus.GaugeValue, flag(v.SoldOut), v.Sale)
	}
}

// Lost follows whether a sale has lost data.
func (n *Node) Lost(sale string, lost bool) { n.lost.WithLabelValues(sale).Set(flag(lost)) }

// Orphan counts a payment without an order.
func (n *Node) Orphan() { n.orphans.Inc() }
