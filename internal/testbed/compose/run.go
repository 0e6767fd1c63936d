package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"onsale/internal/testbed"
)

const (
	saleID = "stack"
	// tickets are more than are asked for: nobody may be refused.
	tickets = 1_000_000
	// perSecond leaves two cores room for containers that start and stop. Raised, a busy machine is
	// measured; lowered, fewer requests meet an event.
	perSecond = 150
	// connections are those to each Nginx.
	connections = 8
	// teardown bounds how long removing the project may take.
	teardown = 2 * time.Minute
)

// test is one run.
type test struct {
	project *project
	buyers  *buyers
	log     func(string)
	figures []figure
	// interrupt is the event during which this process gets SIGINT; empty for none.
	interrupt string
}

// figure is one measurement, such as the time until a killed node is noticed.
type figure struct {
	what string
	took time.Duration
}

func (t *test) measured(what string, took time.Duration) {
	t.figures = append(t.figures, figure{what, took})
	t.log(fmt.Sprintf("%s: %.1f s", what, took.Seconds()))
}

// Run tests the docker-compose.yml of a repository's folder and writes a report. An error is
// [ErrNoEngine], a failure of the stack, or what the audit found. All containers, volumes and
// networks are removed, also if ctx ends; it is an error if one is left.
//
// With interrupt, the name of an event, this process sends itself SIGINT during that event. Then it is an error if
// ctx does not end, and none that it does.
func Run(ctx context.Context, root, interrupt string, out io.Writer, log func(string)) (err error) {
	if err := checkEngine(ctx); err != nil {
		return err
	}
	root, err = filepath.Abs(root)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "onsale-compose-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	begin := time.Now()
	if err := buildImages(ctx, root, dir, log); err != nil {
		return err
	}
	built := time.Since(begin)
	p, err := newProject(ctx, root, dir)
	if err != nil {
		return err
	}
	defer func() {
		log("removing the project " + p.name)
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardown)
		defer cancel()
		if interrupt != "" {
			err = interrupted(ctx, interrupt, err)
		}
		err = errors.Join(err, p.down(after))
	}()
	issuer, err := testbed.LoadIssuer(filepath.Join(p.secrets, "token-keys.json"))
	if err != nil {
		return err
	}
	t := &test{project: p, buyers: newBuyers(issuer, saleID, perSecond), log: log, interrupt: interrupt}
	t.measured("building the images", built)
	err = t.sell(ctx)
	if err != nil && ctx.Err() == nil {
		err = errors.Join(err, t.logs(ctx))
	}
	return errors.Join(err, t.report(out))
}

// sell brings the stack up, sells while every event happens, and audits.
func (t *test) sell(ctx context.Context) error {
	begin := time.Now()
	t.log("starting the project " + t.project.name)
	if err := t.project.scale(ctx, 3); err != nil {
		return err
	}
	if err := t.project.open(ctx, saleID, tickets); err != nil {
		return err
	}
	if _, err := t.project.awaitSelling(ctx, 3); err != nil {
		return err
	}
	if err := t.project.awaitFronts(ctx); err != nil {
		return err
	}
	if err := t.project.awaitKnown(ctx, saleID); err != nil {
		return err
	}
	buying, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { t.buyers.run(buying, connections, t.project.fronts...) })
	err := t.events(ctx, begin)
	stop()
	group.Wait()
	if err != nil {
		return err
	}
	return errors.Join(t.audit(ctx), t.planned(), t.soldOut(ctx))
}

// planned is an error if an operator's change has cost buyers anything.
func (t *test) planned() error {
	var errs []error
	for _, p := range t.buyers.periods {
		if p.Planned && p.Failed() > 0 {
			errs = append(errs, fmt.Errorf("%s: %d of %d requests failed, want none", p.Name, p.Failed(), p.Sent))
		}
	}
	return errors.Join(errs...)
}

// interrupted is the outcome of a run that was to be interrupted, and ended with err.
func interrupted(ctx context.Context, event string, err error) error {
	if ctx.Err() == nil {
		return errors.Join(err, fmt.Errorf("not interrupted: is %q an event?", event))
	}
	return nil
}

// logs are the last lines of all containers, for a failure.
func (t *test) logs(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	text, err := t.project.compose(ctx, "logs", "--tail", "15", "--no-color")
	if err != nil {
		return err
	}
	return fmt.Errorf("the containers' logs:\n%s", text)
}
