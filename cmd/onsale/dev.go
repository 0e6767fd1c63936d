package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/app/settings"
	"onsale/internal/operate"
	"onsale/internal/payment"
	"onsale/internal/sale"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
	"onsale/internal/testbed/sandbox"
)

// dev runs a whole sale site on this machine until it is interrupted.
type dev struct {
	Real    bool   `help:"Run separate processes on a private redis-server, nginx and, where it is installed, PostgreSQL."`
	Nodes   int    `default:"3" help:"Selling nodes."`
	Tickets int64  `default:"300" help:"Tickets in the demo sale."`
	Port    uint16 `default:"8080" help:"Port of 127.0.0.1 where buyers arrive; 0 takes a free one."`
	Keys    string `default:"${keys}" type:"path" help:"File that keeps the keys which sign buyers' tokens."`

	Binaries string `type:"existingdir" help:"Folder with node, allocator and ledger, for --real. Empty: the folder of this program if they are there; otherwise they are built, which needs Go and the source."`
}

const (
	demoSale  = "demo"
	linedSale = "demo-line"
	demoLimit = 4
	// defaultFront is where pay looks for the site.
	defaultFront = "http://127.0.0.1:8080"
	// demoBuyer is who buys with the printed command; none of token's buyers.
	demoBuyer = "you"
	// auditPatience bounds the audit at the end: Redis is here, or it is not.
	auditPatience = time.Minute
)

// Validate reports every fault at once, or nil.
func (d *dev) Validate() error {
	var faults []error
	if d.Nodes < 1 || d.Nodes > 100 {
		faults = append(faults, fmt.Errorf("--nodes %d: want 1 to 100", d.Nodes))
	}
	if d.Tickets < 1 || d.Tickets > sale.MaxTotal {
		faults = append(faults, fmt.Errorf("--tickets %d: want 1 to %d", d.Tickets, sale.MaxTotal))
	}
	return errors.Join(faults...)
}

// site is a running cluster, and the facts about it.
type site interface {
	Open(ctx context.Context, d adminapi.Definition) error
	// Drain ends all but Redis, so that an audit finds the sale at rest.
	Drain() error
	Close() error
	// Done is closed when the site can't go on.
	Done() <-chan struct{}
	about() facts
	breakable
}

// Run starts the site, opens a sale, waits for the interrupt, drains and audits.
func (d *dev) Run(ctx context.Context, c *console) (err error) {
	start := time.Now()
	l, err := d.listen()
	if err != nil {
		return err
	}
	defer l.Close()
	issuer, err := keepIssuer(d.Keys)
	if err != nil {
		return err
	}
	secret, err := keepSecret(secretsBeside(d.Keys))
	if err != nil {
		return err
	}
	front := "http://" + l.Addr().String()
	payer, err := newPayer(secret, front, c)
	if err != nil {
		return err
	}
	others, err := sandbox.New(payer, issuer, front+"/sales/"+demoSale, func(err error) { c.logLine("sandbox: " + err.Error()) })
	if err != nil {
		return err
	}
	defer others.Close()
	open := d.embedded
	if d.Real {
		open = d.real
	}
	s, err := open(ctx, c, l, identities{issuer, secret, others.SignIn()})
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, demo := range d.sales(others.PayURL()) {
		if err := s.Open(ctx, demo); err != nil {
			return interrupted(ctx, err)
		}
	}
	signed, err := issuer.Token(demoBuyer, 24*time.Hour)
	if err != nil {
		return err
	}
	operated := devSite{Admin: strings.TrimPrefix(s.about().admin, "http://"), Token: s.about().token}
	if err := operated.save(siteBeside(d.Keys)); err != nil {
		return err
	}
	defer operated.remove(siteBeside(d.Keys))
	if stores := s.about().stores; stores.Database.URL != "" {
		if err := saveFile(storesBeside(d.Keys), storesFile(stores)); err != nil {
			return err
		}
		defer removeFile(storesBeside(d.Keys), storesFile(stores))
	}
	shown, err := startBoard(s, operated.Token, issuer, s.about().front, c)
	if err != nil {
		return err
	}
	defer shown.Close()
	if err := d.greet(c, s.about(), shown.url, signed, others, time.Since(start)); err != nil {
		return err
	}
	c.level.SetLevel(zap.WarnLevel)
	select {
	case <-ctx.Done():
	case <-s.Done():
	}
	c.level.SetLevel(zap.ErrorLevel)
	return errors.Join(shown.Close(), finish(c, s))
}

// identities are who may speak for buyers, and for their payments.
type identities struct {
	issuer   *testbed.Issuer
	payments payment.Secret
	signIn   string // the address where buyers sign in
}

// sales are the one that everybody may buy in, and one with a line, both open.
func (d *dev) sales(payURL string) []adminapi.Definition {
	const rules = "Tickets are personal. They can be given back until they are paid."
	return []adminapi.Definition{
		{
			ID: demoSale, Title: "Demo concert", Subtitle: "An evening that never takes place", Rules: rules,
			Price: 4200, Currency: "EUR", Total: d.Tickets, Limit: demoLimit, PayURL: payURL,
		},
		{
			ID: linedSale, Title: "Demo concert with a line", Subtitle: "One joins the line, and buys when it is one's turn", Rules: rules,
			Price: 4200, Currency: "EUR", Total: d.Tickets, Limit: demoLimit, PayURL: payURL, Admission: string(sale.AdmitLine),
		},
	}
}

// listen takes the front's port, so that one which is taken is known before
// anything starts.
func (d *dev) listen() (net.Listener, error) {
	l, err := net.Listen("tcp", process.Loopback(int(d.Port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken: end what listens there, or give --port 0 for a free one", d.Port)
	}
	if err != nil {
		return nil, fmt.Errorf("port %d: %w", d.Port, err)
	}
	return l, nil
}

// finish drains the site and audits what it sold.
func finish(c *console, s site) error {
	c.logLine("\ndraining; Ctrl-C again ends at once")
	ctx, cancel := context.WithTimeout(context.Background(), auditPatience)
	defer cancel()
	if err := s.startRedis(ctx); err != nil { // somebody may have killed it on the board
		return err
	}
	stores := s.about().stores // known only while the site is whole
	err := s.Drain()
	return errors.Join(err, auditEach(ctx, c, stores, 0, demoSale, linedSale))
}

// interrupted is the error of a start that failed: no more than the interruption, if
// the user ended it.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errors.New("interrupted before the sale was open")
	}
	return err
}

// facts are what the greeting shows of a site.
type facts struct {
	front   string // where buyers arrive, a URL
	admin   string // the admin API, a URL
	token   string // for the admin API
	metrics []endpoint
	honesty string // what this site can and can't show
	stores  operate.StoreFlags
}

// endpoint is one member's metrics.
type endpoint struct{ name, url string }

// greet prints commands that work as they stand, in their order: none has a
// place to fill in, and each is spelled as this tool was started.
func (d *dev) greet(c *console, f facts, board, signed string, others *sandbox.Sandbox, took time.Duration) error {
	tool := spelled(os.Args[0])
	text := fmt.Sprintf("%d tickets are on sale at %d nodes, after %.1f s. Open this page in a browser:\n\n", d.Tickets, d.Nodes, took.Seconds()) +
		"  " + f.front + "/sales/" + demoSale + "\n\n" +
		"board    " + board + "\n" +
		"page     " + f.front + "/sales/" + linedSale + "  with a line\n" +
		"page     " + others.SignIn() + "?buyer=NAME  as another buyer\n\n" +
		"Or buy from here:\n\n" +
		"  curl -s " + f.front + "/v1/sales/" + demoSale + "/orders -H 'Content-Type: application/json' -d '{\"quantity\":1}'" +
		" -H 'Authorization: Bearer " + signed + "' -w '\\n' | tee order.json\n\n" +
		"Pay for it, one way or the other. A second payment is a refund that is due:\n\n" +
		"  curl -s -d @order.json " + others.URL + "/pay\n" +
		"  " + tool + " pay \"$(cut -d'\"' -f4 order.json)\"" + d.payFlags(f.front) + "\n\n" +
		"sale     " + f.front + "/v1/sales/" + demoSale + "\n" +
		"operate  " + tool + " sale show " + demoSale + d.siteFlag() + "\n" +
		"admin    curl -H 'Authorization: Bearer " + f.token + "' " + f.admin + "/admin/v1/sales/" + demoSale + "\n"
	for _, m := range f.metrics {
		text += "metrics  " + m.url + "  " + m.name + "\n"
	}
	text += "tokens   " + tool + " token --buyers 1000" + d.keysFlag() + "\n" +
		"audit    " + tool + " audit " + demoSale + d.storeFlags(f.stores) + "\n\n" + f.honesty + "\nCtrl-C ends the sale and audits it.\n"
	_, err := fmt.Fprint(c.out, text)
	return err
}

// spelled is the tool as anyone who started it can start it again. What go run
// builds is gone, or renamed, by then.
func spelled(arg0 string) string {
	for part := range strings.SplitSeq(filepath.ToSlash(arg0), "/") {
		if strings.HasPrefix(part, "go-build") {
			return "go run ./cmd/onsale"
		}
	}
	if strings.ContainsAny(arg0, " \t") {
		return strconv.Quote(arg0)
	}
	return arg0
}

// storeFlags is the flag with which audit finds this site's stores. A password is no flag.
func (d *dev) storeFlags(at operate.StoreFlags) string {
	if at.Database.URL == "" {
		return " --redis-addr " + strings.Join(at.Redis.Addrs, ",")
	}
	return " --config " + strconv.Quote(storesBeside(d.Keys))
}

// payFlags are the flags with which pay finds this site.
func (d *dev) payFlags(front string) (flags string) {
	if front != defaultFront {
		flags += " --front " + front
	}
	if d.Keys != defaultKeys() {
		flags += " --secrets " + strconv.Quote(secretsBeside(d.Keys))
	}
	return flags
}

// keysFlag is the flag with which token finds the same keys.
func (d *dev) keysFlag() string {
	if d.Keys == defaultKeys() {
		return ""
	}
	return " --keys " + strconv.Quote(d.Keys)
}

// siteFlag is the flag with which verbs of the operators' API find this site, in an environment, or with a file of settings, that may name another one.
func (d *dev) siteFlag() string {
	_, noFile := os.Stat(cmp.Or(os.Getenv("ONSALE_CONFIG"), settings.DefaultFile("onsale")))
	if d.Keys == defaultKeys() && os.Getenv("ONSALE_ADMIN_TOKEN_FILE") == "" && os.Getenv("ONSALE_ADMIN_ADDR") == "" && noFile != nil {
		return ""
	}
	return " --dev-site " + strconv.Quote(siteBeside(d.Keys))
}
