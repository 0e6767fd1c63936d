package rebalance

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
)

var update = flag.Bool("update", false, "rewrite the outcomes in testdata")

// TestScenarios plays testdata/*.txt. A scenario is blocks of commands, a line of
// dashes and what the commands print; # begins a comment. They run against a
// planner and a fake store, so they cover what the loop does with one sale, short
// of time passing. A command's arguments are in its method on scenario.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d scenarios and error %v, want some", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			played := play(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(played), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(string(text), played); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// play plays a scenario and returns it with the outcomes it had.
func play(t *testing.T, text string) string {
	s := newScenario(t)
	var lines []string
	outcome := false // inside the old outcome of a block, which is dropped
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case line == "":
			outcome = false
		case outcome:
			continue
		case line == "----":
			outcome = true
			lines = append(append(lines, line), s.printed...)
			s.printed = nil
			continue
		case !strings.HasPrefix(line, "#"):
			s.play(line)
		}
		lines = append(lines, line)
	}
	if len(s.printed) > 0 {
		t.Errorf("got %q printed after the last ----, want nothing", s.printed)
	}
	return strings.Join(lines, "\n") + "\n"
}

// scenario is one sale, its nodes and the planner that looks after it.
type scenario struct {
	t       *testing.T
	members *membershiptest.Members
	store   *store
	cfg     Config
	token   sale.Generation
	planner *planner
	amid    []int64 // what returns just before each next plan arrives
	printed []string
}

const scenarioSale sale.ID = "demo"

func newScenario(t *testing.T) *scenario {
	s := &scenario{t: t, members: membershiptest.New(), store: newStore(nil), cfg: DefaultConfig()}
	s.store.before = func(_ context.Context, op Op, _ sale.ID) error {
		if op == OpPlan && len(s.amid) > 0 {
			s.store.with(func() { s.book().giveBack(s.amid[0]) })
			s.amid = s.amid[1:]
		}
		return nil
	}
	s.takeOver()
	return s
}

// takeOver seats a new leader, who knows nothing of the one before.
func (s *scenario) takeOver() {
	s.token++
	loop := New(s.members, s.store, noHolder, s.cfg, Hooks{
		Planned: func(_ sale.ID, plan sale.Generation, reason Reason, _ int) {
			s.print("%s: plan %d", reason, plan)
			s.printPlan()
		},
		Expired: func(_ sale.ID, holds int) { s.print("expired %d", holds) },
		Failed:  func(op Op, err error) { s.print("%s failed: %v", op, err) },
	}, zap.NewNop())
	s.planner = newPlanner(scenarioSale, loop, s.token, func() { s.print("fenced") })
}

func (s *scenario) book() *book { return s.store.books[scenarioSale] }

func (s *scenario) print(format string, args ...any) {
	s.printed = append(s.printed, fmt.Sprintf(format, args...))
}

func (s *scenario) printPlan() {
	for _, share := range s.book().shares {
		s.print("  %s %d+%d claimed %d", share.Node, share.Slice, share.Buffer, share.Claimed)
	}
}

// play runs one line: a command and its arguments.
func (s *scenario) play(line string) {
	fields := strings.Fields(line)
	command, args := fields[0], fields[1:]
	switch command {
	case "sale": // sale 100: opens the sale with so many tickets
		s.store.open(scenarioSale, s.number(args[0]))
	case "tolerate": // tolerate 2: the configured number of failures; takes a new leader
		s.cfg.Tolerate = int(s.number(args[0]))
		s.takeOver()
	case "new-leader":
		s.takeOver()
	case "look": // the planner looks, and again as long as it wakes itself
		s.look()
	case "plan?": // plan?: prints the plan with what was claimed under it
		s.print("plan %d, remaining %d", s.book().plan, s.book().Counters().Remaining)
		s.printPlan()
	case "without": // without b c: what the others may still claim
		s.without(args)
	case "nodes", "join", "fail", "drain", "ready", "unready", "weight":
		s.change(command, args)
	default:
		s.trade(command, args)
	}
}

// change is what gossip reports. nodes, join and weight take name=weight.
func (s *scenario) change(what string, args []string) {
	if what == "nodes" {
		s.members.Set()
	}
	for _, arg := range args {
		name, weight, _ := strings.Cut(arg, "=")
		switch what {
		case "nodes", "join":
			view := append(slices.Clone(s.members.View()), sale.Node{Name: name, Weight: int(s.number(weight)), Ready: true})
			slices.SortFunc(view, func(a, b sale.Node) int { return strings.Compare(a.Name, b.Name) })
			s.members.Set(view...)
		case "fail":
			s.members.Fail(name)
		default:
			s.members.Update(func(n *sale.Node) bool {
				switch {
				case n.Name != name:
				case what == "weight":
					n.Weight = int(s.number(weight))
				case what == "drain":
					n.Draining = true
				default:
					n.Ready = what == "ready"
				}
				return true
			})
		}
	}
}

// trade is what buyers and the operator do.
func (s *scenario) trade(what string, args []string) {
	b := s.book()
	switch what {
	case "sell": // sell a 10: node a sells up to 10
		if want := s.number(args[1]); b.sell(args[0], want) < want {
			s.print("sold out")
		}
	case "return": // return 5: holds cancelled
		b.giveBack(s.number(args[0]))
	case "return-amid": // return-amid 5 1: so much returns before each of the next plans arrives
		for _, arg := range args {
			s.amid = append(s.amid, s.number(arg))
		}
	case "overdue": // overdue 5: so many holds pass their deadline
		b.overdue += s.number(args[0])
	case "restock": // restock -10: changes the total
		b.restock(s.number(args[0]))
	case "lose-plan": // the store lost the plan's shares
		b.shares = nil
	case "close", "reopen":
		if err := b.SetClosed(what == "close"); err != nil {
			s.t.Fatal(err)
		}
	case "newer-leader": // another allocator has written under a later token
		b.fence = s.token + 1
	default:
		s.t.Fatalf("no such command: %q", what)
	}
}

func (s *scenario) look() {
	before := len(s.printed)
	for again := true; again; {
		s.planner.look(s.t.Context())
		select {
		case <-s.planner.woken:
		default:
			again = false
		}
	}
	if len(s.printed) == before {
		s.print("nothing to do")
	}
}

func (s *scenario) without(gone []string) {
	var left int64
	for _, share := range s.book().shares {
		if !slices.Contains(gone, share.Node) {
			left += max(0, share.Slice+share.Buffer-share.Claimed)
		}
	}
	s.print("the others may claim %d, remaining %d", left, s.book().Counters().Remaining)
}

func (s *scenario) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatalf("got %q, want a number", text)
	}
	return n
}
